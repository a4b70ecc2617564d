//! Private files: modes, links and whole contents.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use l402_host::{FileFault, FileLock, private, sqlite};

use crate::NOTES;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

fn widen(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

/// ATTACKS O-12.
#[test]
fn files_and_folders_are_for_their_owner_alone() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("a/b");
    private::create_folder(&folder).unwrap();
    assert_eq!(
        (mode(&folder), mode(&above.path().join("a"))),
        (0o700, 0o700)
    );
    let path = |name: &str| folder.join(name);
    private::create(&path("created"), b"1").unwrap();
    private::replace(&path("replaced"), b"2").unwrap();
    private::open(&path("opened")).unwrap();
    let _database = sqlite::open(&path("notes.db"), &NOTES).unwrap();
    let _lock = FileLock::try_take(&path("lock")).unwrap();
    let names = names(&folder);
    assert_eq!(names.len(), 7, "{names:?}");
    assert!(names.iter().all(|name| mode(&path(name)) == 0o600));
}

/// FAULTS S13: folders that exist are narrowed, unless they hold more than the program's files.
#[test]
fn an_existing_folder_is_narrowed_or_refused() {
    let above = tempfile::tempdir().unwrap();
    let folder = |name: &str, mode: u32| {
        let path = above.path().join(name);
        fs::create_dir(&path).unwrap();
        widen(&path, mode);
        path
    };
    for wide in [0o777, 0o755, 0o710] {
        let path = folder(&format!("plain-{wide}"), wide);
        fs::write(path.join("anything"), "").unwrap();
        private::create_folder(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        let home = folder(&format!("home-{wide}"), wide);
        for ours in ["master.key", "gateway.db-wal", "client"] {
            fs::write(home.join(ours), "").unwrap();
        }
        private::create_home(&home).unwrap();
        assert_eq!(mode(&home), 0o700);
    }
    let project = folder("project", 0o755);
    fs::write(project.join("main.rs"), "").unwrap();
    private::create_home(&project).unwrap();
    assert_eq!(mode(&project), 0o755, "not ours alone");
    widen(&project, 0o777);
    let error = private::create_home(&project).unwrap_err().to_string();
    assert!(
        error.contains("chmod 700") && error.contains("777"),
        "{error}"
    );
    fs::set_permissions(&project, fs::Permissions::from_mode(0o1777)).unwrap();
    private::create_home(&project).unwrap();
}

/// FAULTS S13: a master key where others could exchange it.
#[test]
fn a_key_is_refused_where_others_choose_it() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("keys");
    private::create_folder(&folder).unwrap();
    let (key, link) = (folder.join("a.key"), above.path().join("link"));
    private::create(&key, b"secret").unwrap();
    assert_eq!(private::read_key(&key).unwrap().as_slice(), b"secret");
    symlink(&key, &link).unwrap();
    let error = private::read_key(&link).unwrap_err();
    assert!(matches!(error.fault(), FileFault::LinkTo(_)), "{error}");
    assert!(error.to_string().contains("keys/a.key"), "{error}");
    for open in [0o777, 0o770, 0o702] {
        widen(&folder, open);
        let error = private::read_key(&key).unwrap_err().to_string();
        assert!(
            error.contains("chmod go-w") && error.contains("keys"),
            "{error}"
        );
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o1777)).unwrap();
    private::read_key(&key).unwrap();
    widen(&folder, 0o755);
    private::read_key(&key).unwrap();
    assert!(matches!(
        private::read_key(&folder).unwrap_err().fault(),
        FileFault::NotPlain
    ));
}

/// FAULTS S13: a TLS key that everybody can read.
#[test]
fn a_tls_key_is_for_its_owner_and_its_group() {
    let folder = tempfile::tempdir().unwrap();
    let (key, link) = (
        folder.path().join("key.pem"),
        folder.path().join("live.pem"),
    );
    fs::write(&key, "PEM").unwrap();
    symlink(&key, &link).unwrap();
    for (open, fix) in [(0o644, "chmod 640"), (0o602, "chmod 600")] {
        widen(&key, open);
        let error = private::read_tls_key(&link).unwrap_err().to_string();
        assert!(error.contains(fix) && error.contains("live.pem"), "{error}");
    }
    for closed in [0o600, 0o640, 0o400] {
        widen(&key, closed);
        assert_eq!(private::read_tls_key(&link).unwrap().as_slice(), b"PEM");
    }
}

#[test]
fn a_database_that_others_could_read_is_narrowed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    drop(sqlite::open(&path, &NOTES).unwrap());
    widen(&path, 0o644);
    drop(sqlite::open(&path, &NOTES).unwrap());
    assert_eq!(mode(&path), 0o600);
    // FAULTS S13: also one that is not opened, and the log that it was left with.
    let log = folder.path().join("notes.db-wal");
    fs::write(&log, "").unwrap();
    widen(&log, 0o666);
    widen(&path, 0o644);
    sqlite::narrow(&path).unwrap();
    assert_eq!((mode(&path), mode(&log)), (0o600, 0o600));
    sqlite::narrow(&folder.path().join("missing.db")).unwrap();
}

#[test]
fn a_secret_that_others_could_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.key");
    private::create(&path, b"secret").unwrap();
    widen(&path, 0o640);
    for error in [private::read(&path), private::read_key(&path)] {
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("chmod 600") && error.contains("640"),
            "{error}"
        );
    }
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    widen(&closed, 0o755);
    let error = private::create_closed_folder(&closed)
        .unwrap_err()
        .to_string();
    assert!(error.contains("chmod 700"), "{error}");
}

/// ATTACKS O-12.
#[test]
fn links_are_refused_and_their_targets_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    fs::write(&target, "").unwrap();
    widen(&target, 0o644);
    symlink(&target, &link).unwrap();
    let errors = [
        private::open(&link).map(drop).unwrap_err(),
        private::read(&link).map(drop).unwrap_err(),
        sqlite::open(&link, &NOTES).map(drop).unwrap_err(),
        FileLock::try_take(&link).map(drop).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error.fault(), FileFault::NotPlain), "{error}");
        assert!(error.to_string().contains("not a plain file"), "{error}");
    }
    assert!(!private::create(&link, b"x").unwrap(), "the name is taken");
    assert_eq!(
        (fs::read(&target).unwrap().len(), mode(&target)),
        (0, 0o644)
    );
    private::replace(&link, b"x").unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
    assert_eq!(fs::read(&target).unwrap().len(), 0);
}

#[test]
fn a_dangling_link_makes_no_file_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("elsewhere");
    let link = folder.path().join("notes.db");
    symlink(&target, &link).unwrap();
    sqlite::open(&link, &NOTES).unwrap_err();
    assert!(!target.exists());
}

#[test]
fn other_kinds_of_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("folder");
    fs::create_dir(&path).unwrap();
    for path in [path.as_path(), Path::new("/dev/null")] {
        let error = private::open(path).unwrap_err();
        assert!(matches!(error.fault(), FileFault::NotPlain), "{error}");
        let error = private::read(path).unwrap_err();
        assert!(matches!(error.fault(), FileFault::NotPlain), "{error}");
    }
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    private::create_folder(&file).unwrap_err();
}

#[test]
fn of_many_who_create_one_wins_and_nothing_else_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.key");
    let start = std::sync::Barrier::new(8);
    let made: Vec<bool> = std::thread::scope(|scope| {
        let create = |byte: u8| {
            start.wait();
            private::create(&path, &[byte; 32]).unwrap()
        };
        let threads: Vec<_> = (0..8)
            .map(|byte| scope.spawn(move || create(byte)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len(), 32);
    assert!(
        made[usize::from(bytes[0])],
        "the winner's bytes stand there"
    );
    assert_eq!(names(folder.path()), ["a.key"]);
}

#[test]
fn a_replacement_is_whole_and_leaves_no_draft() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("receipt");
    fs::write(&path, "old, and longer").unwrap();
    private::check_replace(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old, and longer");
    private::replace(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(names(folder.path()), ["receipt"]);
    private::check_replace(&folder.path().join("missing/receipt")).unwrap_err();
}

#[test]
fn a_key_may_come_from_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo")
        .args(["-m", "600"])
        .arg(&pipe)
        .status();
    assert!(made.unwrap().success());
    std::thread::scope(|scope| {
        scope.spawn(|| fs::write(&pipe, "secret").unwrap());
        assert_eq!(private::read_key(&pipe).unwrap().as_slice(), b"secret");
    });
}

#[test]
fn a_file_that_is_too_large_is_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.key");
    private::create(&path, &[b'a'; 64 * 1024]).unwrap();
    assert_eq!(private::read(&path).unwrap().len(), 64 * 1024);
    private::replace(&path, &[b'a'; 64 * 1024 + 1]).unwrap();
    let error = private::read(&path).unwrap_err().to_string();
    assert!(error.contains("larger than 64 KiB"), "{error}");
}

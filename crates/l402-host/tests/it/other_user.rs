//! Files of other users, and folders in which nothing may be written.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use l402_host::{FileFault, FileLock, private, sqlite};
use rustix::process::{Uid, geteuid};

use crate::NOTES;

/// A user that owns nothing.
const NOBODY: u32 = 65534;

/// Makes a file that belongs to another user. Root gives a new one away; any other user takes one
/// of root's.
fn foreign(folder: &Path) -> PathBuf {
    if geteuid().is_root() {
        let path = folder.join("theirs");
        fs::write(&path, "theirs").expect("a file");
        chown(&path, Some(NOBODY), None).expect("root may");
        path
    } else {
        PathBuf::from("/etc/passwd")
    }
}

#[test]
fn a_file_of_another_user_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = foreign(folder.path());
    let before = (
        fs::read(&path).unwrap(),
        fs::metadata(&path).unwrap().permissions(),
    );
    let errors = [
        private::open(&path).map(drop).unwrap_err(),
        sqlite::open(&path, &NOTES).map(drop).unwrap_err(),
        private::read(&path).map(drop).unwrap_err(),
        // FAULTS S13: also a key that the operator names, unless it is the superuser's.
        private::read_key(&path).map(drop).unwrap_err(),
        FileLock::try_take(&path).map(drop).unwrap_err(),
    ];
    for error in errors {
        let text = error.to_string();
        // A user other than root cannot even open root's file for writing.
        let denied = text.contains("owner");
        assert!(
            matches!(error.fault(), FileFault::OtherOwner { .. }) || denied,
            "{text}"
        );
    }
    let after = (
        fs::read(&path).unwrap(),
        fs::metadata(&path).unwrap().permissions(),
    );
    assert_eq!(before, after);
}

/// Runs `work` in a thread with the rights of an ordinary user.
fn as_ordinary_user(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        if geteuid().is_root() {
            let nobody = Uid::from_raw(NOBODY);
            rustix::thread::set_thread_res_uid(None, nobody, None).expect("root may");
        }
        work();
    });
    thread.join().expect("the thread's checks hold");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let path = folder.path().join("notes.db");
    as_ordinary_user(move || {
        let errors = [
            sqlite::open(&path, &NOTES).map(drop).unwrap_err(),
            private::open(&path).map(drop).unwrap_err(),
            private::create(&path, b"x").map(drop).unwrap_err(),
            private::replace(&path, b"x").unwrap_err(),
            private::check_replace(&path).unwrap_err(),
            FileLock::try_take(&path).map(drop).unwrap_err(),
            private::create_folder(&path).unwrap_err(),
        ];
        for error in errors {
            let text = error.to_string();
            assert!(
                text.contains("notes.db") && text.contains("check folder and owner"),
                "{text}"
            );
        }
    });
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

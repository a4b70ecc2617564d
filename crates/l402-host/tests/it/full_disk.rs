//! A disk without space: a clear error, and the old data is still there.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use l402_host::{FileFault, private, sqlite};
use rusqlite::Connection;

use crate::{NOTES, part, part_path};

/// A folder with 128 KiB of space. Unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Returns `None` if this user may mount nothing.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=128k,mode=0700", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

/// Writes until no space is left. Returns the number of rows that were committed.
fn fill(connection: &Connection) -> (i64, rusqlite::Error) {
    let sql = "INSERT INTO notes (text) VALUES (hex(randomblob(2000)))";
    let error = (0..10_000)
        .find_map(|_| connection.execute_batch(sql).err())
        .expect("the space ends");
    let count = "SELECT count(*) FROM notes";
    let rows = connection.query_row(count, [], |row| row.get(0));
    (rows.expect("reading needs no space"), error)
}

fn a_full_database_keeps_its_rows(path: &Path) -> FileFault {
    let connection = sqlite::open(path, &NOTES).expect("it opens");
    let (rows, error) = fill(&connection);
    assert!(rows > 0);
    let fault = sqlite::fault(&error);
    drop(connection);
    let sql = "SELECT count(*) FROM notes";
    let connection = Connection::open(path).expect("it opens");
    let kept = connection.query_row(sql, [], |row| row.get(0));
    assert_eq!(kept, Ok(rows));
    fault
}

#[test]
fn a_full_disk_is_named_and_nothing_is_lost() {
    let Some(disk) = SmallDisk::mount() else {
        return; // The test below limits the size of files instead, which needs no rights.
    };
    let path = |name: &str| disk.0.path().join(name);
    private::create(&path("a.key"), b"old").unwrap();
    let fault = a_full_database_keeps_its_rows(&path("notes.db"));
    assert!(matches!(fault, FileFault::Full), "{fault}");
    fs::write(path("filler"), vec![0; 128 * 1024]).expect_err("it is full");
    let error = private::replace(&path("a.key"), &[1; 128 * 1024]).unwrap_err();
    assert!(error.to_string().contains("no space is left"), "{error}");
    assert_eq!(private::read(&path("a.key")).unwrap().as_slice(), b"old");
    let error = sqlite::open(&path("second.db"), &NOTES).unwrap_err();
    assert!(matches!(error.fault(), FileFault::Full), "{error}");
    fs::remove_file(path("filler")).unwrap();
}

#[test]
fn a_limit_on_the_size_of_files_loses_nothing() {
    if let Some(path) = part_path() {
        let fault = a_full_database_keeps_its_rows(&path.join("notes.db"));
        assert!(
            matches!(fault, FileFault::Full | FileFault::Sqlite(_)),
            "{fault}"
        );
        private::create(&path.join("a.key"), b"old").unwrap();
        private::replace(&path.join("a.key"), &[1; 256 * 1024]).unwrap_err();
        assert_eq!(
            private::read(&path.join("a.key")).unwrap().as_slice(),
            b"old"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let name = "full_disk::a_limit_on_the_size_of_files_loses_nothing";
    let part = part(name, folder.path());
    // Without the trap the first write over the limit would end the process.
    let mut limited = Command::new("bash");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$@\"", "bash"])
        .arg(part.get_program())
        .args(part.get_args())
        .env("PART_PATH", folder.path());
    let output = limited.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
}

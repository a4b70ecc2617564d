//! First starts of several processes at once.

use std::io::Write as _;
use std::process::Stdio;

use l402_host::sqlite;

use crate::{NOTES, part, part_path};

/// Each process opens, writes one row and says so.
#[test]
fn two_processes_race_the_first_open() {
    if let Some(path) = part_path() {
        // The parent lets both go at the same moment, by closing their input.
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).expect("stdin ends");
        let connection = sqlite::open(&path, &NOTES).expect("it opens");
        let sql = "INSERT INTO notes (text) VALUES ('here')";
        connection.execute_batch(sql).expect("it is written");
        return;
    }
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.db");
        let name = "two_processes::two_processes_race_the_first_open";
        let start = || {
            let mut command = part(name, &path);
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            command.spawn().expect("it starts")
        };
        let mut processes = [start(), start(), start()];
        for process in &mut processes {
            process.stdin.as_mut().unwrap().write_all(b"ready").unwrap();
        }
        for process in &mut processes {
            drop(process.stdin.take());
        }
        for process in processes {
            let output = process.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{text}");
        }
        let connection = sqlite::open(&path, &NOTES).unwrap();
        let sql = "SELECT count(*) FROM notes";
        let rows: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 3);
    }
}

/// On Unix a process loses its locks on a file when it closes any handle of it. The other process
/// would then take itself for the last one, and remove the log under the first.
#[test]
fn a_second_opening_does_not_give_up_the_locks_of_the_first() {
    if let Some(path) = part_path() {
        let connection = sqlite::open(&path, &NOTES).expect("it opens");
        let sql = "INSERT INTO notes (text) VALUES ('there')";
        connection.execute_batch(sql).expect("it is written");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let first = sqlite::open(&path, &NOTES).unwrap();
    drop(sqlite::open(&path, &NOTES).unwrap());
    let name = "two_processes::a_second_opening_does_not_give_up_the_locks_of_the_first";
    assert!(part(name, &path).output().unwrap().status.success());
    assert!(path.with_extension("db-wal").exists(), "the log is in use");
    let sql = "INSERT INTO notes (text) VALUES ('here')";
    first.execute_batch(sql).unwrap();
    drop(first);
    let connection = sqlite::open(&path, &NOTES).unwrap();
    let sql = "SELECT count(*) FROM notes";
    let rows: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 2);
}

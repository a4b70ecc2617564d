//! Files in every bad state: each fault gives a clear error, and nothing is lost.

mod full_disk;
mod lock;
mod other_user;
mod postgres;
mod postgres_tls;
mod private;
mod sqlite;
mod two_processes;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use l402_host::sqlite::{Schema, application_id};

/// Two versions of a small file. Version 1 had no `note`.
const NOTES: Schema = Schema {
    name: "notebook",
    application_id: application_id(*b"note"),
    create: "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL, author TEXT) STRICT",
    upgrades: &["ALTER TABLE notes ADD COLUMN author TEXT"],
    tables: &["notes"],
    busy_timeout: Duration::from_secs(5),
    checkpoint_pages: 1000,
};

/// Returns the command for the part of a test that runs in another process: this binary again, with
/// that one test, and `PART_PATH` set.
fn part(test: &str, path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command
        .args([test, "--exact", "--nocapture"])
        .env("PART_PATH", path);
    command
}

/// Returns the path that the other process was given, or `None` in the test itself.
#[expect(
    clippy::disallowed_methods,
    reason = "a child process is given its path"
)]
fn part_path() -> Option<std::path::PathBuf> {
    std::env::var("PART_PATH").ok().map(Into::into)
}

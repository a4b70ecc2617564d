//! The owner of a reservation: an open ledger, which is alive while its lock file is locked.
//!
//! The operating system frees a lock when the process ends, however it ends. An owner's number is
//! random and never used again, so a lock file that is missing or free belongs to a dead owner.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use l402_host::FileLock;

/// An open ledger as an owner. Dropping it frees the lock.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) id: i64,
    _lock: FileLock,
}

impl Owner {
    /// Makes a new owner, whose lock file lies beside the ledger's file.
    pub(super) fn new(ledger: &Path) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        // Not negative, so that it reads alike in the table and in the name of the file.
        let id = i64::from_le_bytes(random) & i64::MAX;
        let lock = FileLock::create(&lock_path(ledger, id)).map_err(io::Error::other)?;
        Ok(Self { id, _lock: lock })
    }
}

/// Returns true if an owner has ended. If in doubt it is alive, and its reservations stay.
pub(super) fn is_dead(ledger: &Path, id: i64) -> bool {
    FileLock::is_abandoned(&lock_path(ledger, id))
}

/// Removes the lock files that dead owners left.
pub(super) fn tidy(ledger: &Path) {
    let (Some(folder), Some(name)) = (ledger.parent(), ledger.file_name()) else {
        return;
    };
    let prefix = format!("{}.owner-", name.to_string_lossy());
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let file = entry.file_name();
        let file = file.to_string_lossy();
        // Asking is enough: a file that turns out to be abandoned is removed by that.
        if file.starts_with(&prefix) && file.ends_with(".lock") {
            FileLock::is_abandoned(&entry.path());
        }
    }
}

/// Returns the path of an owner's lock file, beside the ledger.
fn lock_path(ledger: &Path, id: i64) -> PathBuf {
    let mut path = ledger.as_os_str().to_owned();
    path.push(format!(".owner-{id:016x}.lock"));
    path.into()
}

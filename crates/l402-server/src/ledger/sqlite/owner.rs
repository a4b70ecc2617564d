//! The owner of a reservation: an open ledger, alive for as long as its lock file is locked.
//!
//! The operating system lets go of a lock when the process ends, however it ends. An owner's
//! number is random and never used again, so a lock file that is missing, or that can be locked,
//! belongs to a dead one.

use std::fs;
use std::path::{Path, PathBuf};

use l402_host::FileLock;

use super::LedgerError;

/// The part of a lock file's name between the ledger's name and the owner's number, and what stood there
/// before there was a log.
const NAME: &str = ".holder-";
const OLDER: &str = ".owner-";

/// This ledger as an owner. The lock ends with it.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) id: i64,
    _lock: FileLock,
}

impl Owner {
    /// Makes a new owner, whose lock file lies beside the ledger's file.
    pub(super) fn new(ledger: &Path) -> Result<Self, LedgerError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| {
            LedgerError::system(ledger, std::io::Error::other(error.to_string()))
        })?;
        let id = i64::from_le_bytes(random) & i64::MAX;
        let lock = FileLock::create(&lock_path(ledger, id))
            .map_err(|error| LedgerError::lock(ledger, error))?;
        Ok(Self { id, _lock: lock })
    }
}

/// Returns whether an owner has ended. If in doubt it lives: its reservations stay reserved.
pub(super) fn is_dead(ledger: &Path, id: i64) -> bool {
    FileLock::is_abandoned(&lock_path(ledger, id))
}

/// Returns true if a process of a version without a log has the ledger open. Its lock files end
/// otherwise.
pub(super) fn is_held_by_older(ledger: &Path) -> bool {
    let locks = lock_files(ledger, OLDER);
    locks.iter().any(|lock| !FileLock::is_abandoned(lock))
}

/// Removes the lock files that dead owners left, and returns the number of owners that live.
pub(super) fn tidy(ledger: &Path) -> usize {
    for older in lock_files(ledger, OLDER) {
        FileLock::is_abandoned(&older);
    }
    let locks = lock_files(ledger, NAME);
    let living = locks.iter().filter(|lock| !FileLock::is_abandoned(lock));
    living.count()
}

/// Returns the numbers of the owners that live, in their order.
pub(in crate::ledger) fn living(ledger: &Path) -> Vec<i64> {
    let locks = lock_files(ledger, NAME);
    let living = locks.iter().filter(|lock| !FileLock::is_abandoned(lock));
    let mut numbers: Vec<i64> = living.filter_map(|lock| number_of(lock)).collect();
    numbers.sort_unstable();
    numbers
}

/// Returns the owner's number from the name of its lock file.
fn number_of(lock: &Path) -> Option<i64> {
    let name = lock.file_stem()?.to_str()?;
    let (_, number) = name.rsplit_once('-')?;
    i64::from_str_radix(number, 16).ok()
}

/// Returns the lock files of a ledger with this name behind its own.
fn lock_files(ledger: &Path, name: &str) -> Vec<PathBuf> {
    let (Some(folder), Some(file)) = (ledger.parent(), ledger.file_name()) else {
        return Vec::new();
    };
    let prefix = format!("{}{name}", file.to_string_lossy());
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let locks = entries.filter(|entry| {
        let file = entry.file_name();
        let file = file.to_string_lossy();
        file.starts_with(&prefix) && file.ends_with(".lock")
    });
    locks.map(|entry| entry.path()).collect()
}

fn lock_path(ledger: &Path, id: i64) -> PathBuf {
    let mut path = ledger.as_os_str().to_owned();
    path.push(format!("{NAME}{id:016x}.lock"));
    path.into()
}

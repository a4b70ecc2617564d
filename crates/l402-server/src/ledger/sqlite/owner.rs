//! Who holds a reservation: an open ledger, alive for as long as its lock file is locked.
//!
//! The operating system lets go of a lock when the process ends, however it ends. An owner's
//! number is random and never used again, so a lock file that is missing, or that can be locked,
//! belongs to a dead one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// This ledger as an owner. The lock ends with it.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) id: i64,
    path: PathBuf,
    _lock: File,
}

impl Owner {
    /// A new owner beside the ledger's file.
    ///
    /// The lock file gets its name only when it is locked: nobody can take it for a dead one.
    pub(super) fn new(ledger: &Path) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let id = i64::from_le_bytes(random) & i64::MAX;
        let path = lock_path(ledger, id);
        let unnamed = path.with_extension("new");
        let lock = private(OpenOptions::new().write(true).create_new(true)).open(&unnamed)?;
        lock.try_lock().map_err(io::Error::from)?;
        fs::rename(&unnamed, &path)?;
        Ok(Self {
            id,
            path,
            _lock: lock,
        })
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // A lock file that stays behind is taken for that of a dead owner, which is right.
        let _ = fs::remove_file(&self.path);
    }
}

/// Files that hold what was paid are for their owner alone.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Whether an owner has ended. In doubt it lives: its reservations stay reserved.
pub(super) fn is_dead(ledger: &Path, id: i64) -> bool {
    is_abandoned(&lock_path(ledger, id))
}

fn is_abandoned(path: &Path) -> bool {
    match OpenOptions::new().write(true).open(path) {
        Err(error) => error.kind() == io::ErrorKind::NotFound,
        Ok(file) => match file.try_lock() {
            Ok(()) => {
                // Missing or free means the same, so it may be tidied away.
                let _ = fs::remove_file(path);
                true
            }
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        },
    }
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
        if file.starts_with(&prefix) && file.ends_with(".lock") {
            is_abandoned(&entry.path());
        }
    }
}

fn lock_path(ledger: &Path, id: i64) -> PathBuf {
    let mut path = ledger.as_os_str().to_owned();
    path.push(format!(".owner-{id:016x}.lock"));
    path.into()
}

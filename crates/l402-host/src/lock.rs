//! File locks that the kernel releases when their process ends, also after a crash.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::{FileError, private};

/// A locked file. Only one `FileLock` of one process holds it at a time.
///
/// The file is removed when the lock is dropped, so a lock file that exists and is free was left by
/// a crash. On systems other than Unix the file stays, since a removed file and its successor
/// cannot be told apart there.
///
/// ```
/// use l402_host::FileLock;
///
/// # let home = tempfile::tempdir()?;
/// let path = home.path().join("purchase.lock");
/// let lock = FileLock::try_take(&path)?;
/// assert!(lock.is_some());
/// assert!(FileLock::try_take(&path)?.is_none(), "the lock is held");
/// drop(lock);
/// assert!(FileLock::try_take(&path)?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileLock {
    path: PathBuf,
    file: File,
}

impl FileLock {
    /// Takes the lock at `path`. Returns `None` if another process or another `FileLock` holds it.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be made or opened.
    pub fn try_take(path: &Path) -> Result<Option<Self>, FileError> {
        loop {
            let file = private::open(path)?;
            match file.try_lock() {
                // The last holder may have removed the file after it was opened here. A lock on a
                // file that no path leads to excludes nobody, so the file at the path is tried.
                Ok(()) if !is_at(&file, path) => {}
                Ok(()) => return Ok(Some(Self::new(path, file))),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(FileError::new(path, error.into())),
            }
        }
    }

    /// Makes a lock file at a path that had none. The file gets its name only when it is locked, so
    /// that [`FileLock::is_abandoned`] never takes it for one that a crash has left.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be made.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let unnamed = path.with_extension("new");
        let create = || {
            let mut options = OpenOptions::new();
            let file = private::options(options.write(true).create_new(true)).open(&unnamed)?;
            file.try_lock().map_err(std::io::Error::from)?;
            fs::rename(&unnamed, path)?;
            Ok(Self::new(path, file))
        };
        create().map_err(|error: std::io::Error| FileError::new(path, error.into()))
    }

    /// Returns true if the holder of a lock file has ended: the file is missing, or it is free. A
    /// free file is removed. Returns false in doubt, so that a living holder is never taken for
    /// dead.
    pub fn is_abandoned(path: &Path) -> bool {
        let mut options = OpenOptions::new();
        match private::options(options.write(true)).open(path) {
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            Ok(file) => match file.try_lock() {
                // The name may lead to a newer lock by now, whose holder lives.
                Ok(()) if !is_at(&file, path) => false,
                Ok(()) => {
                    // A missing file and a free one mean the same, so a failure to remove it does
                    // no harm.
                    let _ = fs::remove_file(path);
                    true
                }
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
            },
        }
    }

    /// Returns true if a process holds the lock at `path`. Changes nothing. Returns true in doubt.
    pub fn is_held(path: &Path) -> bool {
        let mut options = OpenOptions::new();
        match private::options(options.write(true)).open(path) {
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
            Ok(file) => file.try_lock().is_err(),
        }
    }

    fn new(path: &Path, file: File) -> Self {
        Self {
            path: path.to_owned(),
            file,
        }
    }
}

/// Removes the file while it is still locked. Closing the handle then releases the lock.
impl Drop for FileLock {
    fn drop(&mut self) {
        if cfg!(unix) && is_at(&self.file, &self.path) {
            // If the empty file cannot be removed, it does no harm.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Returns true if the path still leads to this open file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    let (open, named) = (file.metadata(), path.symlink_metadata());
    open.is_ok_and(|open| named.is_ok_and(|named| identity(open) == identity(named)))
}

/// Returns true: no lock file is removed on these systems.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

//! File locks that the kernel frees when their process ends, however it ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::{FileError, private};

/// A locked file. One process alone has it, and one `FileLock` in that process.
///
/// The file is taken away when the lock is dropped, so a lock file that is there and free was left
/// by a crash. Elsewhere than on Unix, where a file cannot be told from its successor, it stays.
#[derive(Debug)]
pub struct FileLock {
    path: PathBuf,
    file: File,
}

impl FileLock {
    /// Takes the lock at `path`. Returns `None` if somebody else has it.
    ///
    /// # Errors
    /// If the file cannot be made or opened, naming it.
    pub fn try_take(path: &Path) -> Result<Option<Self>, FileError> {
        loop {
            let file = private::open(path)?;
            match file.try_lock() {
                // Its last holder may have taken the file away since it was opened: the lock of a
                // file that nobody else can open keeps nobody out.
                Ok(()) if !is_at(&file, path) => {}
                Ok(()) => return Ok(Some(Self::new(path, file))),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(FileError::new(path, error.into())),
            }
        }
    }

    /// Makes a lock file that nobody has seen before. It gets its name only when it is locked, so
    /// that [`FileLock::is_abandoned`] never takes it for one that a crash has left.
    ///
    /// # Errors
    /// If the file cannot be made, naming it.
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

    /// Returns whether the holder of a lock file has ended: the file is missing or free. A free one
    /// is taken away. If in doubt the holder lives.
    pub fn is_abandoned(path: &Path) -> bool {
        let mut options = OpenOptions::new();
        match private::options(options.write(true)).open(path) {
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            Ok(file) => match file.try_lock() {
                Ok(()) => {
                    // Missing and free mean the same, so a file that stays does no harm.
                    let _ = fs::remove_file(path);
                    true
                }
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
            },
        }
    }

    fn new(path: &Path, file: File) -> Self {
        Self {
            path: path.to_owned(),
            file,
        }
    }
}

/// Takes the file away while it is locked. The lock ends after that, with the file's handle.
impl Drop for FileLock {
    fn drop(&mut self) {
        if cfg!(unix) && is_at(&self.file, &self.path) {
            // Left behind, the empty file does no harm.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Returns whether a path still leads to an open file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    let (open, named) = (file.metadata(), path.symlink_metadata());
    open.is_ok_and(|open| named.is_ok_and(|named| identity(open) == identity(named)))
}

/// Nothing is taken away here.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

//! The file of a socket of Unix.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The file of a socket, under a name of its own at first. Removed on drop, if it is still the same.
#[derive(Debug)]
pub(super) struct SocketFile {
    /// The name that it is to have.
    wanted: PathBuf,
    /// The name that it has.
    path: Mutex<PathBuf>,
    place: (u64, u64),
    stays: AtomicBool,
}

impl SocketFile {
    pub(super) fn of(path: &Path, wanted: &Path) -> io::Result<Self> {
        Ok(Self {
            wanted: wanted.to_owned(),
            path: Mutex::new(path.to_owned()),
            place: place(path)?,
            stays: AtomicBool::new(false),
        })
    }

    /// Gives the socket the name that it is to have. Clients that come from then on come here.
    pub(super) fn put_in_place(&self) -> io::Result<()> {
        let mut path = self.path.lock().unwrap_or_else(PoisonError::into_inner);
        std::fs::rename(&*path, &self.wanted)?;
        path.clone_from(&self.wanted);
        Ok(())
    }

    /// Leaves the name alone from now on: another process gives it to a socket of its own, perhaps in the
    /// moment in which this one would look whose it is.
    pub(super) fn stays(&self) {
        self.stays.store(true, Ordering::Relaxed);
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.stays.load(Ordering::Relaxed) {
            return;
        }
        let path = self.path.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody may have put something else there.
        if place(&path).is_ok_and(|place| place == self.place) {
            let _ = std::fs::remove_file(&*path);
        }
    }
}

fn place(path: &Path) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let found = std::fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

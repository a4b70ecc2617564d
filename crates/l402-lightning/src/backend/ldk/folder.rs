//! The storage folder: readable by its owner alone, used by one process at a time, and home of the
//! seed.

use core::fmt;
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};

use l402_host::{FileLock, private};
use zeroize::Zeroizing;

use crate::{Error, ErrorKind};

/// The length in bytes of the seed, from which LDK derives every key.
pub(super) const SEED_LEN: usize = 64;

/// The lock file, held by the process that runs the node.
const LOCK: &str = "l402.lock";

/// The file of the seed, named as LDK Node names it, so that LDK Node can open the folder without
/// this crate.
const SEED: &str = "keys_seed";

/// The database of LDK Node, which cannot be used without its seed.
pub(super) const NODE_DATABASE: &str = "ldk_node_data.sqlite";

/// A storage folder that no other process runs a node on.
pub(super) struct Folder {
    path: PathBuf,
    _lock: FileLock,
}

impl Folder {
    /// Opens the folder, or creates it, and takes its lock.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        private::create_closed_folder(path)?;
        // Two nodes with the same channels would broadcast old states, and lose the money in them.
        match FileLock::try_take(&path.join(LOCK))? {
            Some(lock) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            None => {
                let path = path.display();
                let text = format!("a node already runs on {path}; stop it first");
                Err(Error::new(ErrorKind::Unavailable, text))
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses a folder in which a node was begun, whatever is left of it.
    pub(super) fn check_unused(&self) -> Result<(), Error> {
        let taken = [SEED, NODE_DATABASE].map(|name| self.path.join(name));
        match taken.iter().find(|path| path.symlink_metadata().is_ok()) {
            Some(path) => {
                let path = path.display();
                let text = format!("there is a node already: {path}; it is left as it is");
                Err(Error::new(ErrorKind::Local, text))
            }
            None => Ok(()),
        }
    }

    /// Writes the seed of a new node.
    pub(super) fn write_seed(&self, seed: &[u8; SEED_LEN]) -> Result<(), Error> {
        let path = self.path.join(SEED);
        // A seed that stands nowhere on the disk must never run a node.
        if private::create(&path, seed)? {
            return Ok(());
        }
        let path = path.display();
        let text = format!("{path} was made by another process; start again");
        Err(Error::new(ErrorKind::Local, text))
    }

    /// Refuses a folder whose seed is gone. A node that was made with words is never given another
    /// seed than theirs.
    pub(super) fn check_seed(path: &Path) -> Result<(), Error> {
        let seed = path.join(SEED);
        if seed.symlink_metadata().is_ok() {
            return Ok(());
        }
        let text = "it is gone; restore it, or make the node from its words in a new home";
        Err(local("read", &seed, &text))
    }

    /// Returns the seed; draws one at the first start.
    pub(super) fn seed(&self) -> Result<Zeroizing<[u8; SEED_LEN]>, Error> {
        let path = self.path.join(SEED);
        // Only a name that is free gets a new seed: a link that leads nowhere is a seed that is
        // missing, on a disk that is not mounted perhaps.
        match path.symlink_metadata() {
            Err(error) if error.kind() == Io::NotFound => return self.new_seed(&path),
            Err(error) => return Err(local("read", &path, &error)),
            Ok(_) => {}
        }
        Self::read_seed(&self.path)
    }

    /// Reads the seed of a folder, whatever program runs its node.
    pub(super) fn read_seed(folder: &Path) -> Result<Zeroizing<[u8; SEED_LEN]>, Error> {
        let path = folder.join(SEED);
        let bytes = private::read(&path)?;
        let seed = <[u8; SEED_LEN]>::try_from(bytes.as_slice()).map(Zeroizing::new);
        seed.map_err(|_| {
            let path = path.display();
            let text = format!("{path} does not hold {SEED_LEN} bytes; restore it from a backup");
            Error::new(ErrorKind::Local, text)
        })
    }

    fn new_seed(&self, path: &Path) -> Result<Zeroizing<[u8; SEED_LEN]>, Error> {
        // A new seed would start another node beside the old channels, whose money would be lost.
        if self.path.join(NODE_DATABASE).exists() {
            let path = path.display();
            let text = format!("{path} is gone, but its node is still there; restore the seed");
            return Err(Error::new(ErrorKind::Local, text));
        }
        let mut seed = Zeroizing::new([0; SEED_LEN]);
        getrandom::fill(seed.as_mut_slice())
            .map_err(|error| local("draw a seed for", path, &error))?;
        self.write_seed(&seed)?;
        Ok(seed)
    }
}

/// Returns an error about a file, which it names.
pub(super) fn local(what: &str, path: &Path, error: &dyn fmt::Display) -> Error {
    let text = format!("cannot {what} {}: {error}", path.display());
    Error::new(ErrorKind::Local, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn temporary() -> (tempfile::TempDir, PathBuf) {
        let above = tempfile::tempdir().expect("a temporary folder");
        let path = above.path().join("ldk");
        (above, path)
    }

    #[test]
    fn the_seed_is_made_once_and_kept_from_others() {
        let (_above, path) = temporary();
        let first = Folder::open(&path).unwrap().seed().unwrap();
        let again = Folder::open(&path).unwrap().seed().unwrap();
        assert_eq!(first, again);
        assert_ne!(first.as_slice(), [0; SEED_LEN]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o700);
            assert_eq!(mode(&path.join(SEED)), 0o600);
        }
    }

    #[test]
    fn one_folder_runs_one_node() {
        let (_above, path) = temporary();
        let held = Folder::open(&path).unwrap();
        let error = Folder::open(&path).err().unwrap();
        assert!(error.to_string().contains("already runs"), "{error}");
        drop(held);
        Folder::open(&path).unwrap();
    }

    #[test]
    fn a_lost_seed_is_not_replaced() {
        let (_above, path) = temporary();
        let folder = Folder::open(&path).unwrap();
        fs::write(path.join(NODE_DATABASE), "channels").unwrap();
        assert!(folder.seed().is_err());
        private::create(&path.join(SEED), b"half").unwrap();
        assert!(folder.seed().is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_no_first_start() {
        let (_above, path) = temporary();
        let folder = Folder::open(&path).unwrap();
        std::os::unix::fs::symlink(path.join("unmounted"), path.join(SEED)).unwrap();
        let error = folder.seed().err().unwrap();
        assert!(error.to_string().contains("not a plain file"), "{error}");
        assert!(!path.join("unmounted").exists());
    }

    #[cfg(unix)]
    #[test]
    fn refuses_a_folder_that_others_can_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_above, path) = temporary();
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let error = Folder::open(&path).err().unwrap();
        assert!(error.to_string().contains("chmod 700"), "{error}");
    }
}

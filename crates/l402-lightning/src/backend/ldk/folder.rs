//! The storage folder: for its owner alone, for one process at a time, with the seed in it.

use core::fmt;
use std::path::{Path, PathBuf};

use l402_host::{FileLock, private};
use zeroize::Zeroizing;

use crate::{Error, ErrorKind};

/// How many bytes the seed has, from which LDK derives every key.
pub(super) const SEED_LEN: usize = 64;

/// Held by the process that runs the node.
const LOCK: &str = "l402.lock";

/// As LDK Node calls it, so that the folder can be opened without us.
const SEED: &str = "keys_seed";

/// The database of LDK Node, which is worthless without its seed.
const NODE_DATABASE: &str = "ldk_node_data.sqlite";

/// A storage folder that no other process runs a node on.
pub(super) struct Folder {
    path: PathBuf,
    _lock: FileLock,
}

impl Folder {
    /// Opens it, made where there is none.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        private::create_closed_folder(path)?;
        match FileLock::try_take(&path.join(LOCK))? {
            Some(lock) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            None => {
                let path = path.display();
                let text = format!("a node already runs on {path}; stop it first");
                Err(Error::new(ErrorKind::Local, text))
            }
        }
    }

    /// The seed, made at the first start.
    pub(super) fn seed(&self) -> Result<Zeroizing<[u8; SEED_LEN]>, Error> {
        let path = self.path.join(SEED);
        if !path.exists() {
            return self.new_seed(&path);
        }
        let bytes = private::read(&path)?;
        let seed = <[u8; SEED_LEN]>::try_from(bytes.as_slice()).map(Zeroizing::new);
        seed.map_err(|_| {
            let path = path.display();
            let text = format!("{path} does not hold {SEED_LEN} bytes; restore it from a backup");
            Error::new(ErrorKind::Local, text)
        })
    }

    fn new_seed(&self, path: &Path) -> Result<Zeroizing<[u8; SEED_LEN]>, Error> {
        if self.path.join(NODE_DATABASE).exists() {
            let path = path.display();
            let text = format!("{path} is gone, but its node is still there; restore the seed");
            return Err(Error::new(ErrorKind::Local, text));
        }
        let mut seed = Zeroizing::new([0; SEED_LEN]);
        getrandom::fill(seed.as_mut_slice())
            .map_err(|error| local("draw a seed for", path, &error))?;
        private::create(path, seed.as_slice())?;
        Ok(seed)
    }
}

/// An error about a file, naming it.
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
    fn refuses_a_folder_that_others_can_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_above, path) = temporary();
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let error = Folder::open(&path).err().unwrap();
        assert!(error.to_string().contains("chmod 700"), "{error}");
    }
}

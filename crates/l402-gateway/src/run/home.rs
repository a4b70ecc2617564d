//! The folder that holds a gateway's state, and the master key in it.

use std::path::{Path, PathBuf};

use l402::MasterKey;
use l402_host::{FileError, FileFault, private};

use crate::{GatewayError, GatewayErrorKind};

/// The home folder (`L402_HOME`) with master key and ledger. Made with mode 0700 when first used.
///
/// ```
/// use l402_gateway::Home;
///
/// let folder = tempfile::tempdir()?;
/// let home = Home::at(folder.path().join("l402"))?;
/// assert!(home.path().is_dir());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// Opens the folder, and creates it if it is missing.
    ///
    /// # Errors
    /// The folder cannot be made, or another file has its name. The text names the folder.
    pub fn at(path: impl Into<PathBuf>) -> Result<Self, FileError> {
        let path = path.into();
        private::create_folder(&path)?;
        Ok(Self(path))
    }

    /// The path of the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of the ledger of uses.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.0.join("gateway.db")
    }

    /// Reads the key that every token comes from: from `file`, or from `master.key` in this folder,
    /// which is made at the first start.
    pub(crate) fn master_key(&self, file: Option<&Path>) -> Result<MasterKey, GatewayError> {
        let path = match file {
            Some(file) => file.to_owned(),
            None => self.0.join("master.key"),
        };
        let wrong = |kind, what: &dyn std::fmt::Display| {
            let path = path.display();
            GatewayError::new(kind, format!("cannot use the master key {path}: {what}"))
        };
        let unsound = |what: &dyn std::fmt::Display| wrong(GatewayErrorKind::MasterKey, what);
        let text = match file {
            // A file that the operator names is never made: a misspelt name would start the gateway
            // with a new key, and turn all paid tokens away.
            Some(_) => private::read_named(&path),
            None => private::create_hex_key(&path).and_then(|()| private::read(&path)),
        };
        let text = text.map_err(|error| {
            let kind = kind_of(error.fault()).unwrap_or(GatewayErrorKind::MasterKey);
            wrong(kind, error.fault()).with_source(error)
        })?;
        let text = std::str::from_utf8(&text).map_err(|error| unsound(&error))?;
        MasterKey::from_hex(text).map_err(|error| unsound(&error))
    }
}

/// Returns the kind of a fault that is the same for every file, or `None` if the kind depends on
/// what the file is for.
fn kind_of(fault: &FileFault) -> Option<GatewayErrorKind> {
    match fault {
        FileFault::Newer { .. } => Some(GatewayErrorKind::NewerFile),
        FileFault::NotPlain | FileFault::OpenToOthers { .. } | FileFault::OtherOwner { .. } => {
            Some(GatewayErrorKind::UnsafeFile)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::at(folder.path().join("a/b")).expect("a home");
        (folder, home)
    }

    #[test]
    fn a_key_is_made_once_and_found_again() {
        let (_folder, home) = home();
        let first = home.master_key(None).unwrap().to_hex();
        assert_eq!(home.master_key(None).unwrap().to_hex(), first);
        let files: Vec<_> = fs::read_dir(home.path()).unwrap().collect();
        assert_eq!(files.len(), 1, "{files:?}");
    }

    #[cfg(unix)]
    #[test]
    fn key_and_folder_are_for_the_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, home) = home();
        home.master_key(None).unwrap();
        let key = home.path().join("master.key");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(home.path()), mode(&key)), (0o700, 0o600));

        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let error = home.master_key(None).unwrap_err().to_string();
        assert!(
            error.contains("chmod 600") && error.contains("master.key"),
            "{error}"
        );
        let kind = home.master_key(None).unwrap_err().kind();
        assert_eq!(kind, GatewayErrorKind::UnsafeFile);
    }

    #[test]
    fn a_weak_key_is_refused_by_name() {
        let (_folder, home) = home();
        let path = home.path().join("mine.key");
        private::create(&path, "00".repeat(32).as_bytes()).unwrap();
        let error = home.master_key(Some(&path)).unwrap_err().to_string();
        assert!(
            error.contains("mine.key") && error.contains("guessed"),
            "{error}"
        );
    }
}

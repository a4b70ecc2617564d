//! The folder that holds all state, and the master key in it.

use std::path::{Path, PathBuf};

use l402::MasterKey;
use l402_host::{FileError, FileFault, private};
use l402_server::ledger::{LedgerError, SqliteLedger};

use crate::{GatewayError, GatewayErrorKind};

/// `L402_HOME`: made with 0700 when first used.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// This folder, created if missing.
    ///
    /// # Errors
    /// Naming the folder.
    pub fn at(path: impl Into<PathBuf>) -> Result<Self, FileError> {
        let path = path.into();
        private::create_folder(&path)?;
        Ok(Self(path))
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Opens the ledger of uses, or makes it.
    pub(crate) fn open_ledger(&self) -> Result<SqliteLedger, GatewayError> {
        let path = self.0.join("gateway.db");
        SqliteLedger::open(&path).map_err(|error| {
            let text = format!("cannot use {}: {error}", path.display());
            GatewayError::new(ledger_kind(&error), text).with_source(error)
        })
    }

    /// The key that every token comes from: read from `file`, or `master.key` in this folder,
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

/// Returns the kind of an error of the ledger, which says by its text alone that a newer version
/// wrote the file.
fn ledger_kind(error: &LedgerError) -> GatewayErrorKind {
    let newer = FileFault::Newer { found: 0, known: 0 }.to_string();
    let newer = newer.split('(').next().unwrap_or_default();
    if error.to_string().contains(newer) {
        GatewayErrorKind::NewerFile
    } else {
        GatewayErrorKind::Ledger
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

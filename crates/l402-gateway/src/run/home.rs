//! The folder that holds all state, and the master key in it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use l402::MasterKey;

use crate::GatewayError;

/// `L402_HOME`: made with 0700 when first used.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// This folder, created if missing.
    ///
    /// # Errors
    /// Naming the folder.
    pub fn at(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        create_folder(&path).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot use {}: {error}", path.display()),
            )
        })?;
        Ok(Self(path))
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The ledger of uses.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.0.join("gateway.db")
    }

    /// The key that every token comes from: read from `file`, or `master.key` in this folder,
    /// which is made at the first start.
    pub(crate) fn master_key(&self, file: Option<&Path>) -> Result<MasterKey, GatewayError> {
        let path = match file {
            Some(file) => file.to_owned(),
            None => self.own_key()?,
        };
        let wrong = |what: &str| {
            GatewayError::new(format!(
                "cannot use the master key {}: {what}",
                path.display()
            ))
        };
        check_private(&path).map_err(|error| wrong(&error))?;
        let text = fs::read_to_string(&path).map_err(|error| wrong(&error.to_string()))?;
        MasterKey::from_hex(&text).map_err(|error| wrong(&error.to_string()))
    }

    fn own_key(&self) -> Result<PathBuf, GatewayError> {
        let path = self.0.join("master.key");
        if !path.exists() {
            make_key(&path).map_err(|error| {
                GatewayError::new(format!("cannot write {}: {error}", path.display()))
            })?;
        }
        Ok(path)
    }
}

#[cfg(unix)]
fn create_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(not(unix))]
fn create_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Written beside its place and linked there: another process sees a whole key or none, and
/// whoever comes second uses the first one's.
fn make_key(path: &Path) -> io::Result<()> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    let key = MasterKey::from_bytes(&bytes).map_err(io::Error::other)?;
    let draft = path.with_extension(format!("key.{}", std::process::id()));
    let mut file = create_private(&draft)?;
    writeln!(file, "{}", *key.to_hex())?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A key that others on the machine can read is no secret.
#[cfg(unix)]
fn check_private(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path)
        .map_err(|error| error.to_string())?
        .permissions()
        .mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(format!(
        "others can read it (mode {:o}); run chmod 600 on it",
        mode & 0o777
    ))
}

#[cfg(not(unix))]
fn check_private(_path: &Path) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }

    #[test]
    fn a_weak_key_is_refused_by_name() {
        let (_folder, home) = home();
        let path = home.path().join("mine.key");
        writeln!(create_private(&path).unwrap(), "{}", "00".repeat(32)).unwrap();
        let error = home.master_key(Some(&path)).unwrap_err().to_string();
        assert!(
            error.contains("mine.key") && error.contains("guessed"),
            "{error}"
        );
    }
}

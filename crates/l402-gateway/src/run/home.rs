//! The folder that holds a gateway's state, and the master key in it.

use std::path::{Path, PathBuf};

use l402::KeyNumber;
use l402_host::{FileError, private};

/// The name of a key's file, before and after the number.
const KEY: &str = "master-";
const KEY_END: &str = ".key";

/// The home folder (`L402_HOME`) with master key and ledger. Made with mode 0700 when first used;
/// an existing one is narrowed to that, unless it holds other files.
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
    /// The folder cannot be made, another file has its name, or others can write in it and it holds
    /// more than files of the program. The text names the folder.
    pub fn at(path: impl Into<PathBuf>) -> Result<Self, FileError> {
        let path = path.into();
        private::create_home(&path)?;
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

    /// The path of the token of the listener for operators.
    pub(crate) fn admin_token(&self) -> PathBuf {
        self.0.join("admin.token")
    }

    /// The path of the log of what operators have changed.
    pub(crate) fn audit_log(&self) -> PathBuf {
        self.0.join("audit.log")
    }

    /// The lock of whoever brings the books to the ledger's counts.
    pub(super) fn books_lock(&self) -> PathBuf {
        self.path().join("books.lock")
    }

    /// The path of the books.
    pub(super) fn books(&self) -> PathBuf {
        self.0.join("books.db")
    }

    /// The path of the file that says which ledger goes with the keys.
    pub(super) fn ledger_id(&self) -> PathBuf {
        self.0.join("ledger.id")
    }

    /// The path of the key that is made at the first start.
    pub(super) fn master_key(&self) -> PathBuf {
        self.0.join("master.key")
    }

    /// The path of the key of a number that has a file of its own, unless the configuration names another.
    pub(super) fn key(&self, number: KeyNumber) -> PathBuf {
        self.0.join(format!("{KEY}{}{KEY_END}", number.0))
    }

    /// Returns the numbers whose keys lie in the folder under their own names.
    pub(super) fn key_numbers(&self) -> Vec<KeyNumber> {
        let files = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        let numbers = files.filter_map(|file| {
            let name = file.file_name();
            let number = name.to_str()?.strip_prefix(KEY)?.strip_suffix(KEY_END)?;
            let number = KeyNumber(number.parse().ok()?);
            // `master-02.key` is none of ours.
            (self.key(number) == file.path()).then_some(number)
        });
        numbers.collect()
    }

    /// The path of the folder of what runs: notes of listeners, and the sockets at which gateways wait for
    /// an upgrade.
    pub(super) fn run(&self) -> PathBuf {
        self.0.join("run")
    }

    /// The path of the lock that each start holds while it reads or makes keys and ledger.
    pub(super) fn start_lock(&self) -> PathBuf {
        self.0.join("start.lock")
    }
}

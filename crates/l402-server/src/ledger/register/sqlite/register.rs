//! The handle on the file.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::ledger::LedgerError;
use crate::ledger::sqlite::file;

/// The register in the file of a [`SqliteLedger`](crate::ledger::SqliteLedger), which may be open in this and other
/// processes meanwhile. Every call opens the file anew.
#[derive(Clone, Debug)]
pub struct SqliteRegister {
    path: PathBuf,
}

impl SqliteRegister {
    /// Names the file. Touches nothing.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Opens or makes the file.
    pub(super) fn open(&self) -> Result<Connection, LedgerError> {
        file::open(&self.path)
    }

    /// Sorts an error that comes after the opening.
    pub(super) fn failed(&self, error: &rusqlite::Error) -> LedgerError {
        file::failed(&self.path, error)
    }
}

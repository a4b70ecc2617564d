//! The handle on the file.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use crate::ledger::LedgerError;
use crate::ledger::sqlite::file;

/// The register in the file of a [`SqliteLedger`](crate::ledger::SqliteLedger), which may be open in this and other
/// processes meanwhile.
#[derive(Debug)]
pub struct SqliteRegister {
    path: PathBuf,
    /// `None` if every call opens the file anew.
    kept: Option<Mutex<Option<Connection>>>,
    /// The last number of SQLite's that [`Changes::changed`](crate::ledger::register::Changes::changed) has seen.
    version: AtomicI64,
}

/// A number that SQLite never says.
const UNSEEN: i64 = -1;

impl SqliteRegister {
    /// Names the file, which every call opens anew. Touches nothing.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            kept: None,
            version: AtomicI64::new(UNSEEN),
        }
    }

    /// Names a file that is there, and stays open from the first call on: for one that is asked again
    /// and again. Touches nothing.
    #[must_use]
    pub fn keep_open(path: &Path) -> Self {
        Self {
            kept: Some(Mutex::default()),
            ..Self::at(path)
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn is_kept_open(&self) -> bool {
        self.kept.is_some()
    }

    pub(super) const fn version(&self) -> &AtomicI64 {
        &self.version
    }

    /// Does something with the file. Opens or makes it before, unless it is open. After an error of a
    /// file that stays open it is opened anew by the next call.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let failed = |error: rusqlite::Error| file::failed(&self.path, &error);
        let Some(kept) = &self.kept else {
            return work(&mut file::open(&self.path)?).map_err(failed);
        };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut connection = match kept.take() {
            Some(open) => open,
            None => self.open_to_keep()?,
        };
        let done = work(&mut connection).map_err(failed)?;
        *kept = Some(connection);
        Ok(done)
    }

    /// Opens the file to be kept open. The number of an earlier connection means nothing to it.
    fn open_to_keep(&self) -> Result<Connection, LedgerError> {
        self.version.store(UNSEEN, Ordering::Relaxed);
        file::open_again(&self.path)
    }
}

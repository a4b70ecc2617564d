//! The question if somebody has written to the file.

use std::sync::atomic::Ordering;

use super::SqliteRegister;
use crate::ledger::LedgerError;
use crate::ledger::register::Changes;

impl Changes for SqliteRegister {
    /// Reads SQLite's own number of the commits of other connections, which is in shared memory. Always
    /// true unless the file is kept open: the number says nothing to a new connection.
    fn changed(&self) -> Result<bool, LedgerError> {
        if !self.is_kept_open() {
            return Ok(true);
        }
        self.with(|db| {
            let version = db.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0))?;
            Ok(self.version().swap(version, Ordering::Relaxed) != version)
        })
    }
}

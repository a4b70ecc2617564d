//! A look at the counts of a file that others may be writing to. Writes nothing.

use std::path::{Path, PathBuf};

use l402::PaymentHash;
use rusqlite::Connection;

use super::tail::Tail;
use super::{LedgerError, file};

/// Reads how many units of a payment are spent, beside running gateways and without one. Blocks.
#[derive(Debug)]
pub struct SqliteCounts {
    path: PathBuf,
    connection: Connection,
    tail: Tail,
}

impl SqliteCounts {
    /// Opens the file of a ledger.
    ///
    /// # Errors
    /// As [`SqliteLedger::open`](super::SqliteLedger::open). No file is made.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self {
            path: path.to_owned(),
            connection: file::open_again(path)?,
            tail: Tail::default(),
        })
    }

    /// Returns the units of a payment that are spent and durable, or `None` if the ledger does not
    /// know it: it was never spent or given back, or it has ended long ago.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn spent(&mut self, payment: PaymentHash) -> Result<Option<u64>, LedgerError> {
        let Self {
            path,
            connection,
            tail,
        } = self;
        // Log and table of one moment: between two, another process may fold.
        let look = connection.transaction().and_then(|tx| {
            tail.catch_up(&tx)?;
            tail.spent(&tx, payment.as_bytes())
        });
        look.map_err(|error| file::failed(path, &error))
    }
}

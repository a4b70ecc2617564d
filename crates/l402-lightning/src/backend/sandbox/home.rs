//! The sandbox of one home folder: its settings and its accounts.

use core::fmt;
use std::path::Path;
use std::sync::{Arc, Once};

use l402::Msat;

use super::fault::{self, Fault};
use super::{file, key};
use crate::{Error, ErrorKind};
use l402_host::{Clock, private};

/// The sandbox of one home folder: `HOME/sandbox/node.key` and `HOME/sandbox/sandbox.db`. Clones
/// are the same sandbox.
#[derive(Clone)]
pub struct Sandbox {
    pub(super) shared: Arc<SandboxShared>,
}

/// The parts that all clones of a [`Sandbox`] share.
pub(super) struct SandboxShared {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) file: file::SandboxFile,
    pub(super) key: key::NodeKey,
}

/// The total of all money given and the total of all balances. They are equal, whatever was paid,
/// refused or held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// The sum that the faucet gave to all accounts.
    pub filled: Msat,
    /// The sum of the balances of all accounts.
    pub on_accounts: Msat,
}

impl Sandbox {
    /// Opens the sandbox of `home`, or creates it. Blocks for a moment. The database is opened at
    /// its first use, and creating an invoice never needs it.
    ///
    /// # Errors
    /// `Local`, naming the file.
    pub fn open(home: &Path, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let folder = home.join("sandbox");
        private::create_folder(&folder)?;
        // Read now, unlike the database: a damaged key must stop the start and not the first
        // invoice.
        let key = key::NodeKey::open(&folder)?;
        let database = folder.join("sandbox.db");
        // Also before its first use: it may lie open to others until then.
        l402_host::sqlite::narrow(&database)?;
        let file = file::SandboxFile::new(database);
        warn_once_that_it_is_no_money(&folder);
        Ok(Self {
            shared: Arc::new(SandboxShared { clock, file, key }),
        })
    }

    /// Sets the fault for payments made from now on. [`Fault::None`] also settles the payments that
    /// are held. Blocks for a moment.
    ///
    /// # Errors
    /// `Local`.
    pub fn set_fault(&self, fault: Fault) -> Result<(), Error> {
        Ok(self.shared.file.write(|tx| fault::write(tx, fault))?)
    }

    /// Returns the fault in force. Blocks for a moment.
    ///
    /// # Errors
    /// `Local`.
    pub fn fault(&self) -> Result<Fault, Error> {
        Ok(self.shared.file.read(fault::read)?.unwrap_or_default())
    }

    /// Sets the routing fee of each payment made from now on; zero in a new sandbox.
    ///
    /// # Errors
    /// `Local`.
    pub fn set_fee(&self, fee: Msat) -> Result<(), Error> {
        let fee = file::stored(fee.min(Msat::MAX));
        let set = self
            .shared
            .file
            .write(|tx| tx.execute("UPDATE faults SET fee_msat = ?1", [fee]));
        Ok(set.map(drop)?)
    }

    /// Returns the public key that the invoices name as the payee, 33 bytes compressed.
    #[must_use]
    pub fn payee(&self) -> [u8; 33] {
        self.shared.key.public()
    }

    /// Returns the sum that the sellers of this sandbox have been paid.
    ///
    /// # Errors
    /// `Local`.
    pub fn income(&self) -> Result<Msat, Error> {
        let income = self.shared.file.read(|c| file::balance(c, file::INCOME))?;
        Ok(income.flatten().unwrap_or(Msat::ZERO))
    }

    /// Returns both totals, for a test that no money appeared or disappeared.
    ///
    /// # Errors
    /// `Local`.
    pub fn totals(&self) -> Result<Totals, Error> {
        let sql = "SELECT (SELECT coalesce(sum(amount_msat), 0) FROM fills), \
                   (SELECT coalesce(sum(balance_msat), 0) FROM accounts)";
        // One statement reads both sums, so no payment of another process comes between them.
        let found = self.shared.file.read(|connection| {
            connection.query_row(sql, [], |row| {
                Ok(Totals {
                    filled: file::msat(row, 0)?,
                    on_accounts: file::msat(row, 1)?,
                })
            })
        })?;
        Ok(found.unwrap_or(Totals {
            filled: Msat::ZERO,
            on_accounts: Msat::ZERO,
        }))
    }

    /// Runs blocking work on a thread where it delays no other task.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&SandboxShared) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || work(&shared)).await;
        done.map_err(|_| Error::new(ErrorKind::Local, "the program is about to end"))
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}

/// Warns once per process: often enough that nobody takes it for money, and no log is flooded.
fn warn_once_that_it_is_no_money(folder: &Path) {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        tracing::warn!(
            // The public path of this module, by which a log is filtered.
            target: "l402_lightning::sandbox",
            folder = %folder.display(),
            "THE SANDBOX IS NO MONEY: its payments are entries in a file, for trying things out"
        );
    });
}

/// Returns an error about a file, which it names.
pub(super) fn local(what: &str, path: &Path, error: &dyn fmt::Display) -> Error {
    Error::new(
        ErrorKind::Local,
        format!("cannot {what} {}: {error}", path.display()),
    )
}

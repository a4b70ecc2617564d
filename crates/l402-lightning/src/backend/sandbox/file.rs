//! The SQLite file: opened at its first use, shared by every process of one home.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use l402::{Msat, PaymentHash};
use l402_host::sqlite::{self, Schema, application_id};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::local;
use crate::Error;

/// The account into which sellers are paid.
pub(super) const INCOME: &str = "income";
/// The account into which routing fees go.
pub(super) const ROUTING: &str = "routing";
/// The account that holds money of payments in flight, taken from the payer and not yet the
/// payee's.
pub(super) const IN_FLIGHT: &str = "in-flight";

const SCHEMA: Schema = Schema {
    name: "sandbox",
    application_id: application_id(*b"l4sb"),
    create: LAYOUT,
    upgrades: &[],
    tables: &["accounts", "payments", "settlements"],
    busy_timeout: Duration::from_secs(5),
    checkpoint_pages: 1000,
};

const LAYOUT: &str = "
    CREATE TABLE accounts (
        name TEXT PRIMARY KEY NOT NULL,
        balance_msat INTEGER NOT NULL CHECK (balance_msat >= 0)
    ) STRICT;
    CREATE TABLE fills (
        id INTEGER PRIMARY KEY,
        account TEXT NOT NULL,
        amount_msat INTEGER NOT NULL CHECK (amount_msat > 0)
    ) STRICT;
    CREATE TABLE payments (
        payment_hash BLOB PRIMARY KEY NOT NULL,
        account TEXT NOT NULL,
        amount_msat INTEGER NOT NULL,
        fee_msat INTEGER NOT NULL,
        preimage BLOB NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('settled', 'held', 'unknown'))
    ) STRICT;
    CREATE TABLE failures (
        payment_hash BLOB NOT NULL,
        account TEXT NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (payment_hash, account)
    ) STRICT;
    CREATE TABLE settlements (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        payment_hash BLOB NOT NULL UNIQUE,
        paid_msat INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE faults (fault TEXT NOT NULL, millis INTEGER NOT NULL, fee_msat INTEGER NOT NULL)
        STRICT;
    INSERT INTO faults VALUES ('none', 0, 0);
    INSERT INTO accounts VALUES ('income', 0), ('routing', 0), ('in-flight', 0);
";

/// The failure of a transaction.
#[derive(Debug)]
pub(super) enum WriteError {
    /// The commit reported an error: the change may be in the file nevertheless.
    MaybeCommitted(Error),
    /// The transaction was not committed: the file is unchanged.
    NotCommitted(Error),
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::MaybeCommitted(error) | WriteError::NotCommitted(error) => error,
        }
    }
}

/// The file, with its connection once there is one. Every method blocks.
pub(super) struct SandboxFile {
    path: PathBuf,
    schema: &'static Schema,
    connection: Mutex<Option<Connection>>,
}

impl SandboxFile {
    /// Names the file of the accounts without opening it.
    pub(super) fn new(path: PathBuf) -> Self {
        Self::with_schema(path, &SCHEMA)
    }

    /// Names a file of another layout without opening it.
    pub(super) fn with_schema(path: PathBuf, schema: &'static Schema) -> Self {
        Self {
            path,
            schema,
            connection: Mutex::new(None),
        }
    }

    /// Returns the path of a file beside this one.
    #[cfg(feature = "sandbox-nwc")]
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.path.with_file_name(name)
    }

    /// Reads from the file; returns `None` if there is no file, and creates none.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Error> {
        let mut slot = self.slot();
        // A seller looks up unpaid invoices all day: that must not create a database.
        if slot.is_none() && !self.path.exists() {
            return Ok(None);
        }
        let connection = self.connect(&mut slot)?;
        work(connection)
            .map(Some)
            .map_err(|error| self.broken("read", &error))
    }

    /// Runs one transaction, during which no other process can write.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, WriteError> {
        let not_committed = |error| WriteError::NotCommitted(self.broken("write", &error));
        let mut slot = self.slot();
        let connection = self.connect(&mut slot).map_err(WriteError::NotCommitted)?;
        let tx = connection
            // `IMMEDIATE` takes the write lock first: a transaction that reads and then writes
            // could otherwise find that another process wrote in between.
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(not_committed)?;
        let done = work(&tx).map_err(not_committed)?;
        match tx.commit() {
            Ok(()) => Ok(done),
            Err(error) => Err(WriteError::MaybeCommitted(self.broken("write", &error))),
        }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn connect<'a>(&self, slot: &'a mut Option<Connection>) -> Result<&'a mut Connection, Error> {
        let connection = match slot.take() {
            Some(connection) => connection,
            // Each purchase of play money opens it, in a process of its own.
            None => sqlite::open_often(&self.path, self.schema)?.0,
        };
        Ok(slot.insert(connection))
    }

    fn broken(&self, what: &str, error: &rusqlite::Error) -> Error {
        local(what, &self.path, error)
    }
}

/// Reads the balance of an account; `None` if there is no such account.
pub(super) fn balance(connection: &Connection, account: &str) -> rusqlite::Result<Option<Msat>> {
    let sql = "SELECT balance_msat FROM accounts WHERE name = ?1";
    connection
        .query_row(sql, [account], |row| msat(row, 0))
        .optional()
}

/// Moves money between accounts. The database refuses to make a balance negative.
pub(super) fn transfer(
    tx: &Transaction<'_>,
    from: &str,
    to: &str,
    amount: Msat,
) -> rusqlite::Result<()> {
    let change = "UPDATE accounts SET balance_msat = balance_msat + ?2 WHERE name = ?1";
    let amount = stored(amount);
    tx.execute(change, (from, amount.saturating_neg()))?;
    tx.execute(change, (to, amount))?;
    Ok(())
}

/// Stores that a payment reached the seller.
pub(super) fn settle(
    tx: &Transaction<'_>,
    payment_hash: &PaymentHash,
    paid: Msat,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO settlements (payment_hash, paid_msat) VALUES (?1, ?2)";
    tx.execute(sql, (payment_hash.as_bytes(), stored(paid)))
        .map(drop)
}

/// Settles every held payment, oldest first.
pub(super) fn release_held(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let sql = "SELECT payment_hash, amount_msat, fee_msat FROM payments WHERE state = 'held' \
               ORDER BY rowid";
    let mut query = tx.prepare(sql)?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, msat(row, 1)?, msat(row, 2)?)))?;
    // Collected first: the query must not run on over rows that the loop changes.
    for row in rows.collect::<Result<Vec<(_, _, _)>, _>>()? {
        let (hash, amount, fee) = row;
        transfer(tx, IN_FLIGHT, INCOME, amount)?;
        transfer(tx, IN_FLIGHT, ROUTING, fee)?;
        settle(tx, &PaymentHash::from_bytes(hash), amount)?;
    }
    tx.execute(
        "UPDATE payments SET state = 'settled' WHERE state = 'held'",
        [],
    )
    .map(drop)
}

/// Returns an amount as SQLite stores it. Every possible amount of bitcoin fits; a larger number
/// becomes the largest that does.
pub(super) fn stored(amount: Msat) -> i64 {
    i64::try_from(amount.msat()).unwrap_or(i64::MAX)
}

/// Reads an amount from a column.
pub(super) fn msat(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Msat> {
    let number: i64 = row.get(column)?;
    u64::try_from(number)
        .map(Msat::new)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

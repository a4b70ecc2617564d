//! The SQLite file: opened when first needed, shared by every process of one home.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use l402::{Msat, PaymentHash};
use l402_host::sqlite::{self, Schema, application_id};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::local;
use crate::Error;

/// The account that sellers are paid into.
pub(super) const INCOME: &str = "income";
/// The account that routing fees go to.
pub(super) const ROUTING: &str = "routing";
/// The account of what is neither the payer's any more nor the payee's yet.
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

/// Why a transaction gave nothing.
#[derive(Debug)]
pub(super) enum WriteError {
    /// It may have been committed all the same.
    MaybeCommitted(Error),
    /// It was not committed.
    NotCommitted(Error),
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::MaybeCommitted(error) | WriteError::NotCommitted(error) => error,
        }
    }
}

/// The file, and the connection once there is one. Every method blocks.
pub(super) struct SandboxFile {
    path: PathBuf,
    connection: Mutex<Option<Connection>>,
}

impl SandboxFile {
    /// Names the file; opens nothing.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            connection: Mutex::new(None),
        }
    }

    /// Reads, without making a file where there is none: then the answer is `None`.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Error> {
        let mut slot = self.slot();
        if slot.is_none() && !self.path.exists() {
            return Ok(None);
        }
        let connection = self.connect(&mut slot)?;
        work(connection)
            .map(Some)
            .map_err(|error| self.broken("read", &error))
    }

    /// Runs one transaction, which no other process can come between.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, WriteError> {
        let not_committed = |error| WriteError::NotCommitted(self.broken("write", &error));
        let mut slot = self.slot();
        let connection = self.connect(&mut slot).map_err(WriteError::NotCommitted)?;
        let tx = connection
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
            None => sqlite::open(&self.path, &SCHEMA)?,
        };
        Ok(slot.insert(connection))
    }

    fn broken(&self, what: &str, error: &rusqlite::Error) -> Error {
        local(what, &self.path, error)
    }
}

/// The balance of an account; `None` where there is no such account.
pub(super) fn balance(connection: &Connection, account: &str) -> rusqlite::Result<Option<Msat>> {
    let sql = "SELECT balance_msat FROM accounts WHERE name = ?1";
    connection
        .query_row(sql, [account], |row| msat(row, 0))
        .optional()
}

/// Moves money. The database refuses it where the balance does not suffice.
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

/// Writes down that a payment reached the seller.
pub(super) fn settle(
    tx: &Transaction<'_>,
    payment_hash: &PaymentHash,
    paid: Msat,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO settlements (payment_hash, paid_msat) VALUES (?1, ?2)";
    tx.execute(sql, (payment_hash.as_bytes(), stored(paid)))
        .map(drop)
}

/// Settles every payment that was held, oldest first.
pub(super) fn release_held(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let sql = "SELECT payment_hash, amount_msat, fee_msat FROM payments WHERE state = 'held' \
               ORDER BY rowid";
    let mut query = tx.prepare(sql)?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, msat(row, 1)?, msat(row, 2)?)))?;
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

/// An amount as SQLite keeps it. All bitcoin there can be fits; anything above is held there.
pub(super) fn stored(amount: Msat) -> i64 {
    i64::try_from(amount.msat()).unwrap_or(i64::MAX)
}

/// An amount from a column.
pub(super) fn msat(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Msat> {
    let number: i64 = row.get(column)?;
    u64::try_from(number)
        .map(Msat::new)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

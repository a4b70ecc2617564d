//! The file: its layout, and what is read of it. What a step of a purchase writes stands in
//! [`step`](super::step).

use std::path::Path;
use std::time::Duration;

use l402::{Msat, PaymentHash};
use l402_host::sqlite::{self, Schema, application_id};
use l402_host::{Clock as _, SystemClock};
use rusqlite::{Connection, OptionalExtension, params};

use super::Entry;
use super::agent::agent_tables;
use super::budget::{budget_tables, budget_upgrade};
use super::lock::Scope;
use super::row::{OpenPurchase, Purchase};
use crate::Error;

const SCHEMA: Schema = Schema {
    name: "journal of payments",
    application_id: application_id(*b"l4jr"),
    create: LAYOUT,
    upgrades: &[FROM_1, FROM_2, FROM_3, FROM_4],
    tables: &["purchase"],
    busy_timeout: Duration::from_secs(10),
    checkpoint_pages: 1000,
};

const LAYOUT: &str = concat!(
    "
    CREATE TABLE purchase (
        payment_hash BLOB PRIMARY KEY CHECK (length(payment_hash) = 32),
        origin TEXT NOT NULL,
        path TEXT NOT NULL,
        state TEXT NOT NULL,
        amount_msat INTEGER NOT NULL CHECK (amount_msat >= 0),
        paid_msat INTEGER NOT NULL CHECK (paid_msat >= 0),
        fee_msat INTEGER NOT NULL CHECK (fee_msat >= 0),
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        paid_at INTEGER,
        expires INTEGER NOT NULL,
        note TEXT NOT NULL,
        network TEXT NOT NULL,
        invoice TEXT NOT NULL,
        scheme TEXT NOT NULL,
        token TEXT NOT NULL,
        policy TEXT,
        valid_until INTEGER,
        preimage BLOB CHECK (preimage IS NULL OR length(preimage) = 32),
        live INTEGER NOT NULL,
        wallet TEXT,
        fee_limit_msat INTEGER,
        request BLOB CHECK (request IS NULL OR length(request) = 32),
        host TEXT,
        refusals INTEGER NOT NULL DEFAULT 0,
        accepted INTEGER NOT NULL DEFAULT 0,
        folder TEXT,
        payee TEXT,
        budget TEXT,
        uses_left INTEGER,
        told_until INTEGER
    ) STRICT;
    CREATE TABLE stopped (
        what TEXT NOT NULL CHECK (what IN ('host', 'wallet')),
        name TEXT NOT NULL,
        reason TEXT NOT NULL,
        since INTEGER NOT NULL,
        until INTEGER NOT NULL,
        PRIMARY KEY (what, name)
    ) STRICT;
    CREATE TABLE payee_pin (
        origin TEXT PRIMARY KEY,
        payee TEXT NOT NULL,
        since INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX purchase_scope ON purchase (origin, path, state);
    CREATE INDEX purchase_spent ON purchase (state, paid_at);
    CREATE INDEX purchase_created ON purchase (created);
    CREATE INDEX purchase_paid_at ON purchase (paid_at);
",
    budget_tables!(),
    agent_tables!()
);

/// The upgrade from layout 1, in which an intent may have been asked for already. Its intents become
/// `unknown`, since none of them can be taken for one that was not asked for.
const FROM_1: &str = "
    ALTER TABLE purchase ADD COLUMN wallet TEXT;
    ALTER TABLE purchase ADD COLUMN fee_limit_msat INTEGER;
    ALTER TABLE purchase ADD COLUMN request BLOB
        CHECK (request IS NULL OR length(request) = 32);
    CREATE INDEX purchase_created ON purchase (created);
    CREATE INDEX purchase_paid_at ON purchase (paid_at);
    UPDATE purchase SET state = 'unknown', note = 'the wallet may have been asked'
        WHERE state = 'intent';
";

/// The upgrade from layout 2, which knew nothing of stops, nor of what a token is good for beyond its
/// own path.
const FROM_2: &str = "
    ALTER TABLE purchase ADD COLUMN host TEXT;
    ALTER TABLE purchase ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE purchase ADD COLUMN accepted INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE purchase ADD COLUMN folder TEXT;
    CREATE TABLE stopped (
        what TEXT NOT NULL CHECK (what IN ('host', 'wallet')),
        name TEXT NOT NULL,
        reason TEXT NOT NULL,
        since INTEGER NOT NULL,
        until INTEGER NOT NULL,
        PRIMARY KEY (what, name)
    ) STRICT;
";

/// The upgrade from layout 3, which knew one budget, no payees, and nothing of what an answer says of a
/// token.
const FROM_3: &str = concat!(
    "
    ALTER TABLE purchase ADD COLUMN payee TEXT;
    ALTER TABLE purchase ADD COLUMN budget TEXT;
    ALTER TABLE purchase ADD COLUMN uses_left INTEGER;
    ALTER TABLE purchase ADD COLUMN told_until INTEGER;
    CREATE TABLE payee_pin (
        origin TEXT PRIMARY KEY,
        payee TEXT NOT NULL,
        since INTEGER NOT NULL
    ) STRICT;
",
    budget_tables!(),
    budget_upgrade!()
);

/// The upgrade from layout 4, which knew no agents.
const FROM_4: &str = agent_tables!();

/// The newest date that money has in the file. None is dated before it, whatever the clock says.
pub(super) const NEWEST: &str = "max(coalesce((SELECT max(created) FROM purchase), 0), \
                      coalesce((SELECT max(paid_at) FROM purchase), 0))";

/// One connection to the file.
#[derive(Debug)]
pub struct Store(Connection);

impl Store {
    /// Opens or creates the file. A file of another program is refused and left as it is. Once a day
    /// the whole file is checked, and what is over is pruned.
    pub(super) fn open(file: &Path) -> Result<Self, Error> {
        let (connection, is_due) = sqlite::open_often(file, &SCHEMA)?;
        let mut store = Self(connection);
        if is_due && let Err(error) = store.prune(SystemClock::default().wall()) {
            // Old rows do no harm, and the next day prunes them.
            tracing::debug!(%error, "the journal was not pruned");
        }
        Ok(store)
    }

    pub(super) fn entries(&mut self, limit: usize) -> rusqlite::Result<Vec<Entry>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = format!(
            "SELECT {} FROM purchase ORDER BY created DESC, rowid DESC LIMIT ?1",
            Entry::COLUMNS
        );
        self.0
            .prepare_cached(&sql)?
            .query_map([limit], Entry::read)?
            .collect()
    }

    /// Returns true if a purchase was ever begun in a scope, as far as the file remembers.
    pub(crate) fn knows(&mut self, scope: &Scope) -> rusqlite::Result<bool> {
        self.0
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM purchase WHERE origin = ?1 AND path = ?2)",
            )?
            .query_row([&scope.origin, &scope.path], |row| row.get(0))
    }

    /// The connection, for the statements of the steps.
    pub(super) fn db(&mut self) -> &mut Connection {
        &mut self.0
    }

    /// Returns the row of a purchase.
    pub(crate) fn purchase(&mut self, hash: &PaymentHash) -> rusqlite::Result<Option<Purchase>> {
        let sql = format!(
            "SELECT {} FROM purchase WHERE payment_hash = ?1",
            Purchase::COLUMNS
        );
        self.0
            .prepare_cached(&sql)?
            .query_row([hash.as_bytes()], Purchase::read)
            .optional()
    }

    /// Returns the purchases of a scope, or of all scopes, whose outcome is open, the oldest first.
    pub(crate) fn open_purchases(
        &mut self,
        scope: Option<&Scope>,
    ) -> rusqlite::Result<Vec<OpenPurchase>> {
        let sql = format!(
            "SELECT {} FROM purchase WHERE state IN ('intent', 'unknown') \
             AND (?1 IS NULL OR (origin = ?1 AND path = ?2 AND host IS ?3)) ORDER BY created, rowid",
            OpenPurchase::COLUMNS
        );
        let (origin, path) = (scope.map(|s| &s.origin), scope.map(|s| &s.path));
        let host = scope.and_then(|s| s.host.as_ref());
        self.0
            .prepare_cached(&sql)?
            .query_map(params![origin, path, host], OpenPurchase::read)?
            .collect()
    }
}

/// Fits a column: no honest amount is over all bitcoin there can be.
pub(super) fn bounded(amount: Msat) -> u64 {
    amount.min(Msat::MAX).msat()
}

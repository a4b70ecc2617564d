//! The SQLite file: its layout, and every statement that touches it.

use std::path::Path;
use std::time::Duration;

use l402::{Msat, PaymentHash, Preimage, UnixTime};
use l402_host::sqlite::{self, Schema, application_id};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::budget::{broken_limit, spent};
use super::lock::Scope;
use super::row::{Draft, DurableIntent, Purchase, state};
use super::{Entry, State};
use crate::failpoint::{self, Step};
use crate::{Error, Limits};

const SCHEMA: Schema = Schema {
    name: "journal of payments",
    application_id: application_id(*b"l4jr"),
    create: LAYOUT,
    upgrades: &[FROM_1],
    tables: &["purchase"],
    busy_timeout: Duration::from_secs(10),
    checkpoint_pages: 1000,
};

const LAYOUT: &str = "
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
        request BLOB CHECK (request IS NULL OR length(request) = 32)
    ) STRICT;
    CREATE INDEX purchase_scope ON purchase (origin, path, state);
    CREATE INDEX purchase_spent ON purchase (state, paid_at);
    CREATE INDEX purchase_created ON purchase (created);
    CREATE INDEX purchase_paid_at ON purchase (paid_at);
";

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

/// The newest date of money in the file. Nothing is dated before it, whatever the clock says.
const NEWEST: &str = "max(coalesce((SELECT max(created) FROM purchase), 0), \
                      coalesce((SELECT max(paid_at) FROM purchase), 0))";

/// The outcome of [`Store::reserve`].
pub(crate) enum ReserveOutcome {
    /// The intent is durable, and the wallet may be asked.
    Made(DurableIntent),
    /// A limit forbids it, or the wallet has broken one.
    Denied(Error),
    /// This very invoice was paid, or may have been. Holds the state of its row.
    Taken(State),
}

/// One connection to the file.
#[derive(Debug)]
pub(crate) struct Store(Connection);

impl Store {
    /// Opens or creates the file. A file of another program is refused and left as it is.
    pub(super) fn open(file: &Path) -> Result<Self, Error> {
        Ok(Self(sqlite::open(file, &SCHEMA)?))
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

    /// Checks the limits and writes the intent, in one transaction that is synced when this returns.
    /// `window` is the time for the budget; `now` is written down unless the file holds a later date.
    pub(crate) fn reserve(
        &mut self,
        draft: &Draft,
        limits: &Limits,
        window: UnixTime,
        now: UnixTime,
    ) -> rusqlite::Result<ReserveOutcome> {
        // Immediate: two processes that both read the sum before either writes would together spend
        // more than the limit.
        let tx = self
            .0
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let hash = draft.quote.payment_hash;
        let earlier = tx
            .query_row(
                "SELECT state FROM purchase WHERE payment_hash = ?1",
                [hash.as_bytes()],
                |row| state(row, 0),
            )
            .optional()?;
        // A failed attempt moved no money, so the same invoice may be tried again. Every early return
        // drops the transaction, which rolls it back.
        if let Some(taken) = earlier.filter(|state| *state != State::Failed) {
            return Ok(ReserveOutcome::Taken(taken));
        }
        if let Some(error) = broken_limit(&tx, &draft.wallet, window)? {
            return Ok(ReserveOutcome::Denied(error));
        }
        let max_fee = match limits.allow(draft.quote.amount, spent(&tx, window)?) {
            Ok(max_fee) => max_fee,
            Err(over) => return Ok(ReserveOutcome::Denied(over)),
        };
        insert(&tx, draft, max_fee, now)?;
        failpoint::hit(Step::IntentWritten);
        tx.commit()?;
        Ok(ReserveOutcome::Made(DurableIntent {
            payment_hash: hash,
            invoice: draft.quote.invoice.clone(),
            max_fee,
        }))
    }

    /// Writes that the wallet is about to be asked. Returns false if the row is no intent any more;
    /// then the wallet must not be asked.
    pub(crate) fn asked(&mut self, hash: &PaymentHash, now: UnixTime) -> rusqlite::Result<bool> {
        // The condition is part of the update: another process may have marked the row as failed.
        let changed = self.0.execute(
            "UPDATE purchase SET state = 'unknown', note = 'the wallet was asked', updated = ?2 \
             WHERE payment_hash = ?1 AND state = 'intent'",
            params![hash.as_bytes(), now.secs()],
        )?;
        Ok(changed == 1)
    }

    /// Writes a proof that `Preimage::proves` has found good, and notes a fee over its limit.
    pub(crate) fn paid(
        &mut self,
        hash: &PaymentHash,
        preimage: &Preimage,
        (paid, fee): (Msat, Msat),
        now: UnixTime,
    ) -> rusqlite::Result<Option<Purchase>> {
        let sql = format!(
            "UPDATE purchase SET state = 'paid', live = 1, preimage = ?2, paid_msat = ?3, \
             fee_msat = ?4, paid_at = max(?5, {NEWEST}), updated = ?5, \
             note = CASE WHEN ?4 > fee_limit_msat THEN 'routing cost ' || ?4 || ' msat, and ' || \
             fee_limit_msat || ' msat were the limit' ELSE '' END WHERE payment_hash = ?1"
        );
        self.0.execute(
            &sql,
            params![
                hash.as_bytes(),
                preimage.as_bytes(),
                bounded(paid),
                bounded(fee),
                now.secs()
            ],
        )?;
        self.purchase(hash)
    }

    /// Writes that the wallet reports a payment without proof. The money counts as spent.
    pub(crate) fn paid_without_proof(
        &mut self,
        hash: &PaymentHash,
        (paid, fee): (Msat, Msat),
        now: UnixTime,
    ) -> rusqlite::Result<()> {
        let sql = format!(
            "UPDATE purchase SET state = 'paid_no_proof', live = 0, paid_msat = ?2, fee_msat = ?3, \
             paid_at = max(?4, {NEWEST}), updated = ?4, \
             note = 'the preimage does not prove the payment' WHERE payment_hash = ?1"
        );
        self.0.execute(
            &sql,
            params![hash.as_bytes(), bounded(paid), bounded(fee), now.secs()],
        )?;
        Ok(())
    }

    /// Moves a purchase to a state that changes no amount: failed, unknown or refused.
    pub(crate) fn moved(
        &mut self,
        hash: &PaymentHash,
        to: State,
        note: &str,
        now: UnixTime,
    ) -> rusqlite::Result<()> {
        self.0.execute(
            "UPDATE purchase SET state = ?2, note = ?3, updated = ?4, live = 0 \
             WHERE payment_hash = ?1",
            params![hash.as_bytes(), to.name(), note, now.secs()],
        )?;
        Ok(())
    }

    /// Writes that the answer was read to its end. A token for one answer is not presented again.
    pub(crate) fn served(
        &mut self,
        hash: &PaymentHash,
        single_use: bool,
        now: UnixTime,
    ) -> rusqlite::Result<()> {
        self.0.execute(
            "UPDATE purchase SET state = 'served', live = live AND NOT ?2, updated = ?3 \
             WHERE payment_hash = ?1 AND (state = 'paid' OR (state = 'served' AND ?2 AND live))",
            params![hash.as_bytes(), single_use, now.secs()],
        )?;
        Ok(())
    }

    /// Marks a token as not to be presented again. The state of the purchase stays as it is.
    pub(crate) fn evict(&mut self, hash: &PaymentHash, now: UnixTime) -> rusqlite::Result<()> {
        self.0.execute(
            "UPDATE purchase SET live = 0, updated = ?2 WHERE payment_hash = ?1",
            params![hash.as_bytes(), now.secs()],
        )?;
        Ok(())
    }

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
    ) -> rusqlite::Result<Vec<Purchase>> {
        let sql = format!(
            "SELECT {} FROM purchase WHERE state IN ('intent', 'unknown') \
             AND (?1 IS NULL OR (origin = ?1 AND path = ?2)) ORDER BY created, rowid",
            Purchase::COLUMNS
        );
        let (origin, path) = (scope.map(|s| &s.origin), scope.map(|s| &s.path));
        self.0
            .prepare_cached(&sql)?
            .query_map(params![origin, path], Purchase::read)?
            .collect()
    }

    /// Returns the purchases of a scope whose tokens are worth presenting: first those that were never
    /// served, the oldest first; then those that can be used again, the newest first. A token that was
    /// never served is tried after its end, too, so that the loss does not go unnoticed.
    pub(crate) fn usable(
        &mut self,
        scope: &Scope,
        now: UnixTime,
    ) -> rusqlite::Result<Vec<Purchase>> {
        let sql = format!(
            "SELECT {} FROM purchase WHERE origin = ?1 AND path = ?2 AND live \
             AND (state = 'paid' OR (state = 'served' AND coalesce(valid_until > ?3, 1))) \
             ORDER BY state = 'served', CASE state WHEN 'paid' THEN created ELSE -created END, rowid",
            Purchase::COLUMNS
        );
        let params = params![scope.origin, scope.path, now.secs()];
        self.0
            .prepare_cached(&sql)?
            .query_map(params, Purchase::read)?
            .collect()
    }
}

/// Writes an intent. A failed attempt at the same invoice is replaced.
fn insert(db: &Connection, draft: &Draft, max_fee: Msat, now: UnixTime) -> rusqlite::Result<()> {
    // `?5` twice: until routing has its price, the most that it may cost counts as spent. `live` is 0,
    // for there is nothing to present before there is proof.
    let sql = format!(
        "INSERT OR REPLACE INTO purchase (payment_hash, origin, path, state, amount_msat, \
         paid_msat, fee_msat, created, updated, expires, note, network, invoice, scheme, token, \
         policy, valid_until, live, wallet, fee_limit_msat, request) VALUES (?1, ?2, ?3, 'intent', \
         ?4, 0, ?5, max(?6, {NEWEST}), ?6, ?7, '', ?8, ?9, ?10, ?11, ?12, ?13, 0, ?14, ?5, ?15)"
    );
    db.execute(
        &sql,
        params![
            draft.quote.payment_hash.as_bytes(),
            draft.scope.origin,
            draft.scope.path,
            bounded(draft.quote.amount),
            bounded(max_fee),
            now.secs(),
            // SQLite's integers are signed; a date beyond them must not fail the purchase.
            draft.quote.expires.secs().min(i64::MAX.unsigned_abs()),
            draft.network.name(),
            draft.quote.invoice,
            draft.scheme.name(),
            draft.token,
            draft.quote.policy.map(|policy| policy.to_string()),
            draft
                .valid_until
                .map(|until| until.secs().min(i64::MAX.unsigned_abs())),
            draft.wallet,
            draft.request,
        ],
    )?;
    Ok(())
}

/// Bounds an amount by all bitcoin that can exist, so that it fits into a signed column.
fn bounded(amount: Msat) -> u64 {
    amount.min(Msat::MAX).msat()
}

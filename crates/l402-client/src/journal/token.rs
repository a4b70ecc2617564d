//! The tokens that the file holds: what they are good for, and the way out for one of them.

use std::fmt;

use l402::{Msat, PaymentHash, Policy, Preimage, UnixTime};
use rusqlite::{OptionalExtension, Row, params};

use super::row::{INVOICE, Purchase, budget, state};
use super::store::Store;
use super::{BudgetName, Journal, State};
use crate::coverage::Coverage;
use crate::{Error, Narrowing, NarrowingError, PaymentProof};

/// A bought token as a list shows it. Holds neither the token nor its preimage.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredToken {
    /// The payment hash, which names the token.
    pub payment_hash: PaymentHash,
    /// The scheme, host and port of the server.
    pub origin: String,
    /// The path that it was bought for.
    pub path: String,
    /// The services that it names, in their order. Empty if it does not say.
    pub services: Vec<String>,
    /// What one payment bought, if the token says so.
    pub policy: Option<Policy>,
    /// The amount of the invoice.
    pub amount: Msat,
    /// [`State::Paid`] until an answer was had.
    pub state: State,
    /// The uses that are left: as the last answer said, or as the token says before the first one.
    pub uses_left: Option<u64>,
    /// The end: the earlier one of what the token and the last answer say.
    pub until: Option<UnixTime>,
    /// True if it is presented to its seller. It is not once it is used up, refused or forgotten.
    pub is_presented: bool,
    /// The time at which it was bought.
    pub paid_at: UnixTime,
    /// The budget that it was paid from.
    pub budget: BudgetName,
}

impl StoredToken {
    const COLUMNS: &'static str = "payment_hash, origin, path, state, amount_msat, policy, token, \
         uses_left, told_until, valid_until, live, coalesce(paid_at, created), budget";

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let policy: Option<String> = row.get(5)?;
        let policy: Option<Policy> = policy.and_then(|text| text.parse().ok());
        let token: String = row.get(6)?;
        let state = state(row, 3)?;
        let time = |at| row.get::<_, Option<u64>>(at);
        let ends = [time(8)?, time(9)?].into_iter().flatten();
        let bought = policy
            .and_then(Policy::uses)
            .map(|uses| u64::from(uses.get()));
        // Before the first answer all that was bought is left. Afterwards only the answers know.
        let uses_left = time(7)?.or(bought.filter(|_| state == State::Paid));
        Ok(Self {
            payment_hash: PaymentHash::from_bytes(row.get(0)?),
            origin: row.get(1)?,
            path: row.get(2)?,
            services: Coverage::of(&token).map_or_else(Vec::new, |token| token.services()),
            policy,
            amount: Msat::new(row.get(4)?),
            state,
            uses_left,
            until: ends.min().map(UnixTime::from_secs),
            is_presented: row.get(10)?,
            paid_at: UnixTime::from_secs(row.get(11)?),
            budget: budget(row, 12)?,
        })
    }

    /// Returns true if it may still be of use: it is presented, and its end is not known to be over.
    #[must_use]
    pub fn is_usable(&self, now: UnixTime) -> bool {
        self.is_presented && self.until.is_none_or(|until| until > now)
    }
}

/// A token with its preimage. Everybody who has both can use what was bought. Its `Debug` shows neither.
#[derive(Clone)]
pub struct StoredCredential {
    payment_hash: PaymentHash,
    scheme: String,
    token: String,
    preimage: Preimage,
}

impl fmt::Debug for StoredCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredCredential")
            .field("payment_hash", &self.payment_hash)
            .finish_non_exhaustive()
    }
}

impl StoredCredential {
    /// Returns the token, byte for byte as its seller wrote it, or as it was narrowed.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the preimage.
    #[must_use]
    pub fn preimage(&self) -> &Preimage {
        &self.preimage
    }

    /// Returns the value of the header `Authorization`: `L402 TOKEN:PREIMAGE`.
    #[must_use]
    pub fn to_header(&self) -> String {
        format!("{} {}:{}", self.scheme, self.token, self.preimage.to_hex())
    }

    /// Returns a credential that is good for less, to be handed on. It counts against the same
    /// payment: what its holder uses is used up here, too.
    ///
    /// # Errors
    /// See [`NarrowingError`].
    pub fn narrowed(&self, narrowing: &Narrowing) -> Result<Self, NarrowingError> {
        let token = narrowing.apply(&self.token)?;
        Ok(Self {
            token,
            ..self.clone()
        })
    }

    fn of(purchase: &Purchase) -> Option<Self> {
        if purchase.is_invoice() {
            return None;
        }
        Some(Self {
            payment_hash: purchase.payment_hash,
            scheme: purchase.scheme().to_owned(),
            token: purchase.token().to_owned(),
            preimage: purchase.preimage()?.clone(),
        })
    }
}

impl Journal {
    /// Returns at most `limit` tokens that were paid for, the newest first: those that may still be
    /// of use at `now`, or all.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn tokens(&self, now: Option<UnixTime>, limit: u32) -> Result<Vec<StoredToken>, Error> {
        self.with(|store| store.tokens(None, now, limit))
    }

    /// Returns the tokens that were paid from one budget, as [`Journal::tokens`] does.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn tokens_of_budget(
        &self,
        budget: &BudgetName,
        now: Option<UnixTime>,
        limit: u32,
    ) -> Result<Vec<StoredToken>, Error> {
        self.with(|store| store.tokens(Some(budget), now, limit))
    }

    /// Returns one token, or `None` if none was had: it is not paid for, or an invoice alone.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn token(&self, hash: &PaymentHash) -> Result<Option<StoredToken>, Error> {
        self.with(|store| store.token(hash))
    }

    /// Returns a token together with its preimage, or `None` if it is not paid for.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn credential(&self, hash: &PaymentHash) -> Result<Option<StoredCredential>, Error> {
        let purchase = self.with(|store| store.purchase(hash))?;
        Ok(purchase.as_ref().and_then(StoredCredential::of))
    }

    /// Returns the invoice and the preimage of a payment, or `None` if it is not proven.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn proof(&self, hash: &PaymentHash) -> Result<Option<PaymentProof>, Error> {
        self.with(|store| store.proof(hash))
    }

    /// Stops presenting a token. The purchase stays in the journal. Returns false if the token was
    /// not presented any more.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be written.
    pub fn forget(&self, hash: &PaymentHash) -> Result<bool, Error> {
        self.with(|store| {
            let is_presented = store.token(hash)?.is_some_and(|token| token.is_presented);
            match store.paid(hash)? {
                Some(paid) if is_presented => store.evict(paid).map(|()| true),
                _ => Ok(false),
            }
        })
    }
}

impl Store {
    fn tokens(
        &mut self,
        budget: Option<&BudgetName>,
        now: Option<UnixTime>,
        limit: u32,
    ) -> rusqlite::Result<Vec<StoredToken>> {
        let columns = StoredToken::COLUMNS;
        let sql = format!(
            "SELECT {columns} FROM purchase WHERE preimage IS NOT NULL AND scheme <> '{INVOICE}' \
             AND (?1 IS NULL OR (live \
             AND coalesce(valid_until > ?1, 1) AND coalesce(told_until > ?1, 1))) \
             AND (?2 IS NULL OR coalesce(budget, 'default') = ?2) \
             ORDER BY created DESC, rowid DESC LIMIT {limit}"
        );
        let params = params![now.map(UnixTime::secs), budget.map(BudgetName::as_str)];
        let mut statement = self.db().prepare_cached(&sql)?;
        let rows = statement.query_map(params, StoredToken::read)?;
        rows.collect()
    }

    fn proof(&mut self, hash: &PaymentHash) -> rusqlite::Result<Option<PaymentProof>> {
        let sql = "SELECT invoice, preimage FROM purchase WHERE payment_hash = ?1 \
                   AND preimage IS NOT NULL";
        let read = |row: &Row<'_>| {
            let preimage = Preimage::from_bytes(row.get(1)?);
            Ok(PaymentProof::new(*hash, row.get(0)?, preimage))
        };
        let mut statement = self.db().prepare_cached(sql)?;
        let found = statement.query_row([hash.as_bytes()], read);
        found.optional()
    }

    fn token(&mut self, hash: &PaymentHash) -> rusqlite::Result<Option<StoredToken>> {
        let columns = StoredToken::COLUMNS;
        let sql = format!(
            "SELECT {columns} FROM purchase WHERE payment_hash = ?1 AND preimage IS NOT NULL \
             AND scheme <> '{INVOICE}'"
        );
        let mut statement = self.db().prepare_cached(&sql)?;
        let mut rows = statement.query_map([hash.as_bytes()], StoredToken::read)?;
        rows.next().transpose()
    }
}

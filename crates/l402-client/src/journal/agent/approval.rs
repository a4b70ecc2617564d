//! Payments that a person is asked about.

use std::time::Duration;

use l402::{Msat, PaymentHash, UnixTime};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::AgentName;
use super::consent::ConsentRequest;
use super::keep::secs;
use crate::journal::row::word;
use crate::journal::store::bounded;
use crate::{Error, Journal};

/// The state of a payment that a person is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApprovalState {
    /// Nobody has decided yet.
    Waiting,
    /// A person has said yes, and it has not been paid yet.
    Approved,
    /// A person has said no.
    Denied,
    /// The yes was used, for one payment.
    Used,
}

impl ApprovalState {
    const ALL: [Self; 4] = [Self::Waiting, Self::Approved, Self::Denied, Self::Used];

    /// Returns the name for JSON: `waiting`, `approved`, `denied`, `used`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Used => "used",
        }
    }
}

/// A payment that a person is asked about, bound to the call that wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Approval {
    /// The number that `l402 approve` takes.
    pub id: i64,
    /// The agent that wants to pay.
    pub agent: AgentName,
    /// The tool that was called.
    pub tool: String,
    /// The digest of the call: its tool and arguments.
    pub arguments: [u8; 32],
    /// The amount of the invoice. A yes is for at most amount and fee limit together.
    pub amount: Msat,
    /// The most that routing may cost.
    pub fee_limit: Msat,
    /// The public key of the node that is paid, in hexadecimal.
    pub payee: String,
    /// The origin of the server; `None` for a payment that belongs to no URL.
    pub origin: Option<String>,
    /// The time at which it was asked for.
    pub created: UnixTime,
    /// The time from which a person cannot decide any more, or from which a yes is no longer used.
    pub expires: UnixTime,
    /// Waiting, decided, or used up.
    pub state: ApprovalState,
}

impl Approval {
    /// The time that a payment waits for a person, and the time after a yes in which it may be made.
    pub const LIFE: Duration = Duration::from_secs(10 * 60);

    const COLUMNS: &'static str = "id, agent, tool, arguments, amount_msat, fee_limit_msat, payee, \
                                   origin, created, expires, state";

    /// Returns the most that the payment may cost, its fee included.
    #[must_use]
    pub fn most(&self) -> Msat {
        self.amount.saturating_add(self.fee_limit)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            agent: word(row, 1, |text: &str| text.parse().ok())?,
            tool: row.get(2)?,
            arguments: row.get(3)?,
            amount: Msat::new(row.get(4)?),
            fee_limit: Msat::new(row.get(5)?),
            payee: row.get(6)?,
            origin: row.get(7)?,
            created: UnixTime::from_secs(row.get(8)?),
            expires: UnixTime::from_secs(row.get(9)?),
            state: word(row, 10, |text| {
                ApprovalState::ALL
                    .into_iter()
                    .find(|state| state.name() == text)
            })?,
        })
    }
}

impl Journal {
    /// Returns the payments that wait for a person at `now`, the oldest first.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn waiting_approvals(&self, now: UnixTime) -> Result<Vec<Approval>, Error> {
        self.with(|store| {
            let sql = format!(
                "SELECT {} FROM approval WHERE state = 'waiting' AND expires > ?1 ORDER BY id",
                Approval::COLUMNS
            );
            let mut rows = store.db().prepare_cached(&sql)?;
            rows.query_map([secs(now)], Approval::read)?.collect()
        })
    }

    /// Returns a payment that a person was asked about, in any state.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn approval(&self, id: i64) -> Result<Option<Approval>, Error> {
        self.with(|store| find(store.db(), id))
    }

    /// Writes down what a person decided. A yes may be used for ten minutes from `now`. Returns the row
    /// as it stands then, or `None` if it does not wait any more: it was decided, or its time is over.
    ///
    /// Whoever calls this has made sure that a person decides.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be written.
    pub fn decide_approval(
        &self,
        id: i64,
        yes: bool,
        now: UnixTime,
    ) -> Result<Option<Approval>, Error> {
        self.with(|store| {
            let tx = store
                .db()
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            let state = if yes {
                ApprovalState::Approved
            } else {
                ApprovalState::Denied
            };
            let decided = tx.execute(
                "UPDATE approval SET state = ?2, decided = ?3, expires = ?4 \
                 WHERE id = ?1 AND state = 'waiting' AND expires > ?3",
                params![id, state.name(), secs(now), end(now)],
            )?;
            let approval = find(&tx, id)?.filter(|_| decided > 0);
            tx.commit()?;
            Ok(approval)
        })
    }
}

fn find(db: &Connection, id: i64) -> rusqlite::Result<Option<Approval>> {
    let sql = format!("SELECT {} FROM approval WHERE id = ?1", Approval::COLUMNS);
    db.prepare_cached(&sql)?
        .query_row([id], Approval::read)
        .optional()
}

/// Returns the end of a row that is written at `now`.
fn end(now: UnixTime) -> u64 {
    secs(now.saturating_add(Approval::LIFE))
}

/// Returns the newest row of the same call, payee and origin that is in a state, has not ended, and is
/// for at least what the payment may cost.
pub(super) fn of_call(
    db: &Connection,
    request: &ConsentRequest,
    state: ApprovalState,
) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached(
        "SELECT id FROM approval WHERE agent = ?1 AND tool = ?2 AND arguments = ?3 AND state = ?4 \
         AND payee = ?5 AND origin IS ?6 AND expires > ?7 AND amount_msat + fee_limit_msat >= ?8 \
         ORDER BY id DESC LIMIT 1",
    )?
    .query_row(
        params![
            request.agent.as_str(),
            request.tool,
            request.arguments,
            state.name(),
            request.payee,
            request.origin,
            secs(request.now),
            bounded(request.cost()),
        ],
        |row| row.get(0),
    )
    .optional()
}

/// Uses up a yes.
pub(super) fn use_up(db: &Connection, id: i64) -> rusqlite::Result<()> {
    db.execute("UPDATE approval SET state = 'used' WHERE id = ?1", [id])?;
    Ok(())
}

/// Returns the number of payments of an agent that wait at `now`.
pub(super) fn count(db: &Connection, agent: &AgentName, now: UnixTime) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "SELECT count(*) FROM approval WHERE agent = ?1 AND state = 'waiting' AND expires > ?2",
    )?
    .query_row(params![agent.as_str(), secs(now)], |row| row.get(0))
}

/// Writes a row that waits, and returns its number.
pub(super) fn ask(db: &Connection, request: &ConsentRequest) -> rusqlite::Result<i64> {
    db.execute(
        "INSERT INTO approval (agent, tool, arguments, amount_msat, fee_limit_msat, payee, origin, \
         payment_hash, created, expires, state) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'waiting')",
        params![
            request.agent.as_str(),
            request.tool,
            request.arguments,
            bounded(request.amount),
            bounded(request.fee_limit),
            request.payee,
            request.origin,
            request.payment_hash.as_bytes() as &[u8],
            secs(request.now),
            end(request.now),
        ],
    )?;
    Ok(db.last_insert_rowid())
}

/// Notes what allowed a payment.
pub(super) fn note(
    db: &Connection,
    payment_hash: &PaymentHash,
    mandate: Option<i64>,
    approval: Option<i64>,
) -> rusqlite::Result<()> {
    // A payment that failed for certain may be begun again with the same invoice.
    db.execute(
        "INSERT OR REPLACE INTO consent (payment_hash, mandate, approval) VALUES (?1, ?2, ?3)",
        params![payment_hash.as_bytes() as &[u8], mandate, approval],
    )?;
    Ok(())
}

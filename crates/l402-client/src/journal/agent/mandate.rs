//! Mandates: standing approvals.

use l402::{Msat, PaymentHash, UnixTime};
use rusqlite::{Connection, Row, params};
use url::Url;

use super::keep::{hosts, hosts_text, secs};
use super::{AgentName, host};
use crate::journal::row::word;
use crate::journal::store::bounded;
use crate::{Error, Journal};

/// The rolling window that a mandate counts in, in seconds.
const WINDOW: u64 = 24 * 60 * 60;

/// A standing approval: payments of an agent above its threshold are made without a question, up to an
/// amount in any 24 hours. The limits of the agent's budget hold all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mandate {
    /// The number that names it.
    pub id: i64,
    /// The agent that may pay by it.
    pub agent: AgentName,
    /// The most that the payments which it allowed may cost in any 24 hours, fees included.
    pub up_to: Msat,
    /// The hosts that it is for, in the form of [`HostRule`](super::HostRule); `None` for all, and for
    /// payments that belong to no URL.
    pub hosts: Option<Vec<String>>,
    /// The time from which it allows nothing; `None` if it has no end.
    pub until: Option<UnixTime>,
    /// The time at which it was given.
    pub created: UnixTime,
}

impl Mandate {
    const COLUMNS: &'static str = "id, agent, up_to_msat, hosts, until, created";

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            agent: word(row, 1, |text: &str| text.parse().ok())?,
            up_to: Msat::new(row.get(2)?),
            hosts: hosts(row, 3)?,
            until: row.get::<_, Option<u64>>(4)?.map(UnixTime::from_secs),
            created: UnixTime::from_secs(row.get(5)?),
        })
    }

    /// Returns true if it is for a payment at all of these URLs. None at all is a payment that belongs
    /// to no URL.
    fn is_for(&self, urls: &[Url]) -> bool {
        let Some(hosts) = &self.hosts else {
            return true;
        };
        !urls.is_empty() && urls.iter().all(|url| host::covered(hosts, url))
    }
}

impl Journal {
    /// Returns the mandates of an agent that have not been ended, the oldest first. One that is past
    /// its time is among them.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn mandates(&self, agent: &AgentName) -> Result<Vec<Mandate>, Error> {
        self.with(|store| of_agent(store.db(), agent))
    }

    /// Gives an agent a mandate, and returns its number.
    ///
    /// # Errors
    /// [`Error::Store`] if there is no such agent, or the file cannot be written.
    pub fn add_mandate(
        &self,
        agent: &AgentName,
        up_to: Msat,
        hosts: Option<&[String]>,
        until: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<i64, Error> {
        let added = self.with(|store| {
            let db = store.db();
            // In one statement, so that an agent that is being removed gets none.
            let added = db.execute(
                "INSERT INTO mandate (agent, up_to_msat, hosts, until, created) \
                 SELECT name, ?2, ?3, ?4, ?5 FROM agent WHERE name = ?1 AND removed IS NULL",
                params![
                    agent.as_str(),
                    bounded(up_to),
                    hosts_text(hosts),
                    until.map(secs),
                    secs(now)
                ],
            )?;
            Ok((added > 0).then(|| db.last_insert_rowid()))
        })?;
        added.ok_or_else(|| Error::store(format!("there is no agent {agent}")))
    }

    /// Ends a mandate of an agent. Returns false if it has none of that number that has not ended.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be written.
    pub fn end_mandate(&self, agent: &AgentName, id: i64, now: UnixTime) -> Result<bool, Error> {
        self.with(|store| {
            let ended = store.db().execute(
                "UPDATE mandate SET ended = ?3 WHERE agent = ?1 AND id = ?2 AND ended IS NULL",
                params![agent.as_str(), id, secs(now)],
            )?;
            Ok(ended > 0)
        })
    }

    /// Returns what a mandate has allowed in the 24 hours before `now`, fees and what may still go
    /// through included.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn mandate_spent(&self, id: i64, now: UnixTime) -> Result<Msat, Error> {
        self.with(|store| spent(store.db(), id, None, now))
    }
}

fn of_agent(db: &Connection, agent: &AgentName) -> rusqlite::Result<Vec<Mandate>> {
    let sql = format!(
        "SELECT {} FROM mandate WHERE agent = ?1 AND ended IS NULL ORDER BY id",
        Mandate::COLUMNS
    );
    let mut rows = db.prepare_cached(&sql)?;
    rows.query_map([agent.as_str()], Mandate::read)?.collect()
}

/// A payment that a mandate may cover.
#[derive(Clone, Copy, Debug)]
pub(super) struct MandateQuery<'a> {
    pub(super) agent: &'a AgentName,
    pub(super) payment_hash: &'a PaymentHash,
    /// Amount and fee limit.
    pub(super) cost: Msat,
    pub(super) urls: &'a [Url],
    pub(super) now: UnixTime,
}

/// Returns the oldest mandate that covers a payment.
pub(super) fn covering(db: &Connection, query: MandateQuery<'_>) -> rusqlite::Result<Option<i64>> {
    for mandate in of_agent(db, query.agent)? {
        let is_over = mandate.until.is_some_and(|until| query.now >= until);
        if is_over || !mandate.is_for(query.urls) {
            continue;
        }
        let spent = spent(db, mandate.id, Some(query.payment_hash), query.now)?;
        if spent.saturating_add(query.cost) <= mandate.up_to {
            return Ok(Some(mandate.id));
        }
    }
    Ok(None)
}

/// Returns what the payments of a mandate cost, but for one that is asked about.
fn spent(
    db: &Connection,
    id: i64,
    but: Option<&PaymentHash>,
    now: UnixTime,
) -> rusqlite::Result<Msat> {
    let begin = now.secs().saturating_sub(WINDOW);
    let mut rows = db.prepare_cached(
        "SELECT max(amount_msat, paid_msat), fee_msat FROM consent \
         JOIN purchase ON purchase.payment_hash = consent.payment_hash \
         WHERE consent.mandate = ?1 AND consent.payment_hash IS NOT ?2 \
         AND (state IN ('intent', 'unknown') \
         OR (state IN ('paid', 'paid_no_proof', 'refused', 'served') AND paid_at > ?3))",
    )?;
    let but = but.map(PaymentHash::as_bytes);
    let rows = rows.query_map(params![id, but, begin], |row| {
        Ok(Msat::new(row.get(0)?).saturating_add(Msat::new(row.get(1)?)))
    })?;
    // Here and not in SQL, whose `sum` ends in an error if it is too large.
    rows.into_iter()
        .try_fold(Msat::ZERO, |sum, cost| Ok(sum.saturating_add(cost?)))
}

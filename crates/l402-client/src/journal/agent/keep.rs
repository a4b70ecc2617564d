//! Agents: their rows, and the budgets that belong to them.

use l402::{Msat, UnixTime};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use url::Url;

use super::host;
use crate::journal::budget::change;
use crate::journal::row::word;
use crate::journal::step::Store;
use crate::journal::store::bounded;
use crate::{BudgetLimit, BudgetLimits, Error, Journal, Limits};

/// The name of an agent, which is that of its budget.
pub type AgentName = crate::journal::BudgetName;

/// A program that spends for a person, from the budget of the same name.
///
/// Its limits are those of the budget. Beside them stand what it may reach, and the amount above which
/// a person is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agent {
    /// The name, also of its budget.
    pub name: AgentName,
    /// The hosts that it may ask and pay, in the form of [`HostRule`](super::HostRule); `None` for all.
    pub hosts: Option<Vec<String>>,
    /// True if it may pay invoices that belong to no URL, although it has hosts.
    pub invoices: bool,
    /// The amount, fee limit included, above which a person is asked. `None` for the default, see
    /// [`Agent::threshold`].
    pub approve_above: Option<Msat>,
    /// The time at which it was added.
    pub created: UnixTime,
    /// The time since which it is removed and pays nothing.
    pub removed: Option<UnixTime>,
}

impl Agent {
    /// The amount above which a person is asked, if the agent has none of its own.
    pub const APPROVE_ABOVE: Msat = Msat::from_sat(100);

    /// Returns an agent without hosts of its own and with the default threshold.
    #[must_use]
    pub const fn new(name: AgentName, created: UnixTime) -> Self {
        Self {
            name,
            hosts: None,
            invoices: false,
            approve_above: None,
            created,
            removed: None,
        }
    }

    /// Returns the amount, fee limit included, above which a person is asked.
    #[must_use]
    pub fn threshold(&self) -> Msat {
        self.approve_above.unwrap_or(Self::APPROVE_ABOVE)
    }

    /// Returns true if the agent may ask and pay at a URL.
    #[must_use]
    pub fn reaches(&self, url: &Url) -> bool {
        let hosts = self.hosts.as_ref();
        hosts.is_none_or(|hosts| host::covered(hosts, url))
    }

    /// Returns true if a payment that belongs to no URL needs a person, whatever its amount.
    #[must_use]
    pub const fn asks_for_invoices(&self) -> bool {
        self.hosts.is_some() && !self.invoices
    }

    const COLUMNS: &'static str = "name, hosts, invoices, approve_above_msat, created, removed";

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            name: word(row, 0, |text: &str| text.parse().ok())?,
            hosts: hosts(row, 1)?,
            invoices: row.get(2)?,
            approve_above: row.get::<_, Option<u64>>(3)?.map(Msat::new),
            created: UnixTime::from_secs(row.get(4)?),
            removed: row.get::<_, Option<u64>>(5)?.map(UnixTime::from_secs),
        })
    }

    fn write(&self, db: &Connection) -> rusqlite::Result<()> {
        db.prepare_cached(
            "INSERT OR REPLACE INTO agent (name, hosts, invoices, approve_above_msat, created, removed) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            self.name.as_str(),
            hosts_text(self.hosts.as_deref()),
            self.invoices,
            self.approve_above.map(bounded),
            secs(self.created),
            self.removed.map(secs),
        ])?;
        Ok(())
    }
}

impl Journal {
    /// Returns all agents by name, those that are removed among them.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn agents(&self) -> Result<Vec<Agent>, Error> {
        self.with(|store| {
            let sql = format!("SELECT {} FROM agent ORDER BY name", Agent::COLUMNS);
            let mut rows = store.db().prepare_cached(&sql)?;
            rows.query_map([], Agent::read)?.collect()
        })
    }

    /// Returns an agent, also one that is removed; `None` if there was never one of this name.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn agent(&self, name: &AgentName) -> Result<Option<Agent>, Error> {
        self.with(|store| find(store.db(), name))
    }

    /// Adds an agent, or changes one, together with its budget, a child of `default`: these limits take
    /// the place of those that it has, and a stop ends.
    ///
    /// With `operator`, the hash of a passphrase, this is the first agent. The hash is stored, and so is
    /// what holds by default for each budget without a parent that has no limit of a request or of a
    /// day: a client could name a higher one otherwise.
    ///
    /// # Errors
    /// [`Error::Store`] if `operator` is given and there is a passphrase already, if the budget cannot
    /// stand where it is, or if the file cannot be written. Nothing is changed then.
    pub fn put_agent(
        &self,
        agent: &Agent,
        limits: &BudgetLimits,
        operator: Option<&str>,
    ) -> Result<(), Error> {
        self.with(|store| store.put_agent(agent, limits, operator))?
    }

    /// Removes an agent: its budget is stopped, its mandates end, and what waits for a person is
    /// denied. Returns false if there is none.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be written.
    pub fn remove_agent(&self, name: &AgentName, now: UnixTime) -> Result<bool, Error> {
        self.with(|store| store.remove_agent(name, now))?
    }
}

impl Store {
    fn put_agent(
        &mut self,
        agent: &Agent,
        limits: &BudgetLimits,
        operator: Option<&str>,
    ) -> rusqlite::Result<Result<(), Error>> {
        let tx = self
            .db()
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(hash) = operator {
            let since = secs(agent.created);
            let sql = "INSERT OR IGNORE INTO operator (one, hash, since) VALUES (1, ?1, ?2)";
            if tx.execute(sql, params![hash, since])? == 0 {
                let text = "another program has set a passphrase meanwhile";
                return Ok(Err(Error::store(text)));
            }
            store_defaults(&tx)?;
        }
        agent.write(&tx)?;
        let changed = change(&tx, &agent.name, |budget| {
            budget.limits = *limits;
            budget.stopped = None;
            // One that stood alone would not count against `default`.
            let parent = budget.parent.take();
            budget.parent = Some(parent.unwrap_or_default());
            true
        })?;
        if let Err(error) = changed {
            return Ok(Err(error));
        }
        tx.commit()?;
        Ok(Ok(()))
    }

    fn remove_agent(
        &mut self,
        name: &AgentName,
        now: UnixTime,
    ) -> rusqlite::Result<Result<bool, Error>> {
        let tx = self
            .db()
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now = secs(now);
        let sql = "UPDATE agent SET removed = ?2 WHERE name = ?1 AND removed IS NULL";
        if tx.execute(sql, params![name.as_str(), now])? == 0 {
            return Ok(Ok(false));
        }
        // One that is added anew begins without what this one was allowed.
        tx.execute(
            "UPDATE mandate SET ended = ?2 WHERE agent = ?1 AND ended IS NULL",
            params![name.as_str(), now],
        )?;
        tx.execute(
            "UPDATE approval SET state = 'denied', decided = ?2 WHERE agent = ?1 \
             AND state IN ('waiting', 'approved')",
            params![name.as_str(), now],
        )?;
        let stopped = change(&tx, name, |budget| {
            budget.stopped = budget.stopped.or(Some(UnixTime::from_secs(now)));
            true
        })?;
        if let Err(error) = stopped {
            return Ok(Err(error));
        }
        tx.commit()?;
        Ok(Ok(true))
    }
}

/// Stores what holds by default for a request and a day, for each root that has no such limit.
fn store_defaults(db: &Connection) -> rusqlite::Result<()> {
    db.execute("INSERT OR IGNORE INTO budget (name) VALUES ('default')", [])?;
    for (which, column) in [
        (BudgetLimit::PerRequest, "per_request_msat"),
        (BudgetLimit::PerDay, "per_day_msat"),
    ] {
        let most = Limits::default().beside(which, None).map(bounded);
        let sql =
            format!("UPDATE budget SET {column} = ?1 WHERE parent IS NULL AND {column} IS NULL");
        db.execute(&sql, [most])?;
    }
    Ok(())
}

/// Returns the row of an agent.
pub(super) fn find(db: &Connection, name: &AgentName) -> rusqlite::Result<Option<Agent>> {
    let sql = format!("SELECT {} FROM agent WHERE name = ?1", Agent::COLUMNS);
    db.prepare_cached(&sql)?
        .query_row([name.as_str()], Agent::read)
        .optional()
}

/// Reads a list of hosts: a JSON array of texts.
pub(super) fn hosts(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Vec<String>>> {
    let is_null = row.get::<_, Option<String>>(at)?.is_none();
    if is_null {
        return Ok(None);
    }
    word(row, at, |text| serde_json::from_str(text).ok()).map(Some)
}

/// Returns a list of hosts as its column has it.
pub(super) fn hosts_text(hosts: Option<&[String]>) -> Option<String> {
    hosts.map(|hosts| serde_json::Value::from(hosts.to_vec()).to_string())
}

/// Fits a column.
pub(super) fn secs(time: UnixTime) -> u64 {
    time.secs().min(i64::MAX.unsigned_abs())
}

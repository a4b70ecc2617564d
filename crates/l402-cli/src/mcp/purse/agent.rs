//! The purse of one agent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use l402::{PaymentHash, UnixTime};
use l402_client::{Agent, BudgetLimits, BudgetName, Entry, Error, Journal};
use l402_lightning::{NewInvoice, Node};
use tokio::sync::Semaphore;

use super::http_call::HttpCall;
use super::turn::Turns;
use super::wallet::Wallets;
use super::work::CALLS_MAX;
use crate::buyer::ClientConfig;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::text::money::MaxFee;

/// The most requests, and the most invoices, that are remembered.
const REMEMBERED_MAX: usize = 256;

/// The longest body of a request that is remembered, in bytes.
const REMEMBERED_BODY_MAX: usize = 64 * 1024;

/// The purse of one agent, for all calls of one run: chosen at the start, and by no tool.
pub(crate) struct Purse {
    pub(super) context: Context,
    pub(super) agent: BudgetName,
    pub(super) journal: Journal,
    pub(super) config: ClientConfig,
    /// The limits that the command line lowers further.
    lowered: BudgetLimits,
    /// The limits that tools have lowered in this run.
    narrowed: Mutex<BudgetLimits>,
    pub(super) max_fee: Option<MaxFee>,
    pub(super) wallets: Wallets,
    pub(super) turns: Turns,
    /// A place for each call that is under way.
    pub(super) running: Arc<Semaphore>,
    pub(super) remembered: Remembered,
    /// The last invoices that were made, for what the journal does not hold of them.
    made: Mutex<VecDeque<NewInvoice>>,
}

impl std::fmt::Debug for Purse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Purse")
            .field("agent", &self.agent)
            .finish_non_exhaustive()
    }
}

impl Purse {
    /// Opens the purse of an agent: with the wallet that is named, or else with those that the home
    /// folder prefers. Opens no wallet yet. Without an agent it spends from the budget `default`.
    ///
    /// # Errors
    /// If there is no such agent, or if the journal or `client.toml` cannot be read.
    pub(crate) fn open(
        context: &Context,
        agent: Option<BudgetName>,
        named: Option<Node>,
    ) -> Result<Self, CliError> {
        let client = context.home.client()?;
        let journal = Journal::open(&client)?;
        if let Some(name) = &agent {
            let row = journal.agent(name)?;
            // The row of a removed agent stays in the journal, and must not act again.
            if row.is_none_or(|row| row.removed.is_some()) {
                return Err(no_agent(name));
            }
        }
        Ok(Self {
            context: context.clone(),
            agent: agent.unwrap_or_default(),
            journal,
            config: ClientConfig::read(context)?,
            lowered: BudgetLimits::default(),
            narrowed: Mutex::default(),
            max_fee: None,
            wallets: Wallets::new(named),
            turns: Turns::new(client.join("calls")),
            running: Arc::new(Semaphore::new(CALLS_MAX)),
            remembered: Remembered::default(),
            made: Mutex::default(),
        })
    }

    /// Lowers limits for this run, and raises none.
    pub(crate) fn lowered(mut self, limits: BudgetLimits, max_fee: Option<MaxFee>) -> Self {
        self.lowered = limits;
        self.max_fee = max_fee;
        self
    }

    /// Lowers limits until the end of this run, for a tool. None is raised, whatever `limits` says.
    pub(crate) fn narrow(&self, limits: &BudgetLimits) {
        let mut narrowed = self.narrowed.lock().unwrap_or_else(PoisonError::into_inner);
        *narrowed = narrowed.narrowed(limits);
    }

    /// Returns the limits that the command line and tools add to the stored ones.
    pub(super) fn limits_of_run(&self) -> BudgetLimits {
        let narrowed = self.narrowed.lock().unwrap_or_else(PoisonError::into_inner);
        self.lowered.narrowed(&narrowed)
    }

    /// Returns the name of the agent, which is that of its budget.
    pub(crate) const fn agent(&self) -> &BudgetName {
        &self.agent
    }

    /// Returns the journal. What a tool shows of it must be of this agent alone.
    pub(crate) const fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) const fn config(&self) -> &ClientConfig {
        &self.config
    }

    pub(crate) fn now(&self) -> UnixTime {
        self.context.clock.wall()
    }

    /// Returns true if preimages may stand in results.
    pub(crate) const fn shows_secrets(&self) -> bool {
        self.config.mcp.danger_show_secrets
    }

    /// Returns the row of the agent as it is now; one without hosts if nobody has added `default`.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub(crate) fn row(&self) -> Result<Agent, Error> {
        let row = self.journal.agent(&self.agent)?;
        Ok(row.unwrap_or_else(|| Agent::new(self.agent.clone(), self.now())))
    }

    /// Returns a payment of this agent, `None` for one of another.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub(crate) fn entry(&self, hash: &PaymentHash) -> Result<Option<Entry>, Error> {
        let entry = self.journal.entry(hash)?;
        Ok(entry.filter(|entry| entry.budget == self.agent))
    }

    /// Returns the request that a payment was made for, if it is remembered.
    pub(crate) fn request_of(&self, hash: &PaymentHash) -> Option<HttpCall> {
        self.remembered.of(hash)
    }

    /// Remembers an invoice that was made.
    pub(crate) fn remember_invoice(&self, invoice: NewInvoice) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= REMEMBERED_MAX {
            made.pop_front();
        }
        made.push_back(invoice);
    }

    /// Returns an invoice that was made in this run, if it is remembered.
    pub(crate) fn invoice_of(&self, hash: &PaymentHash) -> Option<NewInvoice> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.iter()
            .find(|invoice| invoice.payment_hash() == *hash)
            .cloned()
    }

    /// Waits until every call that is under way has ended; no other begins.
    pub(crate) async fn finish(&self) {
        let all = u32::try_from(CALLS_MAX).unwrap_or(u32::MAX);
        if self.running.acquire_many(all).await.is_ok() {
            self.running.close();
        }
    }

    /// Returns a purse of `default` that pays from the sandbox.
    #[cfg(test)]
    pub(crate) fn for_tests(home: &std::path::Path) -> Self {
        let home = crate::home::HomeFolder::choose(Some(home.to_owned())).expect("a folder");
        let context = Context::new("l402".to_owned(), home);
        Self::open(&context, None, Some(Node::Sandbox)).expect("a purse")
    }
}

pub(super) fn no_agent(name: &BudgetName) -> CliError {
    CliError::new(
        exit_code::USAGE,
        "unknown_agent",
        format!("there is no agent {name}"),
    )
    .with_hint("`l402 agent list` shows the agents, and `l402 agent add` adds one")
}

/// The requests of the last payments: the journal holds only digests of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Remembered(Arc<Mutex<VecDeque<(PaymentHash, HttpCall)>>>);

impl Remembered {
    pub(super) fn note(&self, hash: PaymentHash, call: &HttpCall) {
        // A long body is not kept in memory: l402_resume asks for the request again instead.
        if call.body.len() > REMEMBERED_BODY_MAX {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(known, _)| *known != hash);
        if all.len() >= REMEMBERED_MAX {
            all.pop_front();
        }
        all.push_back((hash, call.clone()));
    }

    fn of(&self, hash: &PaymentHash) -> Option<HttpCall> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .find(|(known, _)| known == hash)
            .map(|(_, call)| call.clone())
    }
}

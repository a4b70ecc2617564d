//! The consent of the journal: pay, wait for a person, or do not pay.

use l402::{Msat, PaymentHash, UnixTime};
use rusqlite::{Connection, TransactionBehavior};
use url::Url;

use super::approval::{self, ApprovalState};
use super::mandate::{self, MandateQuery};
use super::{Agent, AgentName, keep};
use crate::{Error, Journal};

/// The most payments of one agent that wait for a person at the same time.
const WAITING_MAX: usize = 20;

/// A payment whose intent is durable, and the call that wants it.
#[derive(Clone, Debug)]
pub struct ConsentRequest {
    /// The agent; `default` for a client without one.
    pub agent: AgentName,
    /// The tool that was called.
    pub tool: String,
    /// The digest of the call: its tool and arguments.
    pub arguments: [u8; 32],
    /// The payment hash, under which the consent is noted.
    pub payment_hash: PaymentHash,
    /// The amount of the invoice.
    pub amount: Msat,
    /// The most that routing may cost.
    pub fee_limit: Msat,
    /// The public key of the node that is paid, in hexadecimal.
    pub payee: String,
    /// The origin of the server: scheme, host and port. `None`, or one without a host, for a payment
    /// that belongs to no URL.
    pub origin: Option<String>,
    /// The host that the request named instead of that of the origin, with its port if it named one.
    pub host: Option<String>,
    /// The wall clock at the question: approvals and mandates end by it.
    pub now: UnixTime,
}

impl ConsentRequest {
    /// Returns the most that the payment may cost, its fee included.
    #[must_use]
    pub fn cost(&self) -> Msat {
        self.amount.saturating_add(self.fee_limit)
    }

    /// Returns the URLs that hosts are held against: that of the origin, and that of the host which the
    /// request named. Empty for a payment that belongs to no URL.
    fn urls(&self) -> Result<Vec<Url>, url::ParseError> {
        let Some(origin) = &self.origin else {
            return Ok(Vec::new());
        };
        let url: Url = origin.parse()?;
        if !url.has_host() {
            return Ok(Vec::new());
        }
        let mut urls = Vec::new();
        if let Some(host) = &self.host {
            urls.push(format!("{}://{host}/", url.scheme()).parse()?);
        }
        urls.push(url);
        Ok(urls)
    }
}

/// The answer to the question whether a payment may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Consent {
    /// It is below the threshold.
    Free,
    /// The mandate of this number covers it.
    Mandate(i64),
    /// A person has approved it under this number, which is used up now.
    Approved(i64),
    /// It must not be made before a person approves it under this number.
    Waiting(i64),
    /// It must not be made, and nobody is asked. The reason is for people.
    Denied(&'static str),
}

impl Consent {
    /// Returns true if the payment may be made now, once.
    #[must_use]
    pub const fn may_pay(self) -> bool {
        matches!(self, Self::Free | Self::Mandate(_) | Self::Approved(_))
    }
}

impl Journal {
    /// Decides whether a payment of an agent may be made, and records what allowed it: in one
    /// transaction, so that of two processes one alone uses an approval, or the last of a mandate.
    ///
    /// Call it once the intent is in the journal, and before the wallet is asked. An approval that is
    /// used stays used if the payment fails.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read or written. The payment must not be made then.
    pub fn consent(&self, request: &ConsentRequest) -> Result<Consent, Error> {
        self.with(|store| {
            let tx = store
                .db()
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            let consent = decide(&tx, request)?;
            tx.commit()?;
            Ok(consent)
        })
    }
}

fn decide(db: &Connection, request: &ConsentRequest) -> rusqlite::Result<Consent> {
    let agent = match keep::find(db, &request.agent)? {
        Some(agent) => agent,
        // A client without an agent has the default threshold, and no hosts.
        None if request.agent.is_default() => Agent::new(request.agent.clone(), request.now),
        None => return Ok(Consent::Denied("there is no such agent")),
    };
    if agent.removed.is_some() {
        return Ok(Consent::Denied("the agent was removed"));
    }
    let Ok(urls) = request.urls() else {
        return Ok(Consent::Denied(
            "the server has no address that can be read",
        ));
    };
    if !urls.iter().all(|url| agent.reaches(url)) {
        return Ok(Consent::Denied("the host is none of those of the agent"));
    }
    let needs_person = urls.is_empty() && agent.asks_for_invoices();
    if !needs_person {
        if request.cost() <= agent.threshold() {
            return Ok(Consent::Free);
        }
        if let Some(mandate) = covering(db, request, &urls)? {
            approval::note(db, &request.payment_hash, Some(mandate), None)?;
            return Ok(Consent::Mandate(mandate));
        }
    }
    if let Some(id) = approval::of_call(db, request, ApprovalState::Approved)? {
        approval::use_up(db, id)?;
        approval::note(db, &request.payment_hash, None, Some(id))?;
        return Ok(Consent::Approved(id));
    }
    wait(db, request)
}

/// Returns a mandate that covers a payment at all of its URLs.
fn covering(
    db: &Connection,
    request: &ConsentRequest,
    urls: &[Url],
) -> rusqlite::Result<Option<i64>> {
    mandate::covering(
        db,
        MandateQuery {
            agent: &request.agent,
            payment_hash: &request.payment_hash,
            cost: request.cost(),
            urls,
            now: request.now,
        },
    )
}

/// Returns the row that waits for a person, and makes it if there is none.
fn wait(db: &Connection, request: &ConsentRequest) -> rusqlite::Result<Consent> {
    // A no holds as long as a yes would, so that asking again and again wears nobody out.
    if approval::of_call(db, request, ApprovalState::Denied)?.is_some() {
        return Ok(Consent::Denied("a person has said no to it"));
    }
    if let Some(id) = approval::of_call(db, request, ApprovalState::Waiting)? {
        return Ok(Consent::Waiting(id));
    }
    if approval::count(db, &request.agent, request.now)? >= WAITING_MAX {
        let text = "20 payments of the agent wait for approval already";
        return Ok(Consent::Denied(text));
    }
    approval::ask(db, request).map(Consent::Waiting)
}

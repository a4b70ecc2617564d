//! The last word before a payment: consent in the journal, and the note of what the call pays for.

use std::sync::{Arc, Mutex, PoisonError};

use l402::PaymentHash;
use l402_client::{BudgetName, Consent, ConsentRequest, Event, Journal, Progress, Quote, ToolCall};
use l402_host::Clock;
use tokio::sync::watch;

use super::agent::{Purse, Remembered};
use super::http_call::HttpCall;
use crate::text::hex::hex;

/// The identity of a call: two calls with the same one are the same call.
#[derive(Clone, Debug)]
pub(crate) struct CallId {
    pub(crate) tool: &'static str,
    /// The digest of tool and arguments.
    pub(crate) arguments: [u8; 32],
    /// The idempotency key of the caller, if it gave one.
    pub(crate) key: Option<String>,
}

impl CallId {
    /// Returns the key in the journal: no key of a caller looks like one of arguments.
    pub(super) fn stored_key(&self) -> String {
        match &self.key {
            Some(key) => format!("key {key}"),
            None => format!("same {}", hex(&self.arguments)),
        }
    }
}

/// The reason why a payment was not made, besides those that the client knows.
#[derive(Clone, Debug)]
pub(crate) enum NotPaid {
    /// A person has to approve it first, under this number.
    Waiting(i64, Box<Quote>),
    /// It is not allowed, and nobody is asked.
    No(String),
    /// The call was given up before money moved.
    GivenUp,
}

/// The stage that a call has come to.
#[derive(Clone, Debug)]
enum Stage {
    /// Nothing is paid yet.
    Open,
    /// Nobody waits for it any more, and nothing was paid.
    GivenUp,
    /// The wallet is asked, or was.
    Paying,
    NotPaid(NotPaid),
}

/// Follows one call, and says yes or no to its payment.
pub(crate) struct CallProgress {
    journal: Journal,
    clock: Arc<dyn Clock>,
    agent: BudgetName,
    id: CallId,
    /// The request that is paid for; `None` for an invoice alone.
    http: Option<HttpCall>,
    remembered: Remembered,
    stage: Mutex<Stage>,
    /// The payment, as soon as it has begun.
    paying: watch::Sender<Option<PaymentHash>>,
    /// True once nobody waits for the call.
    is_left: watch::Sender<bool>,
}

impl std::fmt::Debug for CallProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallProgress")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl CallProgress {
    pub(crate) fn new(purse: &Purse, id: CallId, http: Option<HttpCall>) -> Arc<Self> {
        Arc::new(Self {
            journal: purse.journal.clone(),
            clock: Arc::clone(&purse.context.clock),
            agent: purse.agent.clone(),
            id,
            http,
            remembered: purse.remembered.clone(),
            stage: Mutex::new(Stage::Open),
            paying: watch::Sender::new(None),
            is_left: watch::Sender::new(false),
        })
    }

    /// Returns why the payment was not made, if this value has said no.
    pub(crate) fn not_paid(&self) -> Option<NotPaid> {
        match &*self.stage.lock().unwrap_or_else(PoisonError::into_inner) {
            Stage::NotPaid(why) => Some(why.clone()),
            Stage::GivenUp => Some(NotPaid::GivenUp),
            Stage::Open | Stage::Paying => None,
        }
    }

    /// Returns the payment if it has begun.
    pub(crate) fn begun(&self) -> Option<PaymentHash> {
        *self.paying.borrow()
    }

    /// Notes that the call is about a payment that was made before.
    pub(crate) fn resumes(&self, hash: PaymentHash) {
        self.paying.send_replace(Some(hash));
    }

    /// Returns the payment once it has begun.
    pub(super) async fn paying(&self) -> PaymentHash {
        let mut paying = self.paying.subscribe();
        match paying.wait_for(Option::is_some).await.map(|hash| *hash) {
            Ok(Some(hash)) => hash,
            // The sender is this value.
            _ => std::future::pending().await,
        }
    }

    /// Gives the call up: what has not begun to be paid is not paid any more. Returns false if the
    /// payment has begun.
    pub(super) fn give_up(&self) -> bool {
        self.is_left.send_replace(true);
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*stage, Stage::Open) {
            *stage = Stage::GivenUp;
        }
        !matches!(*stage, Stage::Paying)
    }

    /// Returns true once nobody waits for the call.
    pub(crate) fn is_left(&self) -> bool {
        *self.is_left.borrow()
    }

    /// Notes that the call was answered with what an earlier payment bought, so that its key does not
    /// use it twice.
    pub(crate) fn note_reused(&self, hash: PaymentHash) {
        // Without a key, ten minutes count from the payment.
        if self.id.key.is_some() && self.note(hash).is_err() {
            tracing::warn!("cannot note what a call has used");
        }
    }

    /// Notes what the call pays for.
    fn note(&self, hash: PaymentHash) -> Result<(), String> {
        let noted = self.journal.note_tool_call(&ToolCall {
            agent: self.agent.clone(),
            tool: self.id.tool.to_owned(),
            key: self.id.stored_key(),
            arguments: self.id.arguments,
            created: self.clock.wall(),
            payment_hash: Some(hash),
        });
        match noted {
            Ok(true) => Ok(()),
            Ok(false) => Err("the idempotency key belongs to another call".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Asks the journal for consent, and notes the call before it pays.
    fn consent(&self, quote: &Quote) -> Result<(), NotPaid> {
        let consent = self.journal.consent(&ConsentRequest {
            agent: self.agent.clone(),
            tool: self.id.tool.to_owned(),
            arguments: self.id.arguments,
            payment_hash: quote.payment_hash,
            amount: quote.amount,
            fee_limit: quote.max_fee,
            payee: quote.payee.clone(),
            origin: self.http.is_some().then(|| quote.origin.clone()),
            // No header `Host` of a caller is sent.
            host: None,
            now: self.clock.wall(),
        });
        match consent {
            Ok(consent) if consent.may_pay() => self.note(quote.payment_hash).map_err(NotPaid::No),
            Ok(Consent::Waiting(id)) => Err(NotPaid::Waiting(id, Box::new(quote.clone()))),
            Ok(Consent::Denied(why)) => Err(NotPaid::No(why.to_owned())),
            Ok(_) => Err(NotPaid::No("the payment needs a person".to_owned())),
            Err(error) => Err(NotPaid::No(error.to_string())),
        }
    }
}

impl Progress for CallProgress {
    fn event(&self, event: &Event) {
        // What was paid for before counts as paying: the answer may take long as well.
        if let Event::Resuming(hash) | Event::Redelivered(hash) = event {
            self.paying.send_replace(Some(*hash));
        }
    }

    fn approve(&self, quote: &Quote) -> bool {
        if self.is_left() {
            return false;
        }
        if let Some(http) = &self.http {
            self.remembered.note(quote.payment_hash, http);
        }
        let consent = self.consent(quote);
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: whoever gives the call up learns which of the two came first.
        let may_pay = match consent {
            Err(why) => {
                *stage = Stage::NotPaid(why);
                false
            }
            Ok(()) => {
                let is_open = matches!(*stage, Stage::Open);
                if is_open {
                    *stage = Stage::Paying;
                }
                is_open
            }
        };
        drop(stage);
        if may_pay {
            self.paying.send_replace(Some(quote.payment_hash));
        }
        may_pay
    }
}

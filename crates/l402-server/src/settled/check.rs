//! The check of one payment, and the task that asks the node.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use l402::{Msat, PaymentHash, UnixTime};
use l402_host::Clock;
use l402_lightning::{InvoiceState, Receive};
use tokio::sync::watch;

use super::look_ups::{Joined, LookUps, NodeAnswer};
use super::payments::SettledPayments;
use crate::challenge::{ChallengeLimits, Seldom};

/// The state of a token's payment, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The payment has arrived, with the price or more.
    Settled,
    /// It has not arrived yet, as far as the node knows.
    NotYet,
    /// It has not been asked about, since too many others were, by this caller or in all: the time to
    /// wait.
    Wait(Duration),
    /// It has arrived with less than the price.
    TooLittle,
    /// It will not arrive: the invoice was cancelled, or has ended unpaid.
    Cancelled,
    /// The node did not answer.
    Unknown,
}

/// A token that was sold: its payment, its price and its end, as the mint wrote them.
#[derive(Clone, Debug)]
pub(crate) struct Sold {
    pub(crate) payment: PaymentHash,
    pub(crate) price: Msat,
    pub(crate) end: UnixTime,
    /// The node's reference of the invoice, if it needs one.
    pub(crate) lookup: Option<String>,
}

/// The check of payments by the word of the node. One for all credentials of a process, if preimages prove
/// nothing, and one for those who have no preimage.
#[derive(Debug)]
pub(crate) struct SettledCheck {
    receive: Arc<dyn Receive>,
    clock: Arc<dyn Clock>,
    time_limit: Duration,
    state: Mutex<CheckState>,
    unconfirmed: Seldom,
}

#[derive(Debug)]
struct CheckState {
    payments: SettledPayments,
    look_ups: LookUps,
}

impl SettledCheck {
    /// Returns the check for a node, or `None` if its preimages are proof enough.
    pub(crate) fn of(
        receive: &Arc<dyn Receive>,
        clock: &Arc<dyn Clock>,
        time_limit: Duration,
        limits: ChallengeLimits,
    ) -> Option<Arc<Self>> {
        let is_needed = !receive.preimage_is_proof();
        is_needed.then(|| Self::new(receive, clock, time_limit, LookUps::of_credentials(limits)))
    }

    /// Returns the check for buyers who have no preimage, at any node.
    pub(crate) fn for_passes(
        receive: &Arc<dyn Receive>,
        clock: &Arc<dyn Clock>,
        time_limit: Duration,
        limits: ChallengeLimits,
    ) -> Arc<Self> {
        Self::new(receive, clock, time_limit, LookUps::of_passes(limits))
    }

    fn new(
        receive: &Arc<dyn Receive>,
        clock: &Arc<dyn Clock>,
        time_limit: Duration,
        look_ups: LookUps,
    ) -> Arc<Self> {
        Arc::new(Self {
            receive: Arc::clone(receive),
            clock: Arc::clone(clock),
            time_limit,
            state: Mutex::new(CheckState {
                payments: SettledPayments::default(),
                look_ups,
            }),
            unconfirmed: Seldom::default(),
        })
    }

    /// Limits look-ups by caller as challenges are limited from now on.
    pub(crate) fn set_limits(&self, limits: ChallengeLimits) {
        let now = self.clock.monotonic();
        self.lock().look_ups.set_limits(limits, now);
    }

    /// Finds out for a caller if the payment of a token has arrived. The future may be dropped at any moment: the
    /// look-up goes on, and its answer is there for the next request.
    pub(crate) async fn arrival(self: &Arc<Self>, sold: Sold, peer: IpAddr) -> Arrival {
        let price = sold.price;
        let joined = {
            let mut state = self.lock();
            let paid = state.payments.paid(&sold.payment);
            if paid.is_some_and(|paid| paid >= price) {
                return Arrival::Settled;
            }
            state
                .look_ups
                .join(sold.payment, peer, self.clock.monotonic())
        };
        let mut coming = match joined {
            Joined::Coming(coming) => coming,
            Joined::Begin(sender, coming) => {
                tokio::spawn(Arc::clone(self).look_up(sold, sender));
                coming
            }
            Joined::Wait(wait) => return Arrival::Wait(wait),
        };
        let answer = coming.wait_for(Option::is_some).await;
        answer.map_or(Arrival::Unknown, |answer| arrival(*answer, price))
    }

    /// Asks the node once, remembers what has arrived, and tells everybody who waits.
    async fn look_up(self: Arc<Self>, sold: Sold, sender: watch::Sender<Option<NodeAnswer>>) {
        let state = match sold.lookup.clone() {
            Some(lookup) => self.receive.lookup_by(lookup, sold.payment, sold.price),
            None => self.receive.lookup(sold.payment),
        };
        let asked = tokio::time::timeout(self.time_limit, state).await;
        let answer = match asked {
            Ok(Ok(state)) => NodeAnswer::State(state),
            Ok(Err(error)) => {
                self.warn(&sold, &format!("the node cannot be asked: {error}"));
                NodeAnswer::Failed
            }
            Err(_) => {
                self.warn(&sold, "the node did not answer in time");
                NodeAnswer::Failed
            }
        };
        if let NodeAnswer::State(InvoiceState::Settled { paid }) = answer {
            if paid >= sold.price {
                let now = self.clock.wall();
                let payments = &mut self.lock().payments;
                payments.insert(sold.payment, paid, sold.end, now);
            } else {
                self.warn(&sold, &format!("only {paid} of {} arrived", sold.price));
            }
        }
        // After the memory, so that nobody asks again in between.
        sender.send_replace(Some(answer));
    }

    /// Warns, unless there was a warning a moment ago: buyers must not be able to fill the log.
    fn warn(&self, sold: &Sold, reason: &str) {
        if !self.unconfirmed.is_due(self.clock.monotonic()) {
            return;
        }
        tracing::warn!(payment = %sold.payment, reason, "a payment cannot be confirmed; its buyer is not served");
    }

    fn lock(&self) -> MutexGuard<'_, CheckState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the meaning of an answer for a token of this price. Everything that is not *settled*
/// keeps the buyer out.
fn arrival(answer: Option<NodeAnswer>, price: Msat) -> Arrival {
    let state = match answer {
        Some(NodeAnswer::State(state)) => state,
        Some(NodeAnswer::Failed) | None => return Arrival::Unknown,
    };
    match state {
        InvoiceState::Settled { paid } if paid >= price => Arrival::Settled,
        InvoiceState::Settled { .. } => Arrival::TooLittle,
        InvoiceState::Cancelled => Arrival::Cancelled,
        _ => Arrival::NotYet,
    }
}

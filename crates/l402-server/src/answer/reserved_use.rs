//! The use that is held for one exchange, and the blame if that exchange fails.
//!
//! ```text
//!               head of the answer         end of the body
//!   [Granted] --------------------> [Answered] ------------> commit
//!       |                               |
//!       | drop                          | drop
//!       v                               v
//!    release, upstream's             release, buyer's; commit of an event stream
//! ```
//!
//! If the buyer is to blame, every release is the buyer's. If the request itself is charged, a drop
//! commits, unless the buyer is to blame.
//!
//! If the lease of the ledger ends before the exchange does, the use is given back, and nobody is to
//! blame.
//!
//! An observer is told of each of these ends, also of an exchange for which no use is held.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::StatusCode;
use l402::{PaymentHash, Problem};

use super::UseState;
use super::lapse::Lapse;
use crate::ledger::{BUYER_RELEASES, Lease, Ledger, Reservation, Setbacks, Settle};
use crate::observe::{Fault, Observation, Outcome};
use crate::table::Charge;

/// A handle by which a host reports that the buyer broke an exchange. A clone is about the same
/// exchange.
///
/// A host gives one to the code that reads the body of the request. On a free route it does
/// nothing.
#[derive(Clone, Debug, Default)]
pub struct Blame(Option<Arc<AtomicBool>>);

impl Blame {
    /// Blames the buyer for every failure of this exchange from now on. For example, an upstream
    /// that breaks off because the body of the request did has not failed.
    pub fn buyer(&self) {
        if let Some(buyers) = &self.0 {
            buyers.store(true, Ordering::Release);
        }
    }

    fn of_an_exchange() -> Self {
        Self(Some(Arc::default()))
    }

    fn is_buyers(&self) -> bool {
        let buyers = self.0.as_ref();
        buyers.is_some_and(|buyers| buyers.load(Ordering::Acquire))
    }
}

/// The progress of a request for which a use is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The host has the request. It is perhaps forwarded, and not answered.
    Granted,
    /// The head of the answer has arrived.
    Answered,
}

/// A reserved use that is settled exactly once: by [`ReservedUse::settle`], or by being dropped.
#[derive(Debug)]
pub(crate) struct ReservedUse {
    /// `None` if nothing is counted, and the end of the exchange is told to an observer alone.
    held: Option<(Arc<dyn Ledger>, Reservation)>,
    /// The end of the lease that the use stands under, if there is a lease.
    lapse: Option<Box<Lapse>>,
    /// Told of each failure of the upstream.
    setbacks: Option<(Arc<Setbacks>, PaymentHash)>,
    observation: Option<Box<Observation>>,
    charge: Charge,
    blame: Blame,
    stage: Stage,
    /// True if a buyer who leaves in mid-answer has spent the use.
    spent_if_dropped: bool,
    settled: bool,
}

impl ReservedUse {
    pub(crate) fn new(ledger: Arc<dyn Ledger>, reservation: Reservation, charge: Charge) -> Self {
        Self {
            held: Some((ledger, reservation)),
            lapse: None,
            setbacks: None,
            observation: None,
            charge,
            blame: Blame::of_an_exchange(),
            stage: Stage::Granted,
            spent_if_dropped: false,
            settled: false,
        }
    }

    /// Has the use served under this lease, and no longer.
    pub(crate) fn under(mut self, lease: Option<Lease>) -> Self {
        self.lapse = lease.map(Lapse::of).map(Box::new);
        self
    }

    /// Returns the lease that the use stands under, if there is one.
    pub(crate) fn lease(&self) -> Option<&Lease> {
        self.lapse.as_deref().map(Lapse::lease)
    }

    /// Returns true once the use may no longer be served, because the lease has ended.
    pub(crate) fn has_lapsed(&self) -> bool {
        self.lapse.as_deref().is_some_and(Lapse::has_come)
    }

    /// Returns ready once the use may no longer be served. Without a lease it never is.
    pub(super) fn poll_lapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.lapse {
            Some(lapse) => lapse.poll(cx),
            None => Poll::Pending,
        }
    }

    /// Has the next tries of the payment slowed down if the upstream fails.
    pub(crate) fn with_setbacks(mut self, setbacks: &Arc<Setbacks>, payment: PaymentHash) -> Self {
        self.setbacks = Some((Arc::clone(setbacks), payment));
        self
    }

    /// Does not have the next tries slowed down by this exchange.
    pub(crate) fn forget_setbacks(&mut self) {
        self.setbacks = None;
    }

    /// Stands for an exchange for which nothing is counted, so that its end is observed.
    pub(crate) fn uncounted(observation: Box<Observation>) -> Self {
        Self {
            held: None,
            lapse: None,
            setbacks: None,
            observation: Some(observation),
            charge: Charge::Success,
            blame: Blame::of_an_exchange(),
            stage: Stage::Granted,
            spent_if_dropped: false,
            settled: false,
        }
    }

    /// Tells an observer of the end of this exchange.
    pub(crate) fn observe(&mut self, observation: Box<Observation>) {
        self.observation = Some(observation);
    }

    /// Notes the answer that the host makes instead of the service.
    pub(crate) fn replaced(&mut self, problem: Problem) {
        if let Some(observation) = &mut self.observation {
            observation.replaced(problem);
        }
    }

    /// Notes the length of the answer's body.
    pub(super) fn measured(&mut self, bytes: Option<u64>) {
        if let Some(observation) = &mut self.observation {
            observation.measured(bytes);
        }
    }

    /// Settles the use, and returns what has become of it. A failure of the upstream that the buyer
    /// has caused counts as the buyer's.
    pub(crate) fn settle(mut self, settle: Settle) -> UseState {
        self.settled = true;
        let settle = match settle {
            Settle::ReleaseUpstream if self.blame.is_buyers() && !self.has_lapsed() => {
                Settle::ReleaseBuyer
            }
            other => other,
        };
        self.end(settle);
        self.after(settle)
    }

    /// Returns what becomes of the use by this end. If the buyer's releases are counted for several
    /// requests at the same moment, the ledger may know better.
    fn after(&self, settle: Settle) -> UseState {
        let Some((_, reservation)) = &self.held else {
            return UseState::Kept;
        };
        match settle {
            Settle::Commit { .. } => UseState::Spent,
            Settle::ReleaseBuyer if reservation.releases() >= BUYER_RELEASES => UseState::Spent,
            Settle::ReleaseBuyer | Settle::ReleaseUpstream => UseState::Kept,
        }
    }

    /// Returns true if a use is held, and its end is not only observed.
    pub(crate) fn is_counted(&self) -> bool {
        self.held.is_some()
    }

    /// Tells the end to the ledger, if a use is held, and then to the observer.
    fn end(&self, settle: Settle) {
        if let Some((ledger, reservation)) = &self.held {
            ledger.settle(*reservation, settle);
            if let (Settle::ReleaseUpstream, Some((setbacks, payment))) = (settle, &self.setbacks)
                && !self.has_lapsed()
            {
                setbacks.failed(*payment, reservation.failures().saturating_add(1));
            }
        }
        let Some(observation) = &self.observation else {
            return;
        };
        let fault = match settle {
            Settle::Commit { .. } => None,
            Settle::ReleaseBuyer => Some(Fault::Buyer),
            Settle::ReleaseUpstream => Some(Fault::Service),
        };
        let outcome = match (&self.held, fault) {
            (None, _) => Outcome::Uncounted,
            (Some(_), None) => Outcome::Spent,
            (Some(_), Some(_)) => Outcome::GivenBack,
        };
        observation.settled(outcome, fault, self.after(settle) == UseState::Spent);
    }

    /// Notes that the head of the answer has arrived: from now on a drop is a buyer who leaves in
    /// mid-body.
    pub(crate) fn answered(mut self, status: StatusCode) -> Self {
        self.stage = Stage::Answered;
        if let Some(observation) = &mut self.observation {
            observation.answered(status);
        }
        self
    }

    /// Has a buyer who leaves in mid-answer spend the use.
    pub(super) fn spend_if_dropped(&mut self) {
        self.spent_if_dropped = true;
    }

    pub(crate) fn blame(&self) -> Blame {
        self.blame.clone()
    }

    pub(crate) fn charges_request(&self) -> bool {
        self.charge == Charge::Request
    }

    /// Returns the settlement of a use that is dropped.
    fn dropped(&self) -> Settle {
        match self.stage {
            _ if self.has_lapsed() => Settle::ReleaseUpstream,
            _ if self.blame.is_buyers() => Settle::ReleaseBuyer,
            _ if self.charges_request() => Settle::ONE_USE,
            // A panic of the host or the service while the body is sent is not a buyer who left.
            _ if std::thread::panicking() => Settle::ReleaseUpstream,
            // Without the head of an answer the buyer has got nothing, whether the upstream hung,
            // the buyer gave up, or the host is stopping.
            Stage::Granted => Settle::ReleaseUpstream,
            Stage::Answered if self.spent_if_dropped => Settle::ONE_USE,
            Stage::Answered => Settle::ReleaseBuyer,
        }
    }
}

impl Drop for ReservedUse {
    fn drop(&mut self) {
        if !self.settled {
            self.end(self.dropped());
        }
    }
}

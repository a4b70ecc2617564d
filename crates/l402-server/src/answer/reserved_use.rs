//! The use that is held for one exchange, and the blame if that exchange fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::ledger::{Ledger, Reservation, Settle};
use crate::table::Charge;

/// Says whose doing it is that an exchange goes wrong. A clone speaks of the same exchange.
///
/// A host hands one to whatever reads the body of the request. On a free route it does nothing.
#[derive(Clone, Debug, Default)]
pub struct Blame(Option<Arc<AtomicBool>>);

impl Blame {
    /// From here on, what goes wrong with this exchange is the buyer's doing: an upstream that
    /// breaks off because the body of the request did has not failed anybody.
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

/// How far a request has come for which a use is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Still with the paywall.
    Waiting,
    /// In the hands of the host: perhaps forwarded, not answered.
    Granted,
    /// The head of the answer is there.
    Answered,
}

/// A reserved use that becomes settled exactly once: by word, or by being dropped.
#[derive(Debug)]
pub(crate) struct ReservedUse {
    ledger: Arc<dyn Ledger>,
    reservation: Reservation,
    charge: Charge,
    blame: Blame,
    stage: Stage,
    settled: bool,
}

impl ReservedUse {
    pub(crate) fn new(ledger: Arc<dyn Ledger>, reservation: Reservation, charge: Charge) -> Self {
        Self {
            ledger,
            reservation,
            charge,
            blame: Blame::of_an_exchange(),
            stage: Stage::Waiting,
            settled: false,
        }
    }

    /// A failure is the upstream's only where the buyer has not brought it about.
    pub(crate) fn settle(mut self, settle: Settle) {
        self.settled = true;
        let settle = match settle {
            Settle::ReleaseUpstream if self.blame.is_buyers() => Settle::ReleaseBuyer,
            other => other,
        };
        self.ledger.settle(self.reservation, settle);
    }

    /// From here on a drop is a buyer who leaves in mid-body.
    pub(crate) fn answered(mut self) -> Self {
        self.stage = Stage::Answered;
        self
    }

    /// From here on the host has the request: a drop is a request without an answer.
    pub(crate) fn granted(&mut self) {
        self.stage = Stage::Granted;
    }

    pub(crate) fn blame(&self) -> Blame {
        self.blame.clone()
    }

    pub(crate) fn charges_request(&self) -> bool {
        self.charge == Charge::Request
    }

    /// What a drop means. Before the head of an answer nobody has got anything, whoever ended
    /// it: the upstream hung, the buyer's patience ran out, or the host is stopping.
    fn dropped(&self) -> Settle {
        match self.stage {
            Stage::Waiting => Settle::ReleaseUpstream,
            _ if self.blame.is_buyers() => Settle::ReleaseBuyer,
            _ if self.charges_request() => Settle::ONE_USE,
            _ if std::thread::panicking() => Settle::ReleaseUpstream,
            Stage::Granted => Settle::ReleaseUpstream,
            Stage::Answered => Settle::ReleaseBuyer,
        }
    }
}

impl Drop for ReservedUse {
    fn drop(&mut self) {
        if !self.settled {
            self.ledger.settle(self.reservation, self.dropped());
        }
    }
}

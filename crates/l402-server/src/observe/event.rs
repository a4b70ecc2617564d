//! The events of an exchange.

use std::time::Duration;

use http::StatusCode;
use l402::{Msat, PaymentHash, Problem, UnixTime};

/// The decision about a request, as far as it can be made without ledger and node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Not paid, or not well enough: an invoice is to be offered. The problem says which.
    Challenge(Problem),
    /// Paid, and a use is to be reserved.
    Counted,
    /// The route is free.
    Free,
    /// A CORS preflight.
    Preflight,
    /// Refused without an invoice.
    Refuse(Problem),
    /// Paid by a policy whose uses are not counted.
    Uncounted,
}

/// An invoice that goes out.
#[derive(Clone, Copy, Debug)]
pub struct Offered {
    pub(crate) payment_hash: PaymentHash,
    pub(crate) amount: Msat,
    pub(crate) expires: UnixTime,
}

impl Offered {
    /// Returns the payment hash of the invoice.
    #[must_use]
    pub fn payment_hash(&self) -> PaymentHash {
        self.payment_hash
    }

    /// Returns the amount of the invoice.
    #[must_use]
    pub fn amount(&self) -> Msat {
        self.amount
    }

    /// Returns the last moment at which the invoice can be paid.
    #[must_use]
    pub fn expires(&self) -> UnixTime {
        self.expires
    }
}

/// An answer that the paywall or its host makes, without asking the service.
#[derive(Clone, Copy, Debug)]
pub struct Refused {
    pub(crate) problem: Option<Problem>,
    pub(crate) status: StatusCode,
    pub(crate) has_offer: bool,
    pub(crate) took: Duration,
}

impl Refused {
    /// Returns the reason, or `None` for the answer to a preflight, which refuses nothing.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        self.problem
    }

    /// Returns the HTTP status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns true if the answer carries an invoice.
    #[must_use]
    pub fn has_offer(&self) -> bool {
        self.has_offer
    }

    /// Returns the time from the request's arrival at the paywall to the refusal.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.took
    }
}

/// The end of the use of a granted request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The use was given back. If it was the buyer's fault, the ledger does so
    /// [`BUYER_RELEASES`](crate::ledger::BUYER_RELEASES) times a payment and spends it after that.
    GivenBack,
    /// The use is spent.
    Spent,
    /// Nothing was counted: the route is free, or its policy sells time.
    Uncounted,
}

/// The side by whose failure a request was not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The buyer asked wrongly (4xx), broke the request off, or left in mid-answer.
    Buyer,
    /// The service failed, or there was no answer at all.
    Service,
}

/// The end of a granted request.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    pub(crate) outcome: Outcome,
    pub(crate) is_spent: bool,
    pub(crate) fault: Option<Fault>,
    pub(crate) problem: Option<Problem>,
    pub(crate) status: Option<StatusCode>,
    pub(crate) answer_bytes: Option<u64>,
    pub(crate) took: Duration,
}

impl Settled {
    /// Returns what has become of the use.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Returns true if the use is spent: served, or given back once too often by its buyer, as far as
    /// the reservation knew. The ledger has the last word.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.is_spent
    }

    /// Returns whose failure it is, or `None` if the request was served.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Returns the problem that the host answered with, if it did so instead of the service.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        self.problem
    }

    /// Returns the status of the answer, or `None` if there was none.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Returns the bytes of the answer's body that have passed or, if the head alone has settled
    /// the use, those that it declares. `None` if neither is known.
    #[must_use]
    pub fn answer_bytes(&self) -> Option<u64> {
        self.answer_bytes
    }

    /// Returns the time from the request's arrival at the paywall to this moment, by the monotonic
    /// clock.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.took
    }
}

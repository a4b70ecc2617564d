//! A call for a program that hands on what the server says.

use std::fmt;
use std::sync::{Arc, PoisonError};

use super::buyer::Buyer;
use crate::http::Hop;
use crate::{Error, Request, Response};

/// The most payments that one client makes at the same time: far more than there are.
pub(crate) const PAYING_MAX: u32 = 1 << 20;

/// The reason why a call has no answer that was paid for, and the server's own 402, if the reason
/// is that it is not paid.
#[non_exhaustive]
pub struct Unrelayed {
    /// The error.
    pub error: Error,
    /// The server's 402 as it came, with its body still to be read. `None` if there was none, or if
    /// money may have moved.
    pub payment_required: Option<Box<Response>>,
}

impl fmt::Debug for Unrelayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unrelayed")
            .field("error", &self.error)
            .field("payment_required", &self.payment_required.is_some())
            .finish()
    }
}

impl fmt::Display for Unrelayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Unrelayed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<Error> for Unrelayed {
    fn from(error: Error) -> Self {
        Self {
            error,
            payment_required: None,
        }
    }
}

impl Buyer {
    pub(crate) async fn relay(self: &Arc<Self>, request: Request) -> Result<Response, Unrelayed> {
        let mut hop = Hop::first(request, &self.spool).await?;
        let kept = hop.keep_402();
        self.send_hop(hop).await.map_err(|error| {
            let answer = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
            let answer = answer.filter(|_| is_about_the_price(&error));
            Unrelayed {
                payment_required: answer.map(|answer| Box::new(Response::free(answer))),
                error,
            }
        })
    }

    pub(crate) async fn finish_payments(&self) {
        // An error would mean that no more are made at all.
        let _all = self.paying.acquire_many(PAYING_MAX).await;
    }
}

/// Returns true if an error says why a 402 is not paid.
const fn is_about_the_price(error: &Error) -> bool {
    match error {
        Error::Declined
        | Error::OverBudget { .. }
        | Error::PaymentFailed { .. }
        | Error::PaymentRequired(_)
        | Error::Refused { .. }
        | Error::Store { .. }
        | Error::UnknownBudget { .. }
        | Error::Wallet { .. } => true,
        Error::Body { .. }
        | Error::Busy { .. }
        | Error::PaidButFailed { .. }
        | Error::PaidWithoutProof { .. }
        | Error::PaymentUnknown { .. }
        | Error::Transient { .. }
        | Error::Transport { .. } => false,
    }
}

//! The offer of an invoice: the limits on challenges, the circuit breaker before the node, and the
//! token that the invoice's preimage opens.

mod breaker;
mod limit;
mod offer;

pub(crate) use breaker::{Attempt, Breaker};
pub(crate) use limit::Limiter;
pub use limit::{ChallengeLimits, Rate};
pub(crate) use offer::{Offer, OfferFields};

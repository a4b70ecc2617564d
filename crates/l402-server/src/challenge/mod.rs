//! The offer of an invoice: limits on challenges, a circuit breaker before the node, and the token
//! that belongs to the invoice.

mod breaker;
mod limit;
mod offer;

pub(crate) use breaker::{Attempt, Breaker};
pub(crate) use limit::Limiter;
pub use limit::{ChallengeLimits, Rate};
pub(crate) use offer::{Offer, OfferFields};

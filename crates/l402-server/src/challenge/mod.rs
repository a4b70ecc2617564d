//! The offer of an invoice: limits on challenges, a circuit breaker before the node, and the token
//! that belongs to the invoice.
//!
//! `limit` bounds the challenges of a `caller` and of all; `attempts` the credentials that do not
//! hold. Both count in `budget`. `crowd` notices that all buyers seem to be one. `seldom` keeps the log
//! short, and `randomness` asks the system for it seldom, too.

mod attempts;
mod breaker;
mod budget;
mod caller;
mod crowd;
mod hits;
mod limit;
mod offer;
mod randomness;
mod seldom;

pub(crate) use attempts::Attempts;
pub(crate) use breaker::{Attempt, Breaker};
pub use budget::Rate;
pub use caller::Caller;
pub(crate) use crowd::Crowd;
pub(crate) use hits::Hits;
pub use hits::LimitHits;
pub use limit::ChallengeLimits;
pub(crate) use limit::Limiter;
pub use offer::OfferView;
pub(crate) use offer::{Offer, OfferFields};
pub(crate) use seldom::Seldom;

//! The client inside of HTTP clients that others wrote: it decides what is sent and paid, and their
//! connections send it.

mod body;
#[cfg(feature = "reqwest-middleware")]
mod middleware;
#[cfg(feature = "tower")]
mod tower;

pub use body::PaidBody;
#[cfg(feature = "reqwest-middleware")]
pub use middleware::PayingMiddleware;
#[cfg(feature = "tower")]
pub use tower::{Paying, PayingLayer};

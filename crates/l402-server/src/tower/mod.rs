//! The tower layer, and the proof of payment for the handlers behind it.

mod body;
#[cfg(feature = "axum")]
mod extract;
mod layer;
mod paid;
mod served;

pub use body::PaywallBody;
#[cfg(feature = "axum")]
pub use extract::NotPaid;
pub use layer::{PaywallLayer, PaywallService};
pub use paid::Paid;

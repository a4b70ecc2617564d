//! The one async function around the decision: it calls the ledger and the node.
//!
//! ```text
//!   builder ──▶ Paywall ── admit ──┬── payment   what was paid: its arrival, its row in the ledger
//!                                  ├── offer     what is asked: an invoice of the node, and its token
//!                                  └── shared    limits, and what the observer is told
//!                      receipt   what was sold, told to its holder
//! ```

mod builder;
mod offer;
mod payment;
mod paywall;
mod receipt;
mod shared;

pub use builder::PaywallBuilder;
pub use paywall::Paywall;
pub use receipt::Receipt;

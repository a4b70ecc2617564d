//! The one async function around the decision: it calls the ledger and the node.
//!
//! ```text
//!   builder ──▶ Paywall ── admit ──┬── payment   what was paid: its arrival, its row in the ledger
//!                                  ├── offer     what is asked: an invoice of the node, and its token
//!                                  └── shared    limits, and what the observer is told
//!                      receipt   what was sold, told to its holder
//!                      unlock    a pass for a browser, once the node says that it was paid
//!                      lead_on   the pass of one page, moved by a redirect to the next one
//! ```

mod builder;
mod lead_on;
mod offer;
mod payment;
mod paywall;
mod receipt;
mod shared;
mod unlock;

pub use builder::PaywallBuilder;
pub use paywall::Paywall;
pub use receipt::Receipt;
pub use unlock::{Pass, Unlock, Unlocked};

//! The seam for those who watch what is sold: logs, counters, books.
//!
//! A paywall tells one [`Observe`] of each step of a request, at the moment of the step. Without
//! an observer nothing of this is computed: no clock is read, nothing is copied.
//!
//! ```text
//!             .-- granted --> settled        the use is spent, given back, or was not counted
//!   decided --|
//!             '-- (offered) --> refused      offered: the answer carries an invoice
//!
//!   settlement                               the node was paid; tied to no request
//! ```
//!
//! What is told holds no secret: no token, preimage, header or query. A token is named by its id
//! and its payment hash, and only if it is genuine; of a forged one nothing is told but the code
//! of its refusal.
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering};
//! use l402_server::observe::{Exchange, Observe, Outcome, Settled};
//!
//! /// Counts the uses that are spent.
//! #[derive(Debug, Default)]
//! struct Sales(AtomicU64);
//!
//! impl Observe for Sales {
//!     fn settled(&self, _: &Exchange, settled: &Settled) {
//!         if settled.outcome() == Outcome::Spent {
//!             self.0.fetch_add(1, Ordering::Relaxed);
//!         }
//!     }
//! }
//! ```

mod event;
mod exchange;
mod logged;
mod observation;
mod observer;
mod observers;

pub use event::{Fault, Offered, Outcome, Refused, Settled, Verdict};
pub use exchange::Exchange;
pub use logged::LoggedSales;
pub(crate) use observation::Observation;
pub use observer::Observe;
pub use observers::Observers;

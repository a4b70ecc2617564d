//! Exchanges with a hostile seller, drawn from a seed: what it answers, what the buyer's wallet does,
//! and what a buyer may make of it.
//!
//! ```text
//!   plan      everything that is drawn, and the model of the rules: what must be paid, what must not
//!   invoice   invoices that no honest seller makes
//!   node      a node that tells its preimages before anybody has paid
//!   answer    the bytes of one answer
//!   seller    two origins that answer by the plan, and write down what they must never see
//!   wallet    a wallet with faults of its own, which writes down what it is asked for
//!   service   services that somebody lists in a registry, to harm it, its readers or its neighbours
//!   texts     names and descriptions that must not mean anything where they are shown
//! ```

mod answer;
mod invoice;
mod node;
mod plan;
mod seller;
mod service;
mod texts;
mod wallet;

pub use invoice::Draft;
pub use lightning_invoice::Currency;
pub use node::LeakyNode;
pub use plan::{Habit, Plan, Verdict};
pub use seller::HostileSeller;
pub use service::{Harm, HostileService, Trick, challenge};
pub use texts::hostile_texts;
pub use wallet::{Asked, HostileWallet};

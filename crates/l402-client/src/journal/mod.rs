//! The journal of payments: the record that is durable before money moves, and the record that a
//! restart finds.
//!
//! The promises: a row stands in the file, synced, before the wallet is asked; the proof is
//! synced before it is sent anywhere; what a crash leaves is looked up by payment hash before
//! anything is paid again. `intent` means that no wallet was asked: the row becomes `unknown`,
//! synced, just before one is. [`step`] holds these promises as types.

mod agent;
mod budget;
mod delivery;
mod lock;
mod open;
mod payee;
mod prune;
mod query;
mod row;
pub mod step;
mod stopped;
mod store;
mod token;
mod vault;

pub use budget::{Budget, BudgetName, BudgetNameError, BudgetReport, LimitReport, SpentTotals};
pub use open::{Entry, Journal, State};
pub use query::{Cursor, DayTotal, EntryQuery, OriginTotal, Page};
pub use token::{StoredCredential, StoredToken};
pub use vault::{ReplayError, ReplayedAnswer, VaultLimits};

pub(crate) use delivery::Delivery;
pub(crate) use lock::{Claim, Flight, Scope};
pub(crate) use row::{ACCEPTED_ENOUGH, Draft, INVOICE, OpenPurchase, Purchase};
pub(crate) use step::{Found, InFlight, Paid, Recorded, ReserveOutcome, Sent, Settled};
pub(crate) use stopped::{Stop, Stopped};
pub(crate) use vault::{ANSWER_MAX, AnswerHead, AnswerId, FileName, Keeping, KeptAnswer, Vault};

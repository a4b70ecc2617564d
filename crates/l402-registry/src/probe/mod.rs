//! One look at a service, its state, and the schedule.
//!
//! ```text
//!   schedule ─▶ robots ─▶ look ─▶ reading (examine, decode, evidence) ─▶ state ─▶ store
//!        └──── one request a second to a host and to an address ────┘
//! ```

mod body;
mod evidence;
mod look;
mod paid;
mod prober;
mod reading;
mod robots;
mod schedule;
mod state;

pub use look::Crowded;
pub use paid::{PaidProber, run_paid_probes};
pub use prober::Prober;
pub use schedule::run_probes;

//! The agent's side of the wallet: its limits, its journal, its wallets.
//!
//! ```text
//!   purse ─▶ client: one for each call, with the limits, the hosts and the addresses of the agent
//!     │        └─▶ progress: says yes to a payment once the journal has consent, and notes the call
//!     ├─▶ turn: one at a time for calls that are the same, across processes
//!     ├─▶ earlier: what the same call has paid for before
//!     ├─▶ wallet: opened when it is needed first
//!     └─▶ work: goes on by itself if a call can wait no longer
//! ```

mod agent;
mod client;
mod earlier;
mod http_call;
mod progress;
mod status;
mod turn;
mod wallet;
mod work;

pub(crate) use agent::Purse;
pub(crate) use client::{NotReady, Wish};
pub(crate) use earlier::{Earlier, SAME_CALL};
pub(crate) use http_call::HttpCall;
pub(crate) use progress::{CallId, CallProgress, NotPaid};
pub(crate) use status::Limit;
pub(crate) use turn::Turn;
pub(crate) use work::Waited;

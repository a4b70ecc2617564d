//! The listener for operators: metrics, health, the admin API and the dashboard.
//!
//! It stands on a running [`Gateway`](crate::Gateway), which knows nothing of it, and works on a thread
//! and a runtime of its own, so that no request of an operator holds up one that is paid.
//!
//! ```text
//!   socket ─▶ serve ─▶ guard: Host, Origin ─▶ route ─┬─ /healthz /readyz /metrics    state
//!                                                    ├─ token ─▶ /api/v1/…           api ─▶ change, read
//!                                                    └─ all else                     page
//! ```
//!
//! `listener` binds before the gateway serves. `state` is what every request shares: gateway, token,
//! program. `places` and `trust` keep strangers from holding what operators need, `threads` and `ledger_probe`
//! what hangs from holding up changes. `problem` and `answer` are the forms of answers. `program` is what the
//! program does for it.

mod answer;
mod api;
mod change;
mod guard;
mod ledger_probe;
mod listener;
mod page;
mod places;
mod probes;
mod problem;
mod program;
mod route;
mod serve;
#[cfg(unix)]
mod socket_file;
mod state;
mod threads;
mod token;
mod trust;

pub use listener::AdminListener;
pub use program::{NotReloaded, Program};
pub use serve::AdminServer;

pub(crate) use answer::AdminAnswer;
pub(crate) use state::Admin;

//! The upgrade: another process takes over the sockets of this one, and no connection is refused.
//!
//! ```text
//!   new                                     running
//!    │  hello ──────────────────────────────▶│  waits at run/upgrade-….sock
//!    │◀────────────────── addresses, or no   │
//!    │  keys, ledger, node, own addresses    │
//!    │  ready ──────────────────────────────▶│
//!    │◀────────────── the listening sockets  │
//!    │  its workers accept                   │
//!    │  serving ────────────────────────────▶│  accepts no more
//!    │◀─────────────────────────── draining  │  ends what is under way
//!    │◀─────────────── invoices to be paid   │  if both have one node
//! ```
//!
//! Before "serving" the running process changes nothing, whatever becomes of the other one: a step that
//! fails closes the connection, and that is all. `docs/design/upgrade.md` walks through each step.
//!
//! `hand_over` are the sockets, `give` is the side of the running process, `take` that of the new one, and
//! `wire` what they say to each other.

#[cfg(target_os = "linux")]
mod give;
mod hand_over;
#[cfg(target_os = "linux")]
mod offer;
mod sockets;
#[cfg(target_os = "linux")]
mod take;
#[cfg(not(target_os = "linux"))]
mod unsupported;
#[cfg(target_os = "linux")]
mod wire;

pub(super) use hand_over::{HandOver, Stop};
use sockets::Purposed;
pub(super) use sockets::{HTTP, REDIRECT, divide};
#[cfg(target_os = "linux")]
use sockets::{SOCKET, SOCKET_END, is_socket};
#[cfg(target_os = "linux")]
pub(super) use take::Inherited;
#[cfg(target_os = "linux")]
pub use take::Upgrade;
#[cfg(not(target_os = "linux"))]
pub(super) use unsupported::Inherited;
#[cfg(not(target_os = "linux"))]
pub use unsupported::Upgrade;

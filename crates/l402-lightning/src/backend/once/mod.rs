//! One payment per payment hash, through whichever wallet, process and restart.
//!
//! ```text
//!   pay ─▶ turn (one caller at a time: here by a mutex, across processes by a lock file)
//!             │
//!             ▼  the note of an earlier attempt, and the wallet's own record
//!          nothing may be under way ──▶ a note, durable ──▶ the wallet is asked
//!                                                             │
//!                   settled, failed for certain: the note goes ◀┤
//!                   unknown:                   the note stays ◀┘
//! ```
//!
//! The rule of all backends: while an earlier attempt may still begin, *failed* is *unknown*. That
//! a request could not be sent, or was refused, says nothing of the request before it.

mod attempts;
mod note;
mod notes;
#[cfg(any(feature = "lnbits", feature = "lnd", feature = "phoenixd"))]
mod payer;
mod turns;

pub(super) use attempts::{Attempts, Turn, may_come};
pub(super) use note::Note;
#[cfg(any(feature = "lnbits", feature = "lnd", feature = "phoenixd"))]
pub(super) use payer::{Payer, PayingApi, settled};

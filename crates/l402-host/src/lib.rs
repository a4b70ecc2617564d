//! What a program asks of its machine.
//!
//! [`Clock`] is the time as a value that a test can own, and [`BoxFuture`] and [`BoxStream`] are
//! what object-safe traits return. This crate knows nothing of Lightning, HTTP or tokens.

mod clock;
mod future;

pub use clock::{Clock, ManualClock, SystemClock};
pub use future::{BoxFuture, BoxStream};

//! The observers of the gateway: an access log and counters.
//!
//! ```text
//!   worker --- observed --- Sales --+--> counters       a few atomic numbers
//!                                   '--> queue --> writer thread --> stderr or a file
//!                                        full: the line is dropped, and counted
//! ```
//!
//! No worker waits for the log. A line holds no secret: a path without its query, a token by the
//! first 8 bytes of its id, a payment by those of its hash.

mod access_log;
mod counters;
mod line;
mod sales;
mod summary;

pub(crate) use access_log::AccessLog;
pub use counters::Counters;
pub(crate) use sales::Sales;

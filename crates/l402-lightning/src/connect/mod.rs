//! The step from a parsed [`Node`](crate::Node) to an opened backend.
//!
//! No other module names every backend. A build without one of them reports that here.

#[cfg(feature = "pay")]
mod pay;
mod receive;

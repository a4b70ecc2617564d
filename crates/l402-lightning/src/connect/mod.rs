//! Opening a backend: from what people wrote (`node`) to what receives and pays (`backend`).
//!
//! This is the one place that names every backend. A build without one of them says so here.

#[cfg(feature = "pay")]
mod pay;
mod receive;

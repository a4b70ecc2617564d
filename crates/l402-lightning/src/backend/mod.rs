//! The backends: one folder each, with `receive.rs` for the half that is paid and `pay.rs`
//! (feature `pay`) for the half that spends.

#[cfg(feature = "ldk")]
pub mod ldk;
#[cfg(feature = "lnd")]
pub(crate) mod lnd;
#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(feature = "pay")]
pub(crate) mod sandbox_http;

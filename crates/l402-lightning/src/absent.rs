//! Backends that this program was built without: named, so that the message says so.

#[cfg(not(feature = "lnd"))]
pub(crate) mod lnd;
#[cfg(not(feature = "sandbox"))]
pub(crate) mod sandbox;

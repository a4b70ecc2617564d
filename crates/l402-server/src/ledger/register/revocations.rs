//! What was revoked.

/// Reads and adds revocations.
pub trait Revocations {}

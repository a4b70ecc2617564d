//! Macaroons: location, identifier, first-party caveats, and the signature that chains them.
//!
//! The signature starts as an HMAC of the identifier under the root key. Each caveat replaces it by
//! an HMAC of the caveat under the signature before. So a holder can append caveats, and only the
//! holder of the root key can remove one.
//!
//! ```text
//! root key ─ HMAC(identifier) ─▶ s0 ─ HMAC(caveat 1) ─▶ s1 ─ HMAC(caveat 2) ─▶ s2 = signature
//! ```

pub(super) mod base64;
mod chain;
pub(super) mod v2;

#[cfg(test)]
mod tests;

pub use chain::{Macaroon, MacaroonError};

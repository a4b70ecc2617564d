//! Reading tokens of other software for people: V2 binary and JSON, V1 packets, Lightning
//! Faucet's JSON. Never for authorisation.
//!
//! Lenient where [`Macaroon`](crate::Macaroon) is strict: third-party caveats are shown, and so
//! is the first macaroon of several in one text. Nothing here checks a signature.

mod inspection;
mod json;
mod v1;

pub use inspection::{Caveat, Format, Inspection, UnknownFormat, inspect};

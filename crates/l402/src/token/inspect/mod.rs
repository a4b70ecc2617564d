//! Display of tokens of any software: V2 binary and JSON, V1 packets, Lightning Faucet's JSON.
//! Never for authorisation.
//!
//! More lenient than [`Macaroon`](crate::Macaroon): third-party caveats are shown, and of several
//! macaroons in one text the first is. Signatures are not checked.

mod inspection;
mod json;
mod v1;

pub use inspection::{Caveat, Format, Inspection, UnknownFormat, inspect};

//! Proofs that a listing is somebody's: a file, a DNS record, or the signature of its node.
//!
//! ```text
//!   claim ─▶ nonce, key ─▶ line at the host, or signature of the nonce ─▶ look ─▶ owner
//!                                        ▲                                  │ every week
//!                                        └──────────────────────────────────┘
//! ```

mod claim;
mod dns;
mod key;
mod line;
mod look;
mod node;

pub use claim::{ClaimInstructions, ClaimTicket};
pub(crate) use dns::TxtResolver;
pub(crate) use key::{OwnerKey, is_hash_of, key_hash};
pub(crate) use line::{ProofLine, registry_name, txt_name};
pub(crate) use look::{Look, Looks};
pub(crate) use node::{claim_message, is_signed_by};

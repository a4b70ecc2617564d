//! The vault: paid answers that were had, encrypted, and those that could not be delivered.
//!
//! ```text
//!   vault.key       made at first use; a lost one loses what is in the vault and nothing else
//!   vault/had/      answers that were delivered, for `replay`
//!   vault/owed/     answers that were had and not delivered: the same request gets them within a day
//! ```
//!
//! A file is sealed piece by piece ([`sealed`]), under a name that says what it is ([`name`]).

mod answer;
mod fault;
mod folder;
mod keeping;
mod name;
mod replay;
mod sealed;

pub use fault::ReplayError;
pub use folder::VaultLimits;
pub use replay::ReplayedAnswer;

pub(crate) use answer::{ANSWER_MAX, AnswerHead, KeptAnswer};
pub(crate) use folder::Vault;
pub(crate) use keeping::Keeping;
pub(crate) use name::{AnswerId, FileName};

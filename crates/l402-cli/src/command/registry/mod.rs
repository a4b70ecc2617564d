//! `l402 registry`: a directory of paid services, and everything that is done with one.
//!
//! ```text
//!   tree     the actions, and which of them asks what
//!     ├─▶ lists       add, announce, search, show
//!     ├─▶ owners      claim, own, edit, remove, revoke, transfer, answer, and review
//!     ├─▶ moderators  moderate
//!     └─▶ operators   serve, import, export, backup
//! ```

mod lists;
mod moderators;
mod operators;
mod owners;
mod tree;

pub(crate) use tree::Registry;

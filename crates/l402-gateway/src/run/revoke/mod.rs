//! Ending tokens before their time: the names of what is ended, and the change in the register. For
//! commands and for the admin API.

mod change;
mod named;

pub use change::{ToRevoke, TokensEnded, all_revocations, revoke};
pub use named::{payment_hash_of, token_id_of};

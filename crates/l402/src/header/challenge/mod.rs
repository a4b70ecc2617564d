//! The header `WWW-Authenticate`: writing one line that all clients read, and reading the lines of
//! all servers.
//!
//! The line that is written has the parameters of the specification of 2026 and those that older
//! clients read. Reading covers all header lines at once. Each parameter belongs to exactly one
//! challenge, and a header that can be read in two ways is an error, since its reader is about to
//! pay.
//!
//! ```text
//! lines ──▶ tokenizer ──▶ Challenges (any scheme) ──▶ payable() ──▶ Challenge (token, invoice)
//! ```

mod error;
mod parsed;
mod payable;
mod tokenizer;

#[cfg(test)]
mod tests;

pub use error::ChallengeError;
pub use parsed::{AuthChallenge, Challenges};
pub use payable::{Challenge, Scheme};
pub(super) use tokenizer::is_tchar;

//! The `WWW-Authenticate` header: emit the superset line, parse everything seen in the wild.
//!
//! What is emitted is one line that both the specification of 2026 and the clients that
//! came before it can read. Parsing is a tokenizer over all header lines, in which
//! a parameter belongs to exactly one challenge, and which says so when a header can be read in
//! two ways, because whoever reads it is about to pay.

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

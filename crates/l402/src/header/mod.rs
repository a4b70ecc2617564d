//! The headers and the problem document of the protocol: challenge, credential, and the table of
//! all problems.

mod challenge;
mod credential;
mod hop_by_hop;
mod problem;

pub use challenge::{AuthChallenge, Challenge, ChallengeError, Challenges, Scheme};
pub use credential::{Credential, CredentialError, verify};
pub use hop_by_hop::HOP_BY_HOP;
pub use problem::{Problem, RetryWith};

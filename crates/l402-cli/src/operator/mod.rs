//! The operator: the person who decides what may be spent, known by a passphrase.
//!
//! A model with a shell runs the same program with the same files. What it does not have is the
//! passphrase, which is asked at the terminal alone: never read from an argument, the environment or
//! standard input. `docs/design/agents.md` says what this holds against, and what it does not.
//!
//! ```text
//!   gate        is one needed, and was it right?
//!    ├─▶ hash       argon2id
//!    └─▶ ask        /dev/tty, without echo
//! ```

mod ask;
mod gate;
mod hash;

pub(crate) use gate::require;
#[cfg(feature = "sell")]
pub(crate) use gate::require_restored;
#[cfg(feature = "mcp")]
pub(crate) use gate::{Protection, Verdict, choose, is_asked_for, protection};
#[cfg(feature = "mcp")]
pub(crate) use gate::{check, outcome_text};

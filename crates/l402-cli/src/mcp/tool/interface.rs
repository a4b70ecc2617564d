//! The border between the server and a tool.

use std::time::Duration;

use l402_host::BoxFuture;
use serde_json::{Map, Value};

use super::answer::Answer;
use super::card::Card;

/// A tool that a model may call. It holds its agent's purse itself.
pub(crate) trait Tool: Send + Sync {
    /// Returns what the list of tools says of it.
    fn card(&self) -> &Card;

    /// Does what was asked. It never panics on purpose, and a dropped call loses no payment: what was
    /// begun goes on, and its outcome is in the journal.
    fn call(&self, call: Call) -> BoxFuture<'_, Answer>;
}

/// One call of a tool.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The arguments as they came. No schema was held against them.
    pub(crate) arguments: Map<String, Value>,
    /// The longest to wait for a payment before the answer is *pending*.
    pub(crate) patience: Duration,
}

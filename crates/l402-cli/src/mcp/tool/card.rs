//! The entry of one tool in the list of tools.

use serde_json::Value;

/// The entry of one tool in the list of tools: the same for every connection. Nothing in it comes from a
/// server, a wallet or a model.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    /// The name by which it is called.
    pub(crate) name: &'static str,
    /// The name for people.
    pub(crate) title: &'static str,
    /// A description of what it does, written for a model.
    pub(crate) description: &'static str,
    /// The JSON Schema of its arguments.
    pub(crate) input: Value,
    /// The JSON Schema of its structured result.
    pub(crate) output: Value,
    /// The hints at what it does to the world.
    pub(crate) hints: Hints,
}

/// The four annotations of MCP, all of them set: their defaults would call every tool destructive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hints {
    /// `readOnlyHint`: it changes nothing.
    pub(crate) read_only: bool,
    /// `destructiveHint`: what it changes cannot be taken back.
    pub(crate) destructive: bool,
    /// `idempotentHint`: the same call again changes nothing more.
    pub(crate) idempotent: bool,
    /// `openWorldHint`: it speaks with others than this machine.
    pub(crate) open_world: bool,
}

//! The answer of a tool.

use serde_json::Value;

/// The answer of a tool, for a server to put into the form of the client's generation of MCP.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The structured result, an object.
    pub(crate) structured: Value,
    /// One line for people and models: what was paid (amount, fee, payment hash), or what to do next.
    pub(crate) line: String,
    /// True if the call failed. *Pending*, *refused by a limit* and *waiting for approval* are no failures
    /// of a tool, and are not marked so.
    pub(crate) is_error: bool,
    /// Further parts, such as a body that is no text.
    pub(crate) parts: Vec<Part>,
    /// Set if a person has to approve a payment first. The same call again, once approved, pays.
    pub(crate) waiting: Option<Waiting>,
}

/// A part of an answer beside its structured result.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// Bytes that a server or a vault gave, as a resource with a name of ours.
    Blob {
        /// `l402://answer/HASH`.
        uri: String,
        /// The media type, as far as it can be trusted to be one.
        media_type: String,
        /// The bytes, within the limits of the tool.
        bytes: Vec<u8>,
    },
}

/// A payment that waits for a person.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// The number that `l402 approve` takes.
    pub(crate) approval: i64,
    /// The page on this machine where it can be approved. Holds nothing that approves.
    pub(crate) page: Option<url::Url>,
    /// The question to the person: amount, payee and host first, in characters of ASCII.
    pub(crate) question: String,
}

//! The names of headers that frame a message or belong to one connection.

use http::HeaderName;
use l402::HOP_BY_HOP;

/// Returns true for a header of the message's framing or routing. A client cannot have it dropped
/// by naming it in `Connection`, and an operator cannot set it.
pub(crate) fn is_framing(name: &HeaderName) -> bool {
    let name = name.as_str();
    HOP_BY_HOP.contains(&name) || matches!(name, "host" | "content-length" | "expect")
}

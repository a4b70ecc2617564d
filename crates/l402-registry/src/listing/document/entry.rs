//! One entry of a document.

use serde_json::Value;

use crate::listing::Words;
use crate::listing::field::text;

/// An entry before it is held against the origin of its document.
pub(super) struct Entry {
    /// The address, absolute or relative to the document.
    pub(super) endpoint: String,
    /// The method of HTTP; empty for GET.
    pub(super) method: String,
    /// The words, as they are written.
    pub(super) words: Words,
    /// True if it is not to be probed.
    pub(super) no_probe: bool,
}

/// Returns the address, unless it is a pattern.
pub(super) fn endpoint(value: &Value, names: &[&str]) -> Result<String, String> {
    let endpoint = text(value, names);
    if endpoint.is_empty() {
        return Err("it has no `endpoint`".to_owned());
    }
    if endpoint.contains(['{', '}']) {
        return Err(
            "its address is a pattern; write one that can be asked as it stands".to_owned(),
        );
    }
    Ok(endpoint)
}

/// Returns the mark by which a seller asks not to be probed.
pub(super) fn no_probe(value: &Value) -> bool {
    value.get("no_probe") == Some(&Value::Bool(true))
}

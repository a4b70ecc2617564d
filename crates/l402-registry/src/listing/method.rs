//! The methods of HTTP with which a service can be asked.

/// The methods; one that is not said is the first.
pub(crate) const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Returns the method in upper case, GET for an empty text; `None` if it is none of ours.
pub(crate) fn method(text: &str) -> Option<&'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Some(METHODS[0]);
    }
    METHODS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(text))
}

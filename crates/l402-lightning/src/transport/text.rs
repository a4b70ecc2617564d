//! Text from a node, made safe to show.

#[cfg(any(
    feature = "cln",
    feature = "lnbits",
    feature = "lnd",
    feature = "phoenixd"
))]
use crate::{Error, ErrorKind};

/// The maximum number of characters shown of such a text.
const MAX_CHARS: usize = 200;

/// Returns text of a node, escaped and cut to 200 characters.
pub(crate) fn plain(text: &str) -> String {
    // A node may be run by somebody else: its text must not move the cursor of a terminal, forge a
    // line of a log, or fill one.
    l402::text::escape_within(text, MAX_CHARS)
}

/// Returns the text of the innermost cause, because the outer ones only say "error sending request",
/// and may name a URL.
#[cfg(any(
    feature = "cln",
    feature = "lnbits",
    feature = "lnd",
    feature = "lnurl",
    feature = "phoenixd"
))]
pub(crate) fn root_cause(error: &dyn core::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Returns the error of a request to `called` at `address` that got no answer, or not all of one.
#[cfg(any(
    feature = "cln",
    feature = "lnbits",
    feature = "lnd",
    feature = "phoenixd"
))]
pub(crate) fn unanswered(called: &str, address: &str, error: &reqwest::Error) -> Error {
    if error.is_timeout() {
        let text = format!("{called} at {address} did not answer in time");
        return Error::new(ErrorKind::Timeout, text);
    }
    let what = if error.is_connect() {
        "no connection to"
    } else {
        "the connection ended with"
    };
    let text = format!("{what} {called} at {address}: {}", root_cause(error));
    Error::new(ErrorKind::Unavailable, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_node_are_bounded_and_escaped() {
        let shown = plain(&format!("a\u{1b}[31m\r\n{}", "b".repeat(1000)));
        assert!(shown.starts_with("a\\u{1b}[31m"), "{shown}");
        assert_eq!(shown.chars().count(), MAX_CHARS);
    }
}

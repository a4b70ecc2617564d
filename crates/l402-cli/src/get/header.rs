//! The headers that the flags of a request make, one by one.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use crate::error::CliError;

/// Reads the value of `-e`.
pub(super) fn referer(page: &str) -> Result<HeaderValue, CliError> {
    if page.ends_with(";auto") {
        let text = "-e: ;auto is not built, for the query of a page may hold a secret";
        return Err(CliError::usage(text).with_hint("write the page itself: -e URL"));
    }
    value(page, "referer")
}

/// Reads the value of `-r`. As curl has it, one number alone is where the bytes begin.
pub(super) fn range(bytes: &str) -> Result<HeaderValue, CliError> {
    let is_range = |b: u8| b.is_ascii_digit() || matches!(b, b'-' | b',' | b' ');
    if bytes.is_empty() || !bytes.bytes().all(is_range) {
        let text = format!(
            "not a range of bytes: {}",
            crate::text::plain::escape(bytes)
        );
        return Err(CliError::usage(text).with_hint("write -r 0-499, -r 500- or -r -500"));
    }
    let open = if bytes.contains('-') { "" } else { "-" };
    value(&format!("bytes={bytes}{open}"), "range")
}

/// Reads one `-H`: `Name: value` sets, `Name:` removes, `Name;` sends without a value.
pub(super) fn header(
    line: &str,
    taken_away: &mut Vec<HeaderName>,
    given: &mut HeaderMap,
) -> Result<(), CliError> {
    if let Some((name, text)) = line.split_once(':') {
        let parsed = header_name(name)?;
        if text.trim().is_empty() {
            taken_away.push(parsed);
        } else {
            given.append(parsed, value(text.trim(), name)?);
        }
        return Ok(());
    }
    match line.strip_suffix(';') {
        Some(name) => {
            given.append(header_name(name)?, HeaderValue::from_static(""));
            Ok(())
        }
        None => {
            Err(CliError::usage(format!("not a header: {line}"))
                .with_hint("write -H \"Name: value\""))
        }
    }
}

fn header_name(name: &str) -> Result<HeaderName, CliError> {
    HeaderName::from_bytes(name.trim().as_bytes())
        .map_err(|_| CliError::usage(format!("not the name of a header: {}", name.trim())))
}

/// Reads the value of a header. The error does not repeat the text, which may be a secret.
pub(super) fn value(text: &str, name: &str) -> Result<HeaderValue, CliError> {
    HeaderValue::from_str(text)
        .map_err(|_| CliError::usage(format!("the header {name} holds a character it must not")))
}

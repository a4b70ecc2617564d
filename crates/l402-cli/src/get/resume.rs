//! A download that goes on where an earlier one ended, for `-C`.

use std::path::Path;
use std::str::FromStr;

use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use l402_client::Response;

use crate::error::CliError;
use crate::exit_code;

/// The value of `-C`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContinueAt {
    /// `-`: at the end of the file of `-o`.
    End,
    Offset(u64),
}

impl FromStr for ContinueAt {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "-" => Ok(Self::End),
            text => match text.parse() {
                Ok(offset) => Ok(Self::Offset(offset)),
                Err(_) => Err("write a number of bytes, or - for the length of the file of -o"),
            },
        }
    }
}

impl ContinueAt {
    /// Returns the number of bytes that are there already.
    pub(super) fn offset(self, output: Option<&Path>) -> u64 {
        match self {
            Self::Offset(offset) => offset,
            // As with curl, of a file that is not there all is missing.
            Self::End => output
                .and_then(|path| std::fs::metadata(path).ok())
                .map_or(0, |found| found.len()),
        }
    }
}

/// The place of an answer in the file that an earlier one has begun.
#[derive(Debug)]
pub(super) enum Resumed {
    /// It is the whole, and was paid for: the file is written anew.
    Anew,
    /// It is what was missing.
    Append,
    /// Nothing was missing.
    Nothing,
    /// It does not fit, and the file stays as it is.
    Refused(CliError),
}

impl Resumed {
    /// Looks at the head of the answer to a request for what is behind `at` bytes.
    pub(super) fn of(response: &Response, at: u64) -> Self {
        let (status, headers) = (response.status(), response.headers());
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let start = text(CONTENT_RANGE).and_then(start_of_range);
        let length = text(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        match status {
            StatusCode::PARTIAL_CONTENT if start == Some(at) => Self::Append,
            StatusCode::RANGE_NOT_SATISFIABLE => Self::Nothing,
            _ if status.is_success() && length == Some(at) => Self::Nothing,
            // What was paid for is not thrown away for being more than was asked for.
            StatusCode::OK if response.receipt().is_some() => Self::Anew,
            _ => {
                let text = format!(
                    "the server answered {}, and not with the bytes from {at} on",
                    status.as_u16()
                );
                let error = CliError::new(exit_code::UNAVAILABLE, "cannot_resume", text);
                Self::Refused(error.with_hint("without -C it is fetched from its beginning"))
            }
        }
    }
}

/// Reads the first number of `bytes 5-9/10`.
fn start_of_range(text: &str) -> Option<u64> {
    let range = text.trim().strip_prefix("bytes")?.trim_start();
    range.split_once('-')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_a_number_or_the_length_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let end: ContinueAt = "-".parse().unwrap();
        assert_eq!(end.offset(None), 0);
        assert_eq!(end.offset(Some(&path)), 0);
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(end.offset(Some(&path)), 5);
        let given: ContinueAt = "7".parse().unwrap();
        assert_eq!(given.offset(Some(&path)), 7);
        for bad in ["", "x", "-1", "1.5"] {
            assert!(bad.parse::<ContinueAt>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_start_of_a_range_is_read() {
        assert_eq!(start_of_range("bytes 5-9/10"), Some(5));
        assert_eq!(start_of_range("bytes 5-9/*"), Some(5));
        assert_eq!(start_of_range("bytes */10"), None);
        assert_eq!(start_of_range("chars 5-9/10"), None);
    }
}

//! The error texts of a server that speaks JSON over HTTP.

use reqwest::StatusCode;

use crate::{Error, ErrorKind};

/// Returns the error of an answer that the interface does not allow.
pub(in crate::backend) fn garbled(called: &str, what: &str) -> Error {
    let text = format!("{called}'s answer could not be read ({what})");
    Error::new(ErrorKind::Protocol, text)
}

/// Returns the party at fault for a status that is no success.
pub(in crate::backend) fn kind_of(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 | 403 => ErrorKind::Unauthorized,
        408 | 504 => ErrorKind::Timeout,
        429 | 500.. => ErrorKind::Unavailable,
        _ => ErrorKind::Rejected,
    }
}

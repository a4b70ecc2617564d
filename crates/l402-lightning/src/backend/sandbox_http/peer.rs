//! The error texts and limits of the sandbox's API.

use core::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

use crate::transport::{Peer, Proof, plain};
use crate::{Error, ErrorKind};

/// The sandbox at the other end.
#[derive(Clone, Debug)]
pub(super) struct Api {
    /// The address without a slash at the end.
    pub(super) base: String,
}

/// A problem document, as far as this client reads one.
#[derive(Deserialize)]
struct Problem {
    detail: String,
    #[serde(default)]
    error: String,
}

impl Peer for Api {
    /// The time limit of everything but a payment.
    const TIME_LIMIT: Duration = Duration::from_secs(5);

    /// The longest answer of the API is far below.
    const MAX_ANSWER: usize = 64 * 1024;

    fn unanswered(&self, error: &reqwest::Error) -> Error {
        let base = &self.base;
        if error.is_timeout() {
            let text = format!("the sandbox at {base} did not answer");
            return Error::new(ErrorKind::Timeout, text);
        }
        let text = format!("no answer from the sandbox at {base}; start it with: l402 sandbox");
        Error::new(ErrorKind::Unavailable, text)
    }

    fn cut_short(&self, error: &reqwest::Error) -> Error {
        let kind = if error.is_timeout() {
            ErrorKind::Timeout
        } else {
            ErrorKind::Unavailable
        };
        Error::new(kind, "the sandbox's answer ended early")
    }

    fn too_long(&self) -> Error {
        garbled()
    }

    fn garbled(&self, _: &'static str) -> Error {
        garbled()
    }

    /// Returns the meaning of a refusal. A refusal that did not arrive as a whole does not count as
    /// one, and its error is that of the loss.
    fn refusal(&self, status: StatusCode, body: Result<Vec<u8>, Error>) -> Error {
        let body = match body {
            Ok(body) => body,
            Err(lost) => return lost,
        };
        let kind = if status.is_client_error() {
            ErrorKind::Rejected
        } else {
            ErrorKind::Unavailable
        };
        let detail = serde_json::from_slice::<Problem>(&body).map(|problem| plain(&problem.detail));
        let text = detail.unwrap_or_else(|_| format!("the sandbox answered {status}"));
        Error::new(kind, text)
    }

    fn proof(&self, _: StatusCode, body: &[u8]) -> Proof {
        let problem = serde_json::from_slice::<Problem>(body);
        match problem.as_ref().map(|problem| problem.error.as_str()) {
            Ok("not_found") => Proof::NotFound,
            // Everything that the API refuses before it pays.
            Ok(
                "invalid_body" | "invalid_request" | "method_not_allowed" | "no_such_path"
                | "not_loopback",
            ) => Proof::NotBegun,
            _ => Proof::None,
        }
    }
}

/// Returns the error of an answer that the API never gives.
pub(super) fn garbled() -> Error {
    let text = "the answer is not the sandbox's; is another program listening there?";
    Error::new(ErrorKind::Protocol, text)
}

//! The failure of a call, with the facts that decide whether a payment may have begun.

use reqwest::StatusCode;

use crate::Error;

/// A call that did not bring the answer that was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// The status of the node's refusal; `None` without an answer, or if the answer was broken.
    pub(crate) status: Option<StatusCode>,
    /// True if any of the request may have reached the node.
    #[cfg_attr(
        not(feature = "pay"),
        expect(dead_code, reason = "a caller that only receives simply asks again")
    )]
    pub(crate) sent: bool,
}

impl Failure {
    /// Returns the failure of a request that certainly arrived, but whose answer cannot be used.
    pub(super) const fn of_answer(error: Error) -> Self {
        Self {
            error,
            status: None,
            sent: true,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

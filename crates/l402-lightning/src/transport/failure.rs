//! The failure of a call, and what it says about the request.

use reqwest::StatusCode;

use crate::Error;

/// A call without the answer that was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// The status of the node's refusal; `None` if there was no answer, or a broken one.
    pub(crate) status: Option<StatusCode>,
    /// True if any of the request may have reached the node.
    #[cfg_attr(
        not(feature = "pay"),
        expect(dead_code, reason = "a caller that only receives simply asks again")
    )]
    pub(crate) sent: bool,
}

impl Failure {
    /// The failure of a request that certainly arrived, with an answer that cannot be used.
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

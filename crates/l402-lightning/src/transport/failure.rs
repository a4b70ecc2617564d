//! The failure of a call, with the facts that decide whether a payment may have begun.

use reqwest::StatusCode;

use crate::Error;
#[cfg(any(feature = "cln", feature = "lnd", feature = "phoenixd"))]
use crate::ErrorKind;

/// The proof that a refusal is about its payment, if it is one. A status alone proves nothing: it may
/// be that of a proxy before the node, or of a time limit that ended while the node went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Nothing.
    None,
    /// The node itself, in its own words, has not begun what it was asked for.
    #[cfg_attr(
        not(any(
            feature = "cln",
            feature = "lnbits",
            feature = "lnd",
            feature = "pay",
            feature = "phoenixd"
        )),
        expect(dead_code, reason = "an address alone begins nothing")
    )]
    NotBegun,
    /// The node itself, in its own words, has no record of what it was asked about.
    NotFound,
}

/// A call that did not bring the answer that was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// See [`Proof`].
    pub(crate) proof: Proof,
    /// The status of the node's refusal; `None` without an answer, or if the answer was broken.
    #[cfg_attr(
        not(any(feature = "lnbits", feature = "phoenixd")),
        expect(dead_code, reason = "only the questions about a credential need it")
    )]
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
            proof: Proof::None,
            status: None,
            sent: true,
        }
    }
}

/// Returns what a node has told, or `None` if this credential may not know it.
#[cfg(any(feature = "cln", feature = "lnd", feature = "phoenixd"))]
pub(crate) fn permitted<T>(asked: Result<T, Failure>) -> Result<Option<T>, Error> {
    match asked {
        Ok(told) => Ok(Some(told)),
        Err(failure) if failure.error.kind() == ErrorKind::Unauthorized => Ok(None),
        Err(failure) => Err(failure.error),
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

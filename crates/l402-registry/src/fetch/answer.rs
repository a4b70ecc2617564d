//! An answer, and the reasons why there is none.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use l402::UnixTime;
use url::Url;

/// An answer of a stranger.
#[derive(Clone)]
pub struct Fetched {
    /// The URL that answered, after redirects.
    pub url: Url,
    /// True if every redirect on the way was permanent (301, 308), or there was none.
    pub is_permanent: bool,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, at most 64 KiB unless the request allows more. Nothing was decompressed.
    pub body: Vec<u8>,
    /// From the request to the head of the answer of the last hop.
    pub latency: Duration,
    /// The end of the certificate of the server that answered.
    pub tls_until: Option<UnixTime>,
}

/// The reason why there is no answer. Its text may name a host, and holds nothing that a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchError {
    /// The address may not be asked, or a redirect leads to one that may not.
    Refused(String),
    /// The name has no address.
    Unresolved(String),
    /// No connection, or no answer that is HTTP.
    NoAnswer(String),
    /// The certificate does not hold.
    Certificate(String),
    /// There was no whole answer in time.
    TooSlow,
    /// The head or the body is too long.
    TooLarge,
    /// More than three redirects, or one in a circle.
    RedirectsTooOften,
    /// The address is asked too often already; there is a turn after this time. Only probes get it.
    Crowded(Duration),
}

impl FetchError {
    /// Returns the stable code of the reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "private_address",
            Self::Unresolved(_) => "no_address",
            Self::NoAnswer(_) => "no_answer",
            Self::Certificate(_) => "bad_certificate",
            Self::TooSlow => "timeout",
            Self::TooLarge => "too_large",
            Self::RedirectsTooOften => "redirects",
            Self::Crowded(_) => "crowded",
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(text)
            | Self::Unresolved(text)
            | Self::NoAnswer(text)
            | Self::Certificate(text) => f.write_str(text),
            Self::TooSlow => f.write_str("no whole answer came in time"),
            Self::TooLarge => f.write_str("the answer is too large"),
            Self::RedirectsTooOften => f.write_str("it redirects too often"),
            Self::Crowded(_) => f.write_str("too many requests wait for this address"),
        }
    }
}

impl std::error::Error for FetchError {}

//! The input of an examination: an answer, and the buyer who would pay.

use std::time::Duration;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use l402::{ChallengeError, Challenges, Network, UnixTime};
use serde_json::Value;
use url::Url;

/// The most bytes of a body that are looked at.
pub const BODY_MAX: usize = 64 * 1024;

/// The longest wait for a body, after the head of the answer: 3 s. One that does not come in time
/// counts as empty, for what is paid stands in the head.
pub const BODY_TIME: Duration = Duration::from_secs(3);

/// An answer to a request that carried no credential.
#[derive(Clone, Copy)]
pub struct UnpaidAnswer<'a> {
    /// The URL of the request.
    pub url: &'a Url,
    /// The status; only 402 asks for payment.
    pub status: StatusCode,
    /// All headers of the answer.
    pub headers: &'a HeaderMap,
    /// The body. If it is longer than [`BODY_MAX`] bytes, it counts as empty.
    pub body: &'a [u8],
}

impl<'a> UnpaidAnswer<'a> {
    /// Returns every line `WWW-Authenticate`, in order.
    pub(super) fn challenge_lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        // As bytes: a value need not be text, and the parser of challenges decides about those.
        let lines = self.headers.get_all(WWW_AUTHENTICATE).iter();
        lines.map(HeaderValue::as_bytes)
    }

    /// Returns a header's text, empty if there is none.
    pub(super) fn header(&self, name: &HeaderName) -> &'a str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Returns the body, or nothing if it is too long.
    pub(super) fn short_body(&self) -> &'a [u8] {
        // Not cut: the beginning of a JSON document is no JSON document.
        if self.body.len() > BODY_MAX {
            b""
        } else {
            self.body
        }
    }

    /// Returns the body if it is JSON and not too long.
    pub(super) fn document(&self) -> Option<Value> {
        serde_json::from_slice(self.short_body()).ok()
    }
}

/// The buyer for whom an answer is examined.
#[derive(Clone, Copy, Debug, Default)]
pub struct Payer {
    /// True if the buyer pays a challenge that stands in a JSON body and in no header. It must come
    /// over https or from this machine. False by default: the specification knows no such challenge.
    pub body_challenge: bool,
    /// The network of the buyer's wallet. `None` accepts an invoice of any network.
    pub network: Option<Network>,
    /// True if the buyer sends credentials over plain HTTP to other machines. False by default: anybody
    /// on the way could take the credential.
    pub plain_http: bool,
}

/// An answer with everything that the rules compare it with.
pub(super) struct Case<'a> {
    pub(super) answer: UnpaidAnswer<'a>,
    pub(super) payer: Payer,
    pub(super) now: UnixTime,
    /// The body, if it is JSON.
    pub(super) document: Option<Value>,
    /// The challenges of all schemes, or the error of their parser.
    pub(super) challenges: Result<Challenges, ChallengeError>,
}

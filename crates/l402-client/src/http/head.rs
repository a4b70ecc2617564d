//! The head of an answer.

use hyper::ext::ReasonPhrase;

/// The head of an answer, as it came. HTTP has no case in the names of headers; they are in lower
/// case here.
#[derive(Clone)]
#[non_exhaustive]
pub struct Head {
    /// The version of HTTP that was spoken.
    pub version: http::Version,
    /// The status.
    pub status: http::StatusCode,
    /// The words behind the status, as the server wrote them. Empty in HTTP/2.
    pub reason: Vec<u8>,
    /// The headers.
    pub headers: http::HeaderMap,
}

impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Head")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Returns the head of an answer.
pub(crate) fn head_of(answer: &reqwest::Response) -> Head {
    let (status, version) = (answer.status(), answer.version());
    // hyper keeps the words only if they are not the usual ones.
    let unusual = answer.extensions().get::<ReasonPhrase>();
    let usual = status
        .canonical_reason()
        .filter(|_| version < http::Version::HTTP_2);
    let reason = unusual.map(|reason| reason.as_bytes());
    Head {
        version,
        status,
        reason: reason
            .or(usual.map(str::as_bytes))
            .unwrap_or_default()
            .to_vec(),
        headers: answer.headers().clone(),
    }
}

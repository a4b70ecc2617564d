//! The connections of one client, and the reading of their answers.

use std::error::Error as _;
use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;

use super::hop::{CredentialHeader, Hop};
use super::outgoing::Outgoing;
use crate::{Error, Refused};

/// The reason for a missing answer.
pub(crate) enum NoResponse {
    /// The head of the answer is larger than is read.
    HeadTooLarge,
    /// Anything else, in words.
    Other(String),
}

impl NoResponse {
    pub(crate) fn text(self) -> String {
        match self {
            Self::HeadTooLarge => "the head of the answer is too large".into(),
            Self::Other(text) => text,
        }
    }
}

/// The error of a request without a payment.
impl From<NoResponse> for Error {
    fn from(no_response: NoResponse) -> Self {
        match no_response {
            NoResponse::HeadTooLarge => {
                Self::refused(Refused::ChallengeTooLarge, NoResponse::HeadTooLarge.text())
            }
            NoResponse::Other(detail) => Self::Transport { detail },
        }
    }
}

/// The connections of one client.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
    timeout: Duration,
}

impl Http {
    /// Builds a client without redirects and cookies: `Hop` follows redirects itself, by rules that
    /// reqwest does not know.
    pub(crate) fn new(timeout: Duration, outgoing: &Outgoing) -> Result<Self, Error> {
        let client = outgoing.builder()?.build();
        let client = client.map_err(|error| Error::Transport {
            detail: error_chain(&error.without_url()),
        })?;
        Ok(Self { client, timeout })
    }

    pub(crate) async fn ask(&self, hop: &Hop) -> Result<reqwest::Response, NoResponse> {
        self.send(hop.unpaid()).await
    }

    pub(crate) async fn present(
        &self,
        hop: &Hop,
        credential: &CredentialHeader,
    ) -> Result<reqwest::Response, NoResponse> {
        self.send(hop.paid(credential)).await
    }

    async fn send(&self, request: reqwest::Request) -> Result<reqwest::Response, NoResponse> {
        // The head alone is timed: a body may be a stream of events that lasts for hours.
        match tokio::time::timeout(self.timeout, self.client.execute(request)).await {
            Ok(answer) => answer.map_err(no_response),
            Err(_) => Err(NoResponse::Other(format!(
                "no answer within {:?}",
                self.timeout
            ))),
        }
    }

    /// Returns the body of an answer, or `None` if it is longer than `max` bytes, breaks off or does
    /// not arrive in time.
    pub(crate) async fn body(&self, mut answer: reqwest::Response, max: usize) -> Option<Vec<u8>> {
        let read = async {
            let mut body = Vec::new();
            while let Some(piece) = answer.chunk().await.ok()? {
                if body.len() + piece.len() > max {
                    return None;
                }
                body.extend_from_slice(&piece);
            }
            Some(body)
        };
        let read = tokio::time::timeout(self.timeout, read).await;
        read.ok().flatten()
    }
}

fn no_response(error: reqwest::Error) -> NoResponse {
    if is_head_too_large(&error) {
        NoResponse::HeadTooLarge
    } else {
        NoResponse::Other(error_chain(&error.without_url()))
    }
}

/// Returns true if a request failed because the head of its answer is larger than is read. Such an
/// answer is refused with [`Refused::ChallengeTooLarge`].
#[must_use]
pub fn is_head_too_large(error: &reqwest::Error) -> bool {
    // reqwest does not tell this case apart, so its causes are searched for the error of hyper.
    let mut cause = error.source();
    while let Some(inner) = cause {
        let http = inner.downcast_ref::<hyper::Error>();
        if http.is_some_and(hyper::Error::is_parse_too_large) {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// Returns the whole chain of causes as text. The caller has taken the URL out, whose query may hold
/// a secret.
pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        // Many errors already repeat the text of their cause.
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// Returns the time that `Retry-After` asks to wait, if it gives seconds.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

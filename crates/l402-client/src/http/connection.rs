//! The connections of one client, and what is read of an answer.

use std::error::Error as _;
use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use serde_json::Value;

use super::hop::{CredentialHeader, Hop};
use crate::{Error, Refused};

/// The most that is read of a refusal's body.
const BODY_MAX: usize = 64 * 1024;

/// Why there is no answer.
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

/// Where no payment is involved.
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
    /// Follows nothing, keeps no cookie, and asks no environment for a proxy.
    pub(crate) fn new(timeout: Duration) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .build()
            .map_err(|error| Error::Transport {
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
        match tokio::time::timeout(self.timeout, self.client.execute(request)).await {
            Ok(answer) => answer.map_err(no_response),
            Err(_) => Err(NoResponse::Other(format!(
                "no answer within {:?}",
                self.timeout
            ))),
        }
    }

    /// The body of a refusal where it is JSON of at most 64 KiB that arrives in time.
    pub(crate) async fn json(&self, mut answer: reqwest::Response) -> Option<Value> {
        let read = async {
            let mut body = Vec::new();
            while let Some(piece) = answer.chunk().await.ok()? {
                if body.len() + piece.len() > BODY_MAX {
                    return None;
                }
                body.extend_from_slice(&piece);
            }
            serde_json::from_slice(&body).ok()
        };
        tokio::time::timeout(self.timeout, read)
            .await
            .ok()
            .flatten()
    }
}

fn no_response(error: reqwest::Error) -> NoResponse {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_parse_too_large)
        {
            return NoResponse::HeadTooLarge;
        }
        cause = inner.source();
    }
    NoResponse::Other(error_chain(&error.without_url()))
}

/// The whole chain of causes. The URL is left out: its query may hold a secret.
pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// How long `Retry-After` asks to wait, where it says so in seconds.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

//! A JSON document that somebody else serves: guarded, bounded, and without a payment.
//!
//! Nothing that is read here was checked by anybody, and no credential is sent.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use l402_client::examine::BODY_MAX;
use l402_client::{Client, Error, Outgoing};
use reqwest::header::{ACCEPT, LOCATION};
use serde_json::Value;
use url::Url;

use crate::outgoing;

/// The longest document, in bytes.
const MAX_BYTES: usize = 1024 * 1024;

/// The longest time for one document with all its redirects.
const MAX_TIME: Duration = Duration::from_secs(5);

/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 3;

/// The way to documents of others. No request goes to a private address, unless its URL comes from the
/// operator, nor to a program of this home.
#[derive(Clone)]
pub(crate) struct Download {
    /// Knows which addresses may be asked. It sends nothing.
    client: Client,
    own: Vec<(String, u16)>,
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").finish_non_exhaustive()
    }
}

/// The one who named the URL of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamedBy {
    /// The person whose machine this is: an address of this machine is meant.
    Operator,
    /// A model, or a server: only public addresses are asked.
    Stranger,
}

/// The answer to an unpaid request.
pub(crate) struct UnpaidResponse {
    /// The status.
    pub(crate) status: http::StatusCode,
    /// The headers, as the server wrote them.
    pub(crate) headers: http::HeaderMap,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// The reason why there is no document. No text of the server is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DownloadError {
    /// The address may not be asked, or a redirect leads to one that may not.
    Refused(String),
    /// No answer came.
    NoAnswer(String),
    /// The answer has this status.
    Status(u16),
    /// There was no whole answer in time.
    TooSlow,
    /// The document is too long.
    TooLarge,
    /// The answer is no JSON.
    NotJson,
}

impl fmt::Display for DownloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) | Self::NoAnswer(why) => f.write_str(why),
            Self::Status(402) => {
                f.write_str("it asks to be paid for this (402), which is not done")
            }
            Self::Status(429) => f.write_str("it was asked too often (429)"),
            Self::Status(status) => write!(f, "it answered {status}"),
            Self::TooSlow => write!(f, "no whole answer came within {} s", MAX_TIME.as_secs()),
            Self::TooLarge => f.write_str("its answer is longer than 1 MiB, or 64 KiB for a price"),
            Self::NotJson => f.write_str("its answer is no JSON"),
        }
    }
}

impl Download {
    /// Returns the way to documents of others. `client` says which addresses may be asked, and `own` are
    /// further ones that may not.
    pub(crate) fn new(client: Client, own: Vec<(String, u16)>) -> Self {
        Self { client, own }
    }

    /// Returns the JSON document at a URL.
    ///
    /// # Errors
    /// See [`DownloadError`]. Nothing is retried.
    pub(crate) async fn json(&self, url: &Url, named_by: NamedBy) -> Result<Value, DownloadError> {
        let bytes = tokio::time::timeout(MAX_TIME, self.bytes(url, named_by));
        let bytes = bytes.await.map_err(|_| DownloadError::TooSlow)??;
        serde_json::from_slice(&bytes).map_err(|_| DownloadError::NotJson)
    }

    /// Asks a URL that a stranger has named, once and unpaid, and returns the whole answer, whatever its
    /// status. No redirect is followed.
    ///
    /// # Errors
    /// See [`DownloadError`]. Nothing is retried.
    pub(crate) async fn unpaid(
        &self,
        url: &Url,
        most: Duration,
    ) -> Result<UnpaidResponse, DownloadError> {
        let asked = async {
            let answer = self.get(url, NamedBy::Stranger).await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let body = limited(answer, BODY_MAX).await?;
            Ok(UnpaidResponse {
                status,
                headers,
                body,
            })
        };
        let answer = tokio::time::timeout(most, asked).await;
        answer.map_err(|_| DownloadError::TooSlow)?
    }

    async fn bytes(&self, url: &Url, named_by: NamedBy) -> Result<Vec<u8>, DownloadError> {
        let (mut url, mut named_by) = (url.clone(), named_by);
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.get(&url, named_by).await?;
            if !answer.status().is_redirection() {
                return body(answer).await;
            }
            let to = answer.headers().get(LOCATION);
            let to = to.and_then(|to| url.join(to.to_str().ok()?).ok());
            let to = to.ok_or(DownloadError::Status(answer.status().as_u16()))?;
            // A server names it, not the operator, and nobody on the way may read the next question.
            if url.scheme() == "https" && to.scheme() != "https" {
                let why = "a redirect leads from https to plain http".to_owned();
                return Err(DownloadError::Refused(why));
            }
            if to.origin() != url.origin() {
                named_by = NamedBy::Stranger;
            }
            url = to;
        }
        Err(DownloadError::Refused("it redirects too often".to_owned()))
    }

    async fn get(&self, url: &Url, named_by: NamedBy) -> Result<reqwest::Response, DownloadError> {
        let refused = |error: &dyn fmt::Display| DownloadError::Refused(error.to_string());
        if !matches!(url.scheme(), "https" | "http") {
            return Err(refused(&"only https and http are asked"));
        }
        let outgoing = outgoing::to(url, false).map_err(|error| refused(&error))?;
        let is_typed = named_by == NamedBy::Operator;
        let mut builder = builder(&outgoing)?;
        // A proxy resolves names itself; without one, the connection goes to what was checked.
        let checked = self.checked(url, is_typed, outgoing.has_proxy(url.scheme()));
        if let (addresses @ [_, ..], Some(host)) = (&*checked.await?, url.host_str()) {
            builder = builder.resolve_to_addrs(host, addresses);
        }
        let client = builder.build().map_err(|error| unanswered(&error))?;
        let request = client.get(url.clone()).header(ACCEPT, "application/json");
        // As a buyer asks, so that a server which knows several schemes answers both alike.
        let request = request.header("accept-authenticate", "L402");
        request.send().await.map_err(|error| unanswered(&error))
    }

    async fn checked(
        &self,
        url: &Url,
        is_typed: bool,
        is_proxied: bool,
    ) -> Result<Vec<SocketAddr>, DownloadError> {
        let own = self.own.clone();
        let checked = if is_proxied {
            let checked = self.client.check_address(url, own, is_typed).await;
            checked.map(|()| Vec::new())
        } else {
            self.client.addresses(url, own, is_typed).await
        };
        checked.map_err(|error| match error {
            Error::Refused { .. } => DownloadError::Refused(error.to_string()),
            _ => DownloadError::NoAnswer("its name has no address".to_owned()),
        })
    }
}

fn builder(outgoing: &Outgoing) -> Result<reqwest::ClientBuilder, DownloadError> {
    let builder = outgoing.builder();
    let builder = builder.map_err(|error| DownloadError::NoAnswer(error.to_string()))?;
    Ok(builder.user_agent(concat!("l402/", env!("CARGO_PKG_VERSION"))))
}

/// The error does not repeat the URL, whose query may hold a key.
fn unanswered(error: &reqwest::Error) -> DownloadError {
    DownloadError::NoAnswer(if error.is_connect() {
        "it cannot be reached".to_owned()
    } else {
        "it gave no answer that is HTTP".to_owned()
    })
}

async fn body(answer: reqwest::Response) -> Result<Vec<u8>, DownloadError> {
    if !answer.status().is_success() {
        return Err(DownloadError::Status(answer.status().as_u16()));
    }
    limited(answer, MAX_BYTES).await
}

async fn limited(mut answer: reqwest::Response, most: usize) -> Result<Vec<u8>, DownloadError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| unanswered(&error))? {
        if body.len() + chunk.len() > most {
            return Err(DownloadError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

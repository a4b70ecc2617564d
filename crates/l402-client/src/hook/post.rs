//! A hook that is a service, asked over HTTP.

use l402_host::BoxFuture;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use url::{Host, Url};

use super::decision::ANSWER_MAX;
use super::{Decision, PaymentHook, Proposal, answer};
use crate::Error;
use crate::http::{Outgoing, error_chain};

/// A service that gets each proposal as a POST with a JSON body, and answers 200 with JSON.
///
/// Only https and this machine are asked: over plain HTTP, anybody on the way could allow a payment. A
/// redirect is a denial, as is every other status.
///
/// ```
/// use l402_client::Outgoing;
/// use l402_client::hook::HttpHook;
///
/// let url = "https://policy.example/may-i".parse()?;
/// assert!(HttpHook::new(url, &Outgoing::default()).is_ok());
/// let url = "http://policy.example/may-i".parse()?;
/// assert!(HttpHook::new(url, &Outgoing::default()).is_err());
/// # Ok::<(), url::ParseError>(())
/// ```
#[derive(Clone)]
pub struct HttpHook {
    url: Url,
    client: reqwest::Client,
}

/// Shows the origin alone: the rest of the URL may hold a secret.
impl std::fmt::Debug for HttpHook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpHook")
            .field("origin", &self.url.origin().ascii_serialization())
            .finish_non_exhaustive()
    }
}

impl HttpHook {
    /// Names the service, and the way to it. This machine is asked without a proxy.
    ///
    /// # Errors
    /// [`Error::Transport`] if the URL is neither https nor of this machine, or TLS cannot be set up.
    pub fn new(url: Url, outgoing: &Outgoing) -> Result<Self, Error> {
        if !may_be_asked(&url) {
            let detail = "a hook is asked over https, or on this machine over http".to_owned();
            return Err(Error::Transport { detail });
        }
        let unusable = |error: reqwest::Error| Error::Transport {
            detail: error_chain(&error.without_url()),
        };
        let client = outgoing.builder()?.build().map_err(unusable)?;
        Ok(Self { url, client })
    }

    async fn ask(&self, proposal: &Proposal) -> Result<Decision, String> {
        let no_answer =
            |error: reqwest::Error| format!("the hook: {}", error_chain(&error.without_url()));
        let asked = self.client.post(self.url.clone());
        let asked = asked
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(proposal.to_json().to_string());
        let mut answered = asked.send().await.map_err(no_answer)?;
        if answered.status() != http::StatusCode::OK {
            return Err(format!("the hook answered {}", answered.status().as_u16()));
        }
        let mut answer = Vec::new();
        while let Some(piece) = answered.chunk().await.map_err(no_answer)? {
            if answer.len().saturating_add(piece.len()) > ANSWER_MAX {
                return Err("the answer of the hook is longer than 64 KiB".to_owned());
            }
            answer.extend_from_slice(&piece);
        }
        Ok(answer::read(&answer, &proposal.id))
    }
}

impl PaymentHook for HttpHook {
    fn decide<'a>(&'a self, proposal: &'a Proposal) -> BoxFuture<'a, Decision> {
        Box::pin(async move {
            let decision = self.ask(proposal).await;
            decision.unwrap_or_else(Decision::no_answer)
        })
    }
}

/// Returns true for https, and for http to this machine.
fn may_be_asked(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => l402_host::is_localhost(name),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => return false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

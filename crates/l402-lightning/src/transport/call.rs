//! A single call: a request, a deadline, and an answer of bounded length.

use core::fmt;
use core::time::Duration;

#[cfg(any(feature = "lnbits", feature = "phoenixd"))]
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;

use super::failure::{Failure, Proof};
use super::peer::Peer;
use crate::Error;

/// Starts the configuration of a client that connects to the node directly: no proxy, no redirect.
pub(crate) fn client(connect_timeout: Duration) -> ClientBuilder {
    Client::builder()
        // The requests carry a credential, which neither a proxy of the environment nor the target
        // of a redirect may see.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connect_timeout)
}

/// Returns a header that goes with every request and is shown nowhere; `None` if the value cannot be
/// one.
#[cfg(any(feature = "lnbits", feature = "phoenixd"))]
pub(crate) fn secret_header(name: HeaderName, value: &str) -> Option<HeaderMap> {
    let mut value = HeaderValue::from_str(value).ok()?;
    // Keeps the credential out of the `Debug` of every request.
    value.set_sensitive(true);
    Some(HeaderMap::from_iter([(name, value)]))
}

/// The JSON interface of one node.
#[derive(Clone)]
pub(crate) struct Transport<P> {
    /// Scheme, host and port, without a slash at the end.
    base: String,
    client: Client,
    pub(crate) peer: P,
}

impl<P: Peer> Transport<P> {
    pub(crate) fn new(client: Client, base: String, peer: P) -> Self {
        Self { base, client, peer }
    }

    #[cfg(any(
        feature = "lnbits",
        feature = "lnd",
        feature = "lnurl",
        feature = "pay",
        feature = "phoenixd"
    ))]
    pub(crate) fn get(&self, path: &str) -> Call<'_, P> {
        self.call(Method::GET, path)
    }

    #[cfg(any(feature = "cln", feature = "lnbits", feature = "lnd", feature = "pay"))]
    pub(crate) fn post(&self, path: &str, body: &serde_json::Value) -> Call<'_, P> {
        let call = self.call(Method::POST, path);
        Call {
            request: call.request.json(body),
            ..call
        }
    }

    /// Starts a call whose body is a form.
    #[cfg(feature = "phoenixd")]
    pub(crate) fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Call<'_, P> {
        let call = self.call(Method::POST, path);
        Call {
            request: call.request.form(fields),
            ..call
        }
    }

    fn call(&self, method: Method, path: &str) -> Call<'_, P> {
        Call {
            time_limit: self.peer.time_limit(),
            peer: &self.peer,
            request: self.client.request(method, format!("{}{path}", self.base)),
        }
    }
}

/// Shows the address alone, because a client may carry a credential.
impl<P> fmt::Debug for Transport<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// A request that is ready to be sent.
pub(crate) struct Call<'a, P> {
    time_limit: Duration,
    pub(super) peer: &'a P,
    request: RequestBuilder,
}

impl<P: Peer> Call<'_, P> {
    /// Sets a deadline other than the usual one. It covers everything from here to the end of the
    /// answer.
    pub(crate) fn within(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// Sends the request and reads the answer.
    pub(crate) async fn json<T: DeserializeOwned>(mut self) -> Result<T, Failure> {
        self.request = self.request.timeout(self.time_limit);
        let peer = self.peer;
        let mut response = self.send().await?;
        let body = read(&mut response, peer).await;
        // The node may have acted already, even if its answer cannot be used.
        let body = body.map_err(Failure::of_answer)?;
        if response.status() == StatusCode::NO_CONTENT {
            return Err(Failure {
                proof: peer.proof(StatusCode::NO_CONTENT, &body),
                ..Failure::of_answer(peer.garbled("no content"))
            });
        }
        serde_json::from_slice(&body)
            .map_err(|_| Failure::of_answer(peer.garbled("not the expected JSON")))
    }

    /// Sends the request and turns a refusal into a failure.
    pub(super) async fn send(self) -> Result<Response, Failure> {
        let peer = self.peer;
        let sent = self.request.send().await;
        let mut response = sent.map_err(|error| Failure {
            // Without a connection nothing was sent; after it nobody knows how far it went.
            sent: !(error.is_connect() || error.is_builder()),
            error: peer.unanswered(&error),
            proof: Proof::None,
            status: None,
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = read(&mut response, peer).await;
        let proof = body.as_ref().map(|body| peer.proof(status, body));
        Err(Failure {
            proof: proof.unwrap_or(Proof::None),
            error: peer.refusal(status, body),
            status: Some(status),
            sent: true,
        })
    }
}

/// Reads an answer to its end.
async fn read<P: Peer>(response: &mut Response, peer: &P) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    let lost = |error| peer.cut_short(&error);
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        extend(&mut body, &chunk, peer)?;
    }
    Ok(body)
}

/// Appends to what was read, up to the limit of an answer.
pub(super) fn extend<P: Peer>(read: &mut Vec<u8>, chunk: &[u8], peer: &P) -> Result<(), Error> {
    // Checked before the copy: an answer without end must not fill the memory.
    if read.len().saturating_add(chunk.len()) > P::MAX_ANSWER {
        return Err(peer.too_long());
    }
    read.extend_from_slice(chunk);
    Ok(())
}

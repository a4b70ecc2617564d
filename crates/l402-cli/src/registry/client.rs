//! A client of a registry's API.

use std::time::Duration;

use http::Method;
use l402_host::is_loopback_host;
use serde_json::Value;
use url::Url;

use super::problem;
use crate::error::CliError;
use crate::exit_code;
use crate::outgoing;
use crate::text::plain::escape;

/// The longest answer that is read, in bytes: 200 listings with all their words fit.
const ANSWER_MAX: usize = 8 * 1024 * 1024;

/// The longest time for one request: a registry may look at a seller's documents meanwhile.
const TIME: Duration = Duration::from_secs(60);

/// A client of a registry's API. What a registry answers is a stranger's text.
pub(crate) struct RegistryClient {
    base: Url,
    http: reqwest::Client,
}

/// One request to the API.
pub(super) struct Call<'a> {
    /// The method of HTTP.
    pub(super) method: Method,
    /// The parts of the path after `/api/v1`, not escaped.
    pub(super) path: &'a [&'a str],
    /// The parameters, not escaped.
    pub(super) query: &'a [(&'a str, String)],
    /// The key of an owner or the token of a moderator.
    pub(super) key: Option<&'a str>,
    /// The body, sent as JSON.
    pub(super) body: Option<&'a Value>,
    /// True if the body holds a secret, such as a preimage.
    pub(super) is_secret: bool,
}

impl<'a> Call<'a> {
    /// Returns a question that changes nothing.
    pub(super) const fn get(path: &'a [&'a str], query: &'a [(&'a str, String)]) -> Self {
        Self {
            method: Method::GET,
            path,
            query,
            key: None,
            body: None,
            is_secret: false,
        }
    }

    /// Returns a request that changes something.
    pub(super) const fn change(method: Method, path: &'a [&'a str]) -> Self {
        Self {
            method,
            path,
            query: &[],
            key: None,
            body: None,
            is_secret: false,
        }
    }

    /// Adds the key of an owner or the token of a moderator.
    pub(super) const fn with_key(mut self, key: &'a str) -> Self {
        self.key = Some(key);
        self
    }

    /// Adds a body.
    pub(super) const fn with_body(mut self, body: &'a Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Adds a body that nobody on the way may read, or whose answer nobody may.
    pub(super) const fn with_secret_body(mut self, body: &'a Value) -> Self {
        self.is_secret = true;
        self.with_body(body)
    }
}

impl RegistryClient {
    /// Opens the way to a registry: by the proxies and certificates of the surroundings.
    ///
    /// # Errors
    /// If these cannot be used.
    pub(crate) fn open(base: &Url) -> Result<Self, CliError> {
        let builder = outgoing::to(base, false)?.builder()?;
        let http = builder
            .timeout(TIME)
            .user_agent(concat!("l402/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(CliError::internal)?;
        Ok(Self {
            base: base.clone(),
            http,
        })
    }

    /// Returns the address of the registry.
    pub(super) const fn base(&self) -> &Url {
        &self.base
    }

    /// Returns host and port of the registry, as they stand in proofs for it.
    pub(super) fn authority(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        match self.base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// Returns the address of the page of a listing.
    pub(super) fn page_of(&self, id: &str) -> String {
        format!("{}s/{id}", self.base)
    }

    /// Sends one request, and returns the JSON of the answer: null if it has no body.
    ///
    /// # Errors
    /// If no answer comes, the registry refuses, or a key or another secret would travel over plain HTTP to another machine.
    pub(super) async fn send(&self, call: Call<'_>) -> Result<Value, CliError> {
        // Checked before anything is sent: nobody can take back a key that others have read.
        if (call.key.is_some() || call.is_secret) && !self.is_private() {
            let text = "a key or a preimage would travel over plain HTTP to another machine; nothing was sent";
            return Err(
                CliError::new(exit_code::REFUSED_INSECURE_ORIGIN, "insecure_origin", text)
                    .with_hint("ask the registry over https"),
            );
        }
        let url = self.url(&call)?;
        let mut request = self.http.request(call.method, url);
        request = request.header("accept", "application/json");
        if let Some(key) = call.key {
            request = request.bearer_auth(key);
        }
        if let Some(body) = call.body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = request
            .send()
            .await
            .map_err(|error| self.unanswered(error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = self.body(answer).await?;
        // Some changes are answered without a body, and nothing at all is no JSON.
        let value = if body.is_empty() {
            Some(Value::Null)
        } else {
            serde_json::from_slice(&body).ok()
        };
        match value {
            Some(value) if status.is_success() => Ok(value),
            value => Err(problem::refusal(status, &headers, value.as_ref())),
        }
    }

    /// Returns true if nobody on the way can read what is sent.
    fn is_private(&self) -> bool {
        self.base.scheme() == "https" || self.base.host_str().is_some_and(is_loopback_host)
    }

    fn url(&self, call: &Call<'_>) -> Result<Url, CliError> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut path) => {
                path.clear().extend(["api", "v1"]).extend(call.path);
            }
            Err(()) => return Err(CliError::internal("an address without a path")),
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        Ok(url)
    }

    async fn body(&self, mut answer: reqwest::Response) -> Result<Vec<u8>, CliError> {
        let mut body = Vec::new();
        let failed = |error| self.unanswered(error);
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > ANSWER_MAX {
                let text = "the registry's answer is longer than 8 MiB";
                return Err(CliError::new(exit_code::UNAVAILABLE, "transport", text));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn unanswered(&self, error: reqwest::Error) -> CliError {
        let is_connect = error.is_connect();
        let text = escape(&error.without_url().to_string());
        let text = format!("no answer of the registry at {}: {text}", self.base);
        let error = CliError::new(exit_code::UNAVAILABLE, "transport", text);
        error.with_hint(if is_connect {
            "`l402 registry serve` starts one on this machine; --registry and L402_REGISTRY name another"
        } else {
            "check the address, and that it is a registry"
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn no_secret_travels_over_plain_http_to_another_machine() {
        let client = RegistryClient::open(&"http://registry.invalid/".parse().unwrap()).unwrap();
        let body = json!({ "preimage": "00" });
        let path = ["services", "0123456789abcdef", "reviews"];
        for call in [
            Call::change(Method::POST, &path).with_secret_body(&body),
            Call::change(Method::DELETE, &path).with_key("00"),
        ] {
            let error = client.send(call).await.unwrap_err();
            assert_eq!(error.exit_code(), exit_code::REFUSED_INSECURE_ORIGIN);
            assert!(error.to_string().contains("nothing was sent"), "{error}");
        }
    }
}

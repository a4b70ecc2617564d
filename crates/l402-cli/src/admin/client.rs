//! One request to the listener for operators.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use url::form_urlencoded;

use super::place::{Place, ReachArgs};
use super::refusal;
use crate::context::Context;
use crate::error::CliError;

/// The longest wait for an answer: sums over large books take their time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest answer, in bytes.
const ANSWER_MAX: usize = 64 * 1024 * 1024;

/// A request of the API. `path` begins with `/`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AdminCall {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

impl AdminCall {
    /// Returns a call that looks at something, with the parameters that have a value.
    pub(crate) fn get(path: &str, parameters: &[(&str, Option<String>)]) -> Self {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in parameters {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let query = query.finish();
        let mark = if query.is_empty() { "" } else { "?" };
        Self {
            method: Method::GET,
            path: format!("/api/v1/{path}{mark}{query}"),
            body: None,
        }
    }

    /// Returns a call that does something.
    pub(crate) fn post(path: &str, body: Value) -> Self {
        Self {
            method: Method::POST,
            path: format!("/api/v1/{path}"),
            body: Some(body),
        }
    }

    /// Returns a call that changes a setting.
    pub(crate) fn patch(path: &str, body: Value) -> Self {
        Self {
            method: Method::PATCH,
            ..Self::post(path, body)
        }
    }

    /// Returns a call for a path outside the API.
    pub(crate) fn outside(path: &str) -> Self {
        Self {
            method: Method::GET,
            path: path.to_owned(),
            body: None,
        }
    }
}

/// A client of one listener.
pub(crate) struct AdminClient {
    pub(super) place: Place,
    /// Marked as a secret, so that it is never shown.
    token: HeaderValue,
}

impl AdminClient {
    /// Finds listener and token. Asks nobody.
    ///
    /// # Errors
    /// If one of them cannot be found.
    pub(crate) fn find(reach: &ReachArgs, context: &Context) -> Result<Self, CliError> {
        let place = reach.place(context)?;
        let shown = format!("Bearer {}", reach.token(context)?);
        let mut token = HeaderValue::from_str(&shown).map_err(|_| {
            let file = reach.token_file(context);
            CliError::usage(format!("{} holds no token", file.display()))
        })?;
        token.set_sensitive(true);
        Ok(Self { place, token })
    }

    /// Makes a call, and returns its JSON.
    ///
    /// # Errors
    /// If nobody answers, or if the gateway refuses.
    pub(crate) async fn json(&self, call: &AdminCall) -> Result<Value, CliError> {
        let body = self.call(call).await?;
        serde_json::from_slice(&body).map_err(|_| refusal::stranger(&self.place, StatusCode::OK))
    }

    /// Makes a call, and returns its body.
    ///
    /// # Errors
    /// As [`AdminClient::json`].
    pub(crate) async fn call(&self, call: &AdminCall) -> Result<Bytes, CliError> {
        let answered = timeout(PATIENCE, self.send(call)).await;
        let answered = answered.map_err(|_| refusal::silent(&self.place, &"no answer within 60 s"));
        let (status, body) = answered??;
        if status.is_success() {
            return Ok(body);
        }
        Err(refusal::of(&self.place, status, &body))
    }

    async fn send(&self, call: &AdminCall) -> Result<(StatusCode, Bytes), CliError> {
        let request = self.request(call)?;
        match &self.place {
            Place::Tcp(address) => {
                let stream = tokio::net::TcpStream::connect(address).await;
                let stream = stream.map_err(|error| refusal::silent(&self.place, &error))?;
                self.exchange(stream, request).await
            }
            #[cfg(unix)]
            Place::Unix(path) => {
                let stream = tokio::net::UnixStream::connect(path).await;
                let stream = stream.map_err(|error| refusal::silent(&self.place, &error))?;
                self.exchange(stream, request).await
            }
            #[cfg(not(unix))]
            Place::Unix(_) => Err(refusal::silent(&self.place, &"no sockets of Unix here")),
        }
    }

    fn request(&self, call: &AdminCall) -> Result<Request<Full<Bytes>>, CliError> {
        let host = match &self.place {
            Place::Tcp(address) => address.to_string(),
            Place::Unix(_) => "localhost".to_owned(),
        };
        let body = call.body.as_ref().map(|body| Bytes::from(body.to_string()));
        let request = Request::builder()
            .method(call.method.clone())
            .uri(call.path.as_str())
            .header(HOST, host)
            .header(AUTHORIZATION, self.token.clone())
            .header(CONTENT_TYPE, "application/json");
        let request = request.body(Full::new(body.unwrap_or_default()));
        request.map_err(CliError::internal)
    }

    async fn exchange<S>(
        &self,
        stream: S,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), CliError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let broken = |error: &dyn core::fmt::Display| refusal::silent(&self.place, error);
        let connected = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = connected.map_err(|error| broken(&error))?;
        let driven = tokio::spawn(async move {
            // Its fault is that of the request, which tells it.
            let _ = connection.await;
        });
        let response = sender.send_request(request).await;
        let (head, body) = response.map_err(|error| broken(&error))?.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await;
        driven.abort();
        Ok((
            head.status,
            body.map_err(|error| broken(&error))?.to_bytes(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_escaped_and_left_out_without_a_value() {
        let call = AdminCall::get(
            "payments",
            &[("service", Some("a&b c".to_owned())), ("after", None)],
        );
        assert_eq!(call.path, "/api/v1/payments?service=a%26b+c");
        assert_eq!(AdminCall::get("keys", &[]).path, "/api/v1/keys");
    }
}

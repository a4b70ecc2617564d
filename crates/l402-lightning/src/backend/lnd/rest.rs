//! One lnd over HTTPS: requests, refusals, streams. No answer is read without a bound.

use core::fmt;
use core::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use rustls::ClientConfig;
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

use super::wire::{Item, Status, garbled};
use crate::{Error, ErrorKind};

/// Where lnd wants its macaroon, in hexadecimal.
const MACAROON: HeaderName = HeaderName::from_static("grpc-metadata-macaroon");

/// How long a call may take that a buyer or a seller waits for.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a connection may take: a payment and a stream have no other limit of their own.
const CONNECT: Duration = Duration::from_secs(2);

/// The longest answer, or line of a streamed one. A page of invoices is the largest.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// Whatever lnd says of an error is cut here.
const MAX_MESSAGE: usize = 200;

/// One lnd. The macaroon is in no `Debug`.
pub(super) struct Rest {
    client: Client,
    address: String,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// A call that gave nothing.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// The status where lnd answered.
    pub(super) status: Option<StatusCode>,
    /// Whether any of the request may have reached lnd.
    #[cfg_attr(
        not(feature = "pay"),
        expect(dead_code, reason = "who receives asks again")
    )]
    pub(super) sent: bool,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl Rest {
    pub(super) fn new(address: &str, tls: ClientConfig, macaroon: &[u8]) -> Result<Self, Error> {
        let local = |text: &str| Error::new(ErrorKind::Local, text);
        let hex = Zeroizing::new(hex::encode(macaroon));
        let mut value = HeaderValue::from_str(&hex).map_err(|_| local("unusable macaroon"))?;
        value.set_sensitive(true);
        let headers = HeaderMap::from_iter([(MACAROON, value)]);
        let client = Client::builder()
            .use_preconfigured_tls(tls)
            .default_headers(headers)
            .https_only(true)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .tcp_keepalive(Duration::from_secs(30))
            .build()
            .map_err(|error| local(&format!("cannot set up HTTPS: {error}")))?;
        Ok(Self {
            client,
            address: address.to_owned(),
        })
    }

    /// `host:port`.
    #[cfg(feature = "pay")]
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.get_within(PATIENCE, path).await
    }

    /// As [`Rest::get`], for what takes lnd longer and nobody waits for.
    pub(super) async fn get_within<T: DeserializeOwned>(
        &self,
        patience: Duration,
        path: &str,
    ) -> Result<T, Failure> {
        let request = self.request(reqwest::Method::GET, path);
        self.call(patience, request).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, Failure> {
        let request = self.request(reqwest::Method::POST, path).json(body);
        self.call(PATIENCE, request).await
    }

    /// Opens a streamed answer. lnd sends no head before the first line, so this waits for it,
    /// without a limit of its own.
    pub(super) async fn stream(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Lines, Failure> {
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = self.send(request).await?;
        Ok(Lines {
            response,
            read: Vec::new(),
            address: self.address.clone(),
        })
    }

    fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("https://{}{path}", self.address))
    }

    async fn call<T: DeserializeOwned>(
        &self,
        patience: Duration,
        request: RequestBuilder,
    ) -> Result<T, Failure> {
        let mut response = self.send(request.timeout(patience)).await?;
        let broken = |error| Failure {
            error,
            status: None,
            sent: true,
        };
        let body = read(&mut response, &self.address).await.map_err(broken)?;
        serde_json::from_slice(&body).map_err(|_| broken(garbled("not the expected JSON")))
    }

    /// Sends, and turns lnd's refusal into a failure.
    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let mut response = request.send().await.map_err(|error| Failure {
            sent: !(error.is_connect() || error.is_builder()),
            error: away(&self.address, &error),
            status: None,
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = read(&mut response, &self.address).await.unwrap_or_default();
        Err(Failure {
            error: refusal(status, &body),
            status: Some(status),
            sent: true,
        })
    }
}

/// A streamed answer, line by line.
pub(super) struct Lines {
    response: Response,
    read: Vec<u8>,
    address: String,
}

impl Lines {
    /// The next item; `None` at the end of the stream.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<Item<T>>, Error> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return item(&line).map(Some);
            }
            let chunk = self.response.chunk().await;
            match chunk.map_err(|error| away(&self.address, &error))? {
                Some(chunk) => extend(&mut self.read, &chunk)?,
                None if self.read.trim_ascii().is_empty() => return Ok(None),
                None => return item(&core::mem::take(&mut self.read)).map(Some),
            }
        }
    }
}

fn item<T: DeserializeOwned>(line: &[u8]) -> Result<Item<T>, Error> {
    serde_json::from_slice(line).map_err(|_| garbled("not the expected JSON in a stream"))
}

async fn read(response: &mut Response, address: &str) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| away(address, &error))?
    {
        extend(&mut body, &chunk)?;
    }
    Ok(body)
}

fn extend(body: &mut Vec<u8>, chunk: &[u8]) -> Result<(), Error> {
    if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
        return Err(garbled("over 8 MiB"));
    }
    body.extend_from_slice(chunk);
    Ok(())
}

/// No answer, or none to its end.
fn away(address: &str, error: &reqwest::Error) -> Error {
    if error.is_timeout() {
        return Error::new(
            ErrorKind::Timeout,
            format!("lnd at {address} did not answer in time"),
        );
    }
    let cause = root_cause(error);
    let what = if error.is_connect() {
        "no connection to"
    } else {
        "the connection ended with"
    };
    Error::new(
        ErrorKind::Unavailable,
        format!("{what} lnd at {address}: {cause}"),
    )
}

/// The innermost cause: the outer ones say only "error sending request".
fn root_cause(error: &dyn core::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// What lnd means by an answer that is no success.
///
/// Errors that lnd gives no code, among them a refused macaroon, arrive with status 500, so the
/// words decide.
fn refusal(status: StatusCode, body: &[u8]) -> Error {
    let message = message(body);
    let says = |words: &[&str]| {
        let message = message.as_deref().unwrap_or_default();
        words.iter().any(|word| message.contains(word))
    };
    let kind = if matches!(status.as_u16(), 401 | 403)
        || says(&["permission denied", "verification failed", "macaroon"])
    {
        ErrorKind::Unauthorized
    } else if matches!(status.as_u16(), 502..=504)
        || message.is_none() && status.is_server_error()
        || says(&[
            "wallet locked",
            "in the process of starting",
            "waiting to start",
        ])
    {
        ErrorKind::Unavailable
    } else {
        ErrorKind::Rejected
    };
    Error::new(
        kind,
        format!(
            "lnd said {}: {}",
            status.as_u16(),
            message.unwrap_or_default()
        ),
    )
}

/// The message of a refusal, shortened and without control characters.
fn message(body: &[u8]) -> Option<String> {
    let status = serde_json::from_slice::<Item<Value>>(body)
        .ok()
        .and_then(|item| item.error);
    let status = status.or_else(|| serde_json::from_slice::<Status>(body).ok())?;
    Some(tidy(&status.message))
}

/// Words of lnd that can be shown: shortened and without control characters.
pub(super) fn tidy(message: &str) -> String {
    message
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_MESSAGE)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_sorted_by_whose_fault_they_are() {
        let kind = |status: u16, body: &str| {
            refusal(StatusCode::from_u16(status).unwrap(), body.as_bytes()).kind()
        };
        let denied = r#"{"code":2,"message":"permission denied","details":[]}"#;
        assert_eq!(kind(500, denied), ErrorKind::Unauthorized);
        assert_eq!(kind(401, "{}"), ErrorKind::Unauthorized);
        let locked = r#"{"code":2,"message":"wallet locked, unlock it to enable full RPC access"}"#;
        assert_eq!(kind(500, locked), ErrorKind::Unavailable);
        assert_eq!(kind(502, "<html>"), ErrorKind::Unavailable);
        assert_eq!(kind(500, "<html>"), ErrorKind::Unavailable);
        let paid = r#"{"error":{"code":6,"message":"invoice is already paid","details":[]}}"#;
        assert_eq!(kind(409, paid), ErrorKind::Rejected);
    }

    #[test]
    fn words_of_the_node_are_bounded_and_plain() {
        let long = format!(r#"{{"message":"a\u001b[31m{}"}}"#, "b".repeat(1000));
        let text = refusal(StatusCode::BAD_REQUEST, long.as_bytes()).to_string();
        assert!(text.len() < 250 && !text.contains('\u{1b}'), "{text}");
    }
}

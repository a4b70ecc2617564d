//! The HTTP that goes to the authority.

use core::pin::Pin;
use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use crate::certificate::{certificates, unusable};
use crate::{GatewayError, GatewayErrorKind};

/// The longest time from a request to the end of its answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest answer, in bytes: a chain of certificates has a few thousand.
const ANSWER_MAX: usize = 1 << 20;

/// A client of the authority's.
#[derive(Clone, Debug)]
pub(super) struct Http(reqwest::Client);

impl Http {
    /// Makes a client that trusts the public authorities, or those of a file (PEM) alone.
    pub(super) fn new(ca: Option<&Path>) -> Result<Self, GatewayError> {
        let mut builder = reqwest::Client::builder()
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            // No library reads the environment.
            .no_proxy();
        if let Some(path) = ca {
            builder = builder.tls_built_in_root_certs(false);
            for certificate in certificates(path)? {
                let root = reqwest::Certificate::from_der(&certificate);
                let root = root.map_err(|error| unusable("tls.acme.ca", path, error))?;
                builder = builder.add_root_certificate(root);
            }
        }
        builder.build().map(Self).map_err(|error| {
            let text = format!("tls.acme: no client can be made: {error}");
            GatewayError::new(GatewayErrorKind::Certificate, text).with_source(error)
        })
    }
}

type Answered = Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>>;

impl HttpClient for Http {
    fn request(&self, request: Request<BodyWrapper<Bytes>>) -> Answered {
        let client = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = match body.collect().await {
                Ok(body) => body.to_bytes(),
                Err(never) => match never {},
            };
            let request = reqwest::Request::try_from(Request::from_parts(parts, body));
            let answer = client.execute(request.map_err(other)?).await;
            read(answer.map_err(other)?).await
        })
    }
}

/// Reads an answer to its end.
async fn read(mut answer: reqwest::Response) -> Result<BytesResponse, Error> {
    let mut head = Response::new(());
    *head.status_mut() = answer.status();
    *head.headers_mut() = core::mem::take(answer.headers_mut());
    let mut body = BytesMut::new();
    while let Some(piece) = answer.chunk().await.map_err(other)? {
        if body.len() + piece.len() > ANSWER_MAX {
            return Err(Error::Str("an answer of less than 1 MiB"));
        }
        body.extend_from_slice(&piece);
    }
    Ok(head.map(|()| Full::new(body.freeze())).into())
}

/// Wraps an error with its causes: on its own, one of reqwest says little.
fn other(error: reqwest::Error) -> Error {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    Error::Other(text.into())
}

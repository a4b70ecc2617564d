//! A layer for HTTP clients that are a `tower::Service`.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use l402_host::BoxFuture;
use tower_layer::Layer;
use tower_service::Service;
use url::Url;

use super::body::{PaidBody, grpc_failure, into_http, of_http};
use crate::http::{NoResponse, Transport, error_chain, response};
use crate::{Client, Request};

type BoxError = Box<dyn StdError + Send + Sync>;

/// A layer that pays. The service behind it sends what the layer decides to send: a request without a
/// credential, and the same with one.
///
/// It fits every service that takes `http::Request<reqwest::Body>` and is cheap to clone, such as
/// hyper-util's client. An answer that was paid for has a [`Receipt`](crate::Receipt) in its
/// extensions. A request that is not paid ends in an [`Error`](crate::Error).
///
/// The service must follow no redirect. The body of a request is read to its end before it is sent, since
/// it may be sent twice: calls of gRPC may stream their answers, but not their requests.
///
/// **Private addresses.** The host of each request is resolved and checked before the service is asked:
/// see [`ClientBuilder::allow_addresses`](crate::ClientBuilder::allow_addresses). The service resolves it
/// once more for its connection, and between the two the name may change. Let the service itself refuse
/// private addresses where that matters. A `.onion` host must be allowed by name, and a service that does
/// not go through Tor must not be given one.
///
/// **gRPC.** A refusal in gRPC is a 200 with `grpc-status` in its head. One with a challenge is paid. An
/// answer to the request, such as NOT_FOUND, reaches the caller as it came, and leaves the purchase unused;
/// a failure of the server, such as UNAVAILABLE, is an error if the call was paid for. Trailers pass, and
/// one that says such a failure leaves the purchase unused as well. tonic's requests have no host: give
/// the layer that of the channel with [`PayingLayer::with_origin`], and turn the body into tonic's with
/// `map_request`. `examples/rust` has a whole program.
///
/// ```no_run
/// use l402_client::{Client, PayingLayer};
/// use tower_layer::Layer;
/// use tower_service::Service;
///
/// # fn of<S>(client: Client, service: S) where
/// #     S: Service<http::Request<reqwest::Body>, Response = http::Response<reqwest::Body>> + Clone + Send + 'static,
/// #     S::Error: Into<Box<dyn std::error::Error + Send + Sync>>, S::Future: Send {
/// let paying = PayingLayer::new(client).layer(service);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PayingLayer {
    client: Client,
    origin: Option<Uri>,
}

impl PayingLayer {
    /// Makes a layer that pays as this client does.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self {
            client,
            origin: None,
        }
    }

    /// Sets scheme and host of requests that name none.
    #[must_use]
    pub fn with_origin(mut self, origin: Uri) -> Self {
        self.origin = Some(origin);
        self
    }
}

impl<S> Layer<S> for PayingLayer {
    type Service = Paying<S>;

    fn layer(&self, inner: S) -> Paying<S> {
        Paying {
            layer: self.clone(),
            inner,
        }
    }
}

/// The service that a [`PayingLayer`] makes.
#[derive(Clone, Debug)]
pub struct Paying<S> {
    layer: PayingLayer,
    inner: S,
}

impl<S, B, R> Service<http::Request<B>> for Paying<S>
where
    S: Service<http::Request<reqwest::Body>, Response = http::Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = http::Response<PaidBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    /// Always ready: a call waits until the service behind it is.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let behind = Behind(Mutex::new(self.inner.clone()));
        let client = self.layer.client.over(Arc::new(behind));
        let asked = of_http_request(request, self.layer.origin.as_ref());
        Box::pin(async move {
            let mut answer = into_http(client.send(asked?).await?);
            // As it came: for the purchase it had the status that it means.
            if grpc_status(answer.headers()).is_some() {
                *answer.status_mut() = StatusCode::OK;
            }
            Ok(answer)
        })
    }
}

fn of_http_request<B>(request: http::Request<B>, origin: Option<&Uri>) -> Result<Request, BoxError>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (head, body) = request.into_parts();
    let url = match (head.uri.authority(), origin) {
        (None, Some(origin)) => {
            let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
            let origin = origin.to_string();
            Url::parse(&format!("{}{path}", origin.trim_end_matches('/')))?
        }
        _ => Url::parse(&head.uri.to_string())?,
    };
    let mut ours = Request::new(head.method, url);
    ours.headers = head.headers;
    Ok(if body.is_end_stream() {
        ours
    } else {
        ours.with_body(of_http(body))
    })
}

/// The service behind the layer. A mutex, since a service need not be `Sync`.
struct Behind<S>(Mutex<S>);

impl<S, R> Transport for Behind<S>
where
    S: Service<http::Request<reqwest::Body>, Response = http::Response<R>> + Clone + Send,
    S::Error: Into<BoxError>,
    S::Future: Send,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    fn execute(
        &self,
        request: reqwest::Request,
    ) -> BoxFuture<'_, Result<reqwest::Response, NoResponse>> {
        let mut service = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Box::pin(async move {
            let failed = |error: S::Error| {
                let error: BoxError = error.into();
                NoResponse::Other(error_chain(error.as_ref()))
            };
            let url = request.url().clone();
            let request = http::Request::try_from(request)
                .map_err(|error| NoResponse::Other(error_chain(&error.without_url())))?;
            std::future::poll_fn(|cx| service.poll_ready(cx))
                .await
                .map_err(failed)?;
            let answer = service.call(request).await.map_err(failed)?;
            let (mut parts, body) = answer.into_parts();
            parts.status = meant(parts.status, &parts.headers);
            let body = reqwest::Body::wrap(Shared(Mutex::new(Box::pin(body))));
            Ok(response(parts, body, url))
        })
    }
}

/// Returns the status that an answer means, if it is a refusal in gRPC.
fn meant(status: StatusCode, headers: &HeaderMap) -> StatusCode {
    let Some(grpc) = grpc_status(headers).filter(|_| status == StatusCode::OK) else {
        return status;
    };
    match grpc {
        0 => status,
        // Beside a refusal of the credential there may be a challenge without an invoice.
        16 => StatusCode::UNAUTHORIZED,
        _ if headers.contains_key(WWW_AUTHENTICATE) => StatusCode::PAYMENT_REQUIRED,
        _ if grpc_failure(headers).is_some() => StatusCode::SERVICE_UNAVAILABLE,
        8 => StatusCode::TOO_MANY_REQUESTS,
        // An answer to the request, and no delivery.
        _ => StatusCode::BAD_REQUEST,
    }
}

/// Returns the `grpc-status` in the head of an answer: then it has neither messages nor trailers.
fn grpc_status(headers: &HeaderMap) -> Option<u16> {
    let kind = headers.get(CONTENT_TYPE)?.as_bytes();
    let status = kind
        .starts_with(b"application/grpc")
        .then(|| headers.get("grpc-status"));
    status.flatten()?.to_str().ok()?.parse().ok()
}

/// A body that several threads may hold, as reqwest wants it. Nobody waits for the mutex: there is one
/// reader.
struct Shared<R>(Mutex<Pin<Box<R>>>);

impl<R: Body> Shared<R> {
    fn body(&mut self) -> Pin<&mut R> {
        self.0
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
    }
}

impl<R: Body<Data = Bytes>> Body for Shared<R> {
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        self.body().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        body.size_hint()
    }
}

//! A middleware for the crate `reqwest-middleware`.

use std::sync::Arc;

use http::Extensions;
use http_body_util::BodyDataStream;
use l402_host::BoxFuture;
use reqwest_middleware::{Middleware, Next};
use tokio::sync::{mpsc, oneshot};

use super::body::into_http;
use crate::http::{NoResponse, Transport, error_chain, response};
use crate::{Client, Error, Request};

/// A middleware that pays. Those behind it, and the `reqwest::Client`, send what it decides to send: a
/// request without a credential, and the same with one.
///
/// An answer that was paid for has a [`Receipt`](crate::Receipt) in its extensions. A request that is not
/// paid ends in an error that holds an [`Error`].
///
/// The `reqwest::Client` must follow no redirect, or it would carry credentials along; an answer from
/// another URL than was asked for is an error. The limits on certificates and proxies are its own.
/// The body of a request is read to its end before it is sent, since it may be sent twice.
///
/// The host of each request is resolved and checked before it is sent: see
/// [`ClientBuilder::allow_addresses`](crate::ClientBuilder::allow_addresses). The `reqwest::Client`
/// resolves it once more for its connection, and between the two the name may change. Give it a resolver
/// that refuses private addresses where that matters. A `.onion` host must be allowed by name, and a
/// client that does not go through Tor must not be given one.
///
/// ```no_run
/// use l402_client::{Client, Error, PayingMiddleware, Receipt};
///
/// async fn buy(client: Client) -> Result<String, Box<dyn std::error::Error>> {
///     let http = reqwest::Client::builder()
///         .redirect(reqwest::redirect::Policy::none())
///         .build()?;
///     let http = reqwest_middleware::ClientBuilder::new(http)
///         .with(PayingMiddleware::new(client))
///         .build();
///     let answer = http.get("https://api.example.com/joke").send().await?;
///     if let Some(receipt) = answer.extensions().get::<Receipt>() {
///         eprintln!("paid {}", receipt.paid);
///     }
///     Ok(answer.text().await?)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct PayingMiddleware(Client);

impl PayingMiddleware {
    /// Makes a middleware that pays as this client does.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self(client)
    }
}

/// A request for the middlewares behind, and the place for its answer.
type Sent = (
    reqwest::Request,
    oneshot::Sender<Result<reqwest::Response, NoResponse>>,
);

/// The way to the middlewares behind. They are borrowed for the time of one call, and a purchase is not.
struct Behind(mpsc::Sender<Sent>);

impl Transport for Behind {
    fn execute(
        &self,
        request: reqwest::Request,
    ) -> BoxFuture<'_, Result<reqwest::Response, NoResponse>> {
        Box::pin(async move {
            let gone = || NoResponse::Other("the call has ended".into());
            let (reply, answer) = oneshot::channel();
            self.0.send((request, reply)).await.map_err(|_| gone())?;
            answer.await.unwrap_or_else(|_| Err(gone()))
        })
    }
}

#[async_trait::async_trait]
impl Middleware for PayingMiddleware {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let (to_send, mut sent) = mpsc::channel::<Sent>(1);
        let client = self.0.over(Arc::new(Behind(to_send)));
        let mut call = std::pin::pin!(client.send(of_reqwest(request)));
        loop {
            tokio::select! {
                answered = &mut call => {
                    let answered = answered.map_err(reqwest_middleware::Error::middleware)?;
                    return Ok(to_reqwest(answered));
                }
                Some((request, reply)) = sent.recv() => {
                    let answer = run(request, extensions, next.clone()).await;
                    // Without a receiver, the call has ended by its time-out.
                    let _ = reply.send(answer);
                }
            }
        }
    }
}

async fn run(
    request: reqwest::Request,
    extensions: &mut Extensions,
    next: Next<'_>,
) -> Result<reqwest::Response, NoResponse> {
    let url = request.url().clone();
    let answer = next.run(request, extensions).await.map_err(|error| {
        let error = error.without_url();
        NoResponse::Other(error_chain(&error))
    })?;
    if answer.url()[..url::Position::AfterQuery] != url[..url::Position::AfterQuery] {
        let text = "the reqwest client followed a redirect; build it with Policy::none()";
        return Err(NoResponse::Other(text.into()));
    }
    Ok(answer)
}

/// Takes over a request. Its time-out and version are not kept.
fn of_reqwest(mut request: reqwest::Request) -> Request {
    let mut ours = Request::new(request.method().clone(), request.url().clone());
    ours.headers = std::mem::take(request.headers_mut());
    match request.body_mut().take() {
        None => ours,
        Some(body) => match body.as_bytes() {
            Some(bytes) => {
                let bytes = bytes::Bytes::copy_from_slice(bytes);
                ours.with_body(bytes)
            }
            None => ours.with_body(super::body::of_http(body)),
        },
    }
}

fn to_reqwest(answer: crate::Response) -> reqwest::Response {
    let url = answer.url().clone();
    let (mut parts, body) = into_http(answer).into_parts();
    let kept = std::mem::take(&mut parts.extensions);
    let body = reqwest::Body::wrap_stream(BodyDataStream::new(body));
    let mut answer = response(parts, body, url);
    answer.extensions_mut().extend(kept);
    answer
}

const _: fn() = || {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<PayingMiddleware>();
    is_send_and_sync::<Error>();
};

//! The tower layer: a thin host of [`decide`](crate::decide()) and [`Paywall::admit`].

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, Uri, Version, request};
use http_body::Body;
use http_body_util::Full;
use l402::Problem;
use tower_layer::Layer;
use tower_service::Service;

use super::served::Served;
use super::{Paid, PaywallBody};
use crate::admit::Paywall;
#[cfg(doc)]
use crate::answer::Blame;
use crate::answer::{Refusal, take_body};
use crate::granted::Granted;
#[cfg(doc)]
use crate::request::Withheld;
use crate::request::{CanonicalRequest, Presented};
use crate::table::Snapshot;

/// The time after which an answer is given up whose buyer takes nothing of it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Writes refusals in the style of the application.
type RefusalResponse = dyn Fn(Refusal) -> Response<Bytes> + Send + Sync;

/// A request with passes, which a redirect may move.
type PaidByPass = Option<Box<CanonicalRequest>>;

/// Puts a [`Paywall`] before a service, with the routes of one [`Snapshot`].
///
/// A request that passes has its path in canonical form and no [`Withheld`] header, except those of
/// a proxy before the program. A paid request has [`Paid`] in its extensions. All other requests
/// are answered by the layer: a path that no route of the snapshot names is refused. The service's
/// error type stays as it is.
///
/// Wrap the whole router, so that it routes on the path that was priced.
///
/// ```
/// use std::sync::Arc;
/// use axum::{Router, body::Body, routing::get};
/// use http::Request;
/// use l402::{KeyNumber, KeyRing, MasterKey, Network};
/// use l402_host::SystemClock;
/// use l402_lightning::sandbox::Sandbox;
/// use l402_server::{Paywall, PaywallLayer, Route, Snapshot};
/// use tower_service::Service;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let key = "5b1fd1bf0c29f3fa9a5fcd9bfc0cf0d4ae0b2c1cd2f7e3ac0c6e1a2f9b3c7d58";
/// # let keys = KeyRing::new("docs", KeyNumber(1), MasterKey::from_hex(key)?);
/// # let home = tempfile::tempdir()?;
/// let node = Sandbox::open(home.path(), Arc::new(SystemClock::default()))?;
/// let routes = vec![
///     Route::free("/"),
///     Route::priced("/joke", "joke".parse()?, "50 sat".parse()?),
/// ];
/// let snapshot = Snapshot::new(routes, vec![], keys, Network::Regtest)?;
/// let paywall = Paywall::builder(Arc::new(node)).build();
/// let mut app: Router = Router::new()
///     .route("/", get(|| async { "welcome" }))
///     .route("/joke", get(|| async { "a joke" }))
///     .layer(PaywallLayer::new(paywall, Arc::new(snapshot)));
///
/// let request = |path: &str| Request::get(path).body(Body::empty());
/// assert_eq!(app.call(request("/")?).await?.status(), 200);
/// assert_eq!(app.call(request("/joke")?).await?.status(), 402);
/// assert_eq!(app.call(request("/other")?).await?.status(), 404);
/// # Ok(())
/// # }
/// ```
///
/// # Failures that the buyer causes
///
/// The layer sees answers, not the bodies of requests. Some services go on reading the body of a
/// request while they answer, as a proxy does. Such a service takes [`Blame`] out of the extensions
/// of a paid request, and calls [`Blame::buyer`] when that body fails. Otherwise an answer that
/// breaks off with it counts as a failure of the service, and is free as often as it happens. A
/// service that reads the body first only has to answer 4xx if the body is at fault.
#[derive(Clone)]
pub struct PaywallLayer {
    paywall: Paywall,
    snapshot: Arc<Snapshot>,
    refusal_response: Option<Arc<RefusalResponse>>,
    idle_timeout: Duration,
}

/// A service behind a paywall: see [`PaywallLayer`].
#[derive(Clone, Debug)]
pub struct PaywallService<S> {
    inner: S,
    layer: PaywallLayer,
}

impl PaywallLayer {
    /// Makes a layer for the routes of a snapshot.
    #[must_use]
    pub fn new(paywall: Paywall, snapshot: Arc<Snapshot>) -> Self {
        Self {
            paywall,
            snapshot,
            refusal_response: None,
            idle_timeout: IDLE_TIMEOUT,
        }
    }

    /// Sets the time after which an answer is given up whose buyer takes nothing of it, 30 s by
    /// default. The body of the service is then dropped, and the use settled as if the buyer had
    /// left. The server that sends the answer does not notice before it polls the body again.
    #[must_use]
    pub fn with_idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = limit;
        self
    }

    /// Replaces [`Refusal::into_response`] by a function of the application. The [`Problem`] is
    /// put into the extensions of the response that it returns. Answers to CORS preflights are not
    /// replaced.
    #[must_use]
    pub fn with_refusal_response(
        mut self,
        response: impl Fn(Refusal) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.refusal_response = Some(Arc::new(response));
        self
    }

    /// Reads the request, asks the paywall, and rewrites a request that may pass.
    async fn admit(
        &self,
        request: &mut request::Parts,
    ) -> Result<(Granted, PaidByPass), Response<Full<Bytes>>> {
        let read = CanonicalRequest::from_parts(request, peer(request))
            .and_then(|canonical| Ok((target(&request.uri, &canonical)?, canonical)));
        let admitted = match read {
            Ok((target, canonical)) => {
                let granted = self.paywall.admit(&self.snapshot, &canonical).await;
                granted.map(|granted| {
                    rewrite(request, target, &granted);
                    let granted = granted.asked_at(&canonical, &self.snapshot);
                    let by_pass = matches!(canonical.presented, Presented::Passes(_));
                    (granted, by_pass.then(|| Box::new(canonical)))
                })
            }
            Err(problem) => {
                // The paywall is not asked about this request, so the observers are told of it here.
                let refusal = Refusal::unread(problem, &request.uri);
                self.paywall.observe_refusal(&request.method, &refusal);
                Err(refusal)
            }
        };
        admitted.map_err(|refusal| self.respond(refusal, request))
    }

    /// Makes the answer to a request whose use was lost while the service worked.
    fn lapsed(&self, granted: Granted, method: Method, version: Version) -> Response<Full<Bytes>> {
        let problem = Problem::StoreUnavailable;
        let report = granted.with_problem(problem).not_forwarded();
        let (mut request, ()) = Request::new(()).into_parts();
        (request.method, request.version) = (method, version);
        self.respond(Refusal::new(problem).with_use(report), &request)
    }

    /// Makes the answer to a request that does not pass.
    fn respond(&self, refusal: Refusal, request: &request::Parts) -> Response<Full<Bytes>> {
        let (problem, refused) = (refusal.problem(), !refusal.is_preflight());
        let report = refusal.used();
        let mut response = match &self.refusal_response {
            Some(respond) if refused => respond(refusal),
            _ => refusal.into_response(),
        };
        if refused {
            response.extensions_mut().insert(problem);
            // An application that writes its own refusals need not know these headers.
            report.write(response.headers_mut());
        }
        // The next bytes on the connection may belong to the ambiguous request, not to a new one.
        if problem == Problem::BadRequest && request.version <= Version::HTTP_11 {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let (mut head, body) = response.into_parts();
        let mut body = Full::new(body);
        if request.method == Method::HEAD {
            take_body(&mut head.headers, &mut body);
        }
        Response::from_parts(head, body)
    }
}

impl fmt::Debug for PaywallLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaywallLayer")
            .field("snapshot", &self.snapshot)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for PaywallLayer {
    type Service = PaywallService<S>;

    fn layer(&self, inner: S) -> PaywallService<S> {
        PaywallService {
            inner,
            layer: self.clone(),
        }
    }
}

/// Returns the address of the peer: a plain [`SocketAddr`] that the server put into the extensions,
/// or axum's `ConnectInfo`. Without either, all callers share one budget. No header is read: a
/// caller could write any address there (ATTACKS D-02).
fn peer(request: &request::Parts) -> IpAddr {
    let plain = request.extensions.get::<SocketAddr>().copied();
    #[cfg(feature = "axum")]
    let plain = plain.or_else(|| {
        request
            .extensions
            .get::<axum::extract::ConnectInfo<SocketAddr>>()
            .map(|info| info.0)
    });
    plain.map_or(Ipv4Addr::UNSPECIFIED.into(), |address| address.ip())
}

/// Returns the target that is passed on, with its path in canonical form if it has one.
///
/// # Errors
/// [`Problem::UriTooLong`] if it has become too long by its escapes. Hence it is made before
/// anything is reserved.
fn target(uri: &Uri, canonical: &CanonicalRequest) -> Result<Uri, Problem> {
    if canonical.keeps_bytes() {
        return Ok(uri.clone());
    }
    let path = PathAndQuery::try_from(canonical.path_and_query());
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path.map_err(|_| Problem::UriTooLong)?);
    parts.try_into().map_err(|_| Problem::BadRequest)
}

/// Turns the request into the one that the service may see.
fn rewrite(request: &mut request::Parts, target: Uri, granted: &Granted) {
    request.uri = target;
    CanonicalRequest::strip(&mut request.headers);
    // An outer layer may have put one there. Only the proof of this request counts.
    request.extensions.remove::<Paid>();
    if let Some(proof) = granted.proof() {
        request.extensions.insert(Paid::new(proof.clone()));
        request.extensions.insert(granted.blame());
    }
}

impl<S, B, R> Service<Request<B>> for PaywallService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: Body<Data = Bytes> + Send + Unpin + 'static,
    R::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<PaywallBody<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was polled ready must be the one that is called; its clone stays behind.
        let mut inner = self.inner.clone();
        std::mem::swap(&mut inner, &mut self.inner);
        let layer = self.layer.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let (granted, by_pass) = match layer.admit(&mut parts).await {
                Ok(granted) => granted,
                Err(response) => return Ok(response.map(PaywallBody::refused)),
            };
            let (method, version) = (parts.method.clone(), parts.version);
            match inner.call(Request::from_parts(parts, body)).await {
                // The use may be in other hands, so the answer must not go out.
                Ok(_) if granted.has_lapsed() => Ok(layer
                    .lapsed(granted, method, version)
                    .map(PaywallBody::refused)),
                Ok(response) => {
                    let granted = match by_pass {
                        Some(request) if response.status().is_redirection() => {
                            let (paywall, snapshot) = (&layer.paywall, &layer.snapshot);
                            paywall.lead_on(granted, &response, &request, snapshot)
                        }
                        _ => granted,
                    };
                    let settled = granted.settle(response);
                    let served = settled.map(|body| Served::new(body, layer.idle_timeout));
                    Ok(served.map(PaywallBody::served))
                }
                // No answer at all: the use is given back, also if the request itself is charged.
                Err(error) => {
                    let _report = granted.upstream_failed();
                    Err(error)
                }
            }
        })
    }
}

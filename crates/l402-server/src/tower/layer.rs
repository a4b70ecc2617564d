//! The tower layer: a thin host of [`decide`](crate::decide()) and [`Paywall::admit`].

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONNECTION;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri, Version, request};
use http_body::Body;
use l402::Problem;
use tower_layer::Layer;
use tower_service::Service;

use super::{Paid, PaywallBody};
use crate::admit::Paywall;
#[cfg(doc)]
use crate::answer::Blame;
use crate::answer::Refusal;
use crate::granted::Granted;
use crate::request::CanonicalRequest;
#[cfg(doc)]
use crate::request::Withheld;
use crate::table::Snapshot;

/// Writes refusals in the look of the application.
type Look = dyn Fn(Refusal) -> Response<Bytes> + Send + Sync;

/// Puts a [`Paywall`] before a service, with the routes of one [`Snapshot`].
///
/// A request that passes has its path in canonical form, and no header that is [`Withheld`] but
/// those of a proxy before the program; a paid request has [`Paid`] in its extensions. Everything
/// else is answered here: what no route of the snapshot names is refused. The service's error type
/// stays as it is.
///
/// Wrap the whole router, so that it routes on the path that was priced.
///
/// # Whose fault a failure is
///
/// The layer sees answers, not the bodies of requests. A service that goes on reading the body
/// of a request while it answers, as a proxy does, takes [`Blame`] out of the extensions of a
/// paid request and says [`Blame::buyer`] when that body fails; otherwise an answer that breaks
/// off with it counts as a failure of the service, and is free as often as it happens. A service
/// that reads the body first has nothing to do but to answer 4xx where the body is at fault.
#[derive(Clone)]
pub struct PaywallLayer {
    paywall: Paywall,
    snapshot: Arc<Snapshot>,
    look: Option<Arc<Look>>,
}

/// A service behind a paywall: see [`PaywallLayer`].
#[derive(Clone, Debug)]
pub struct PaywallService<S> {
    inner: S,
    layer: PaywallLayer,
}

impl PaywallLayer {
    /// A layer for these routes.
    #[must_use]
    pub fn new(paywall: Paywall, snapshot: Arc<Snapshot>) -> Self {
        Self {
            paywall,
            snapshot,
            look: None,
        }
    }

    /// Writes refusals another way than [`Refusal::into_response`] does. The [`Problem`] is put
    /// into the extensions of whatever this gives.
    #[must_use]
    pub fn with_refusal_response(
        mut self,
        look: impl Fn(Refusal) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.look = Some(Arc::new(look));
        self
    }

    async fn admit<B>(&self, request: &mut request::Parts) -> Result<Granted, Response<B>>
    where
        B: From<Bytes>,
    {
        let version = request.version;
        let read = CanonicalRequest::from_parts(request, peer(request))
            .and_then(|canonical| Ok((target(&request.uri, &canonical)?, canonical)));
        let admitted = match read {
            Ok((target, canonical)) => {
                let granted = self.paywall.admit(&self.snapshot, &canonical).await;
                granted.inspect(|granted| rewrite(request, target, granted))
            }
            Err(problem) => Err(Refusal::new(problem)),
        };
        admitted.map_err(|refusal| self.respond(refusal, version).map(B::from))
    }

    fn respond(&self, refusal: Refusal, version: Version) -> Response<Bytes> {
        let (problem, refused) = (refusal.problem(), !refusal.is_preflight());
        let mut response = match &self.look {
            Some(look) if refused => look(refusal),
            _ => refusal.into_response(),
        };
        if refused {
            response.extensions_mut().insert(problem);
        }
        // What follows on the connection of an ambiguous request may be part of it.
        if problem == Problem::BadRequest && version <= Version::HTTP_11 {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
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

/// The address on the other end: what axum's `ConnectInfo` says, or a plain [`SocketAddr`] that
/// the server put into the extensions. Without either, all callers share one budget.
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

/// The target as it is passed on. Found before anything is reserved, for it can be too long:
/// escapes make a path longer.
fn target(uri: &Uri, canonical: &CanonicalRequest) -> Result<Uri, Problem> {
    let path = PathAndQuery::try_from(canonical.path_and_query());
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path.map_err(|_| Problem::UriTooLong)?);
    parts.try_into().map_err(|_| Problem::BadRequest)
}

/// Makes of the request what the service behind may see.
fn rewrite(request: &mut request::Parts, target: Uri, granted: &Granted) {
    request.uri = target;
    CanonicalRequest::strip(&mut request.headers);
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
    R: Body<Data = Bytes> + Unpin + 'static,
{
    type Response = Response<PaywallBody<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The clone takes the place of the service that was polled ready.
        let mut inner = self.inner.clone();
        std::mem::swap(&mut inner, &mut self.inner);
        let layer = self.layer.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let granted = match layer.admit(&mut parts).await {
                Ok(granted) => granted,
                Err(response) => return Ok(response),
            };
            match inner.call(Request::from_parts(parts, body)).await {
                Ok(response) => Ok(granted.settle(response).map(PaywallBody::served)),
                Err(error) => {
                    granted.upstream_failed();
                    Err(error)
                }
            }
        })
    }
}

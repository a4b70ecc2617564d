//! A service behind the layer, a buyer, a sandbox and a clock in one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::body::Body;
use axum::routing::{any, get};
use axum::{Extension, Router};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use l402::{
    Challenge, Challenges, KeyNumber, KeyRing, MasterKey, Msat, Network, Policy, Preimage, Problem,
};
use l402_host::ManualClock;
use l402_lightning::sandbox::SandboxWallet;
use l402_server::{
    Access, Blame, ChallengeLimits, Paid, Paywall, PaywallBuilder, PaywallLayer, Rate, Route,
    Snapshot,
};
use l402_testkit::TestHome;
use tower_service::Service;

pub(crate) use l402_testkit::START as NOW;

/// An origin that the joke's route lists.
pub(crate) const ORIGIN: &str = "https://page.example";

pub(crate) struct World {
    pub(crate) home: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) paywall: Paywall,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) app: Router,
    /// The status that `/flaky` answers with.
    pub(crate) status: Arc<AtomicU16>,
    wallet: SandboxWallet,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) problem: Option<Problem>,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// Returns status and code of a problem document.
    pub(crate) fn code(&self) -> (u16, String) {
        (
            self.status.as_u16(),
            self.json()["code"].as_str().expect("a code").to_owned(),
        )
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn challenge(&self) -> Challenge {
        let lines = self
            .headers
            .get_all("www-authenticate")
            .iter()
            .map(|line| line.as_bytes());
        Challenges::parse(lines)
            .expect("within limits")
            .payable()
            .expect("payable")
            .remove(0)
    }
}

pub(crate) fn keys() -> KeyRing {
    let key = "8f14e45fceea167a5a36dedd4bea2543c4ca4238a0b923820dcc509a6f75849b";
    KeyRing::new(
        "tests",
        KeyNumber(1),
        MasterKey::from_hex(key).expect("a random key"),
    )
}

pub(crate) fn priced(path: &str, service: &str, sat: u64) -> Route {
    Route::priced(
        path,
        service.parse().expect("a service"),
        Msat::from_sat(sat),
    )
}

fn routes() -> Vec<Route> {
    let policy = |text: &str| text.parse::<Policy>().expect("a policy");
    let mut joke = priced("/joke", "joke", 50);
    joke.cors_origins = vec![ORIGIN.to_owned()];
    let mut grpc = priced("/pkg.Shop/Buy", "grpc", 5);
    grpc.grpc = true;
    let mut request = priced("/request", "request", 5);
    if let Access::Priced(priced) = &mut request.access {
        priced.charge = l402_server::Charge::Request;
    }
    vec![
        Route::free("/"),
        Route::free("/open/{*rest}"),
        joke,
        grpc,
        request,
        priced("/quote", "quote", 10).with_methods(&[http::Method::GET]),
        priced("/flaky", "flaky", 1),
        priced("/broken", "broken", 1),
        priced("/blamed", "blamed", 1),
        priced("/hang", "hang", 1),
        priced("/echo/{*rest}", "echo", 1),
        priced("/events", "events", 1),
        priced("/long", "long", 1),
        priced("/three", "three", 1).with_policy(policy("uses=3")),
        priced("/hour", "hour", 1).with_policy(policy("time=1h")),
        priced("/open/secret", "secret", 7),
    ]
}

pub(crate) fn snapshot() -> Arc<Snapshot> {
    let snapshot = Snapshot::new(routes(), Vec::new(), keys(), Network::Regtest);
    Arc::new(snapshot.expect("routes that compile"))
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|builder, _| builder)
    }

    pub(crate) fn with(
        settings: impl FnOnce(PaywallBuilder, &std::path::Path) -> PaywallBuilder,
    ) -> Self {
        let TestHome {
            home,
            clock,
            sandbox,
            wallet,
        } = TestHome::with_account("buyer");
        let off = ChallengeLimits {
            per_peer: None,
            per_prefix: None,
            total: None,
        };
        let builder = Paywall::builder(Arc::new(sandbox))
            .clock(clock.clone())
            .limits(off);
        let paywall = settings(builder, home.path()).build();
        let status = Arc::new(AtomicU16::new(200));
        let snapshot = snapshot();
        let app = service(&status).layer(PaywallLayer::new(paywall.clone(), Arc::clone(&snapshot)));
        Self {
            home,
            clock,
            paywall,
            snapshot,
            app,
            status,
            wallet,
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        send(&self.app, request).await
    }

    /// Sends a request, and returns the answer with its body still to come.
    pub(crate) async fn begin(&self, request: Request<Body>) -> Response<Body> {
        self.app.clone().call(request).await.expect("never fails")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("a request"))
            .await
    }

    pub(crate) async fn get_with(&self, path: &str, credential: &str) -> Answer {
        self.send(with(path, credential)).await
    }

    pub(crate) async fn pay(&self, challenge: &Challenge) -> Preimage {
        l402_testkit::pay(&self.wallet, challenge.invoice()).await.0
    }

    /// Pays at a path, and returns the value of `authorization`.
    pub(crate) async fn buy(&self, path: &str) -> String {
        let challenge = self.get(path).await.challenge();
        challenge.authorization(&self.pay(&challenge).await)
    }

    pub(crate) fn answer_with(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }
}

/// Sends a request, and reads the answer to its end or to where it breaks off.
pub(crate) async fn send(app: &Router, request: Request<Body>) -> Answer {
    let answer = app.clone().call(request).await.expect("never fails");
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes());
    let problem = parts.extensions.get().copied();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.unwrap_or_default(),
        problem,
    }
}

pub(crate) fn with(path: &str, credential: &str) -> Request<Body> {
    let request = Request::get(path).header("authorization", credential);
    request.body(Body::empty()).expect("a request")
}

pub(crate) fn rate(per_second: u32, burst: u32) -> Option<Rate> {
    let number = |n| std::num::NonZeroU32::new(n).expect("above zero");
    Some(Rate {
        per_second: number(per_second),
        burst: number(burst),
    })
}

/// The service that is sold: an ordinary program that knows nothing of payments except `Paid`.
pub(crate) fn service(status: &Arc<AtomicU16>) -> Router {
    let status = Arc::clone(status);
    let flaky = move || {
        let status = StatusCode::from_u16(status.load(Ordering::SeqCst)).expect("a status");
        async move { (status, "flaky") }
    };
    Router::new()
        .route("/", get(|| async { "welcome" }))
        .route("/open/{*rest}", get(|| async { "open" }))
        .route("/open/secret", get(|| async { "secret" }))
        .route(
            "/joke",
            any(|paid: Paid| async move { format!("joke for {}", paid.service()) }),
        )
        .route("/quote", any(|| async { "quote" }))
        .route("/three", any(|| async { "three" }))
        .route("/hour", any(|| async { "hour" }))
        .route(
            "/request",
            any(|| async { StatusCode::INTERNAL_SERVER_ERROR }),
        )
        .route("/flaky", any(flaky))
        .route("/broken", any(broken))
        .route("/blamed", any(blamed))
        .route("/hang", any(std::future::pending::<StatusCode>))
        .route("/events", any(events))
        .route("/long", any(long))
        .route("/echo/{*rest}", any(echo))
        .route("/unpaid", any(|_: Paid| async { "never" }))
}

/// Breaks off in mid-body.
async fn broken() -> Response<Body> {
    let frames = [Ok(Bytes::from("half")), Err("reset")];
    Response::new(Body::from_stream(futures_util::stream::iter(frames)))
}

/// Has no end.
async fn long() -> Response<Body> {
    let piece = Ok::<_, std::convert::Infallible>("piece");
    Response::new(Body::from_stream(futures_util::stream::repeat(piece)))
}

/// Breaks off in mid-body, because the body of the request did.
async fn blamed(Extension(blame): Extension<Blame>) -> Response<Body> {
    blame.buyer();
    broken().await
}

/// A stream of events that does not end.
async fn events() -> Response<Body> {
    let first = futures_util::stream::iter([Ok::<_, std::convert::Infallible>("data: 1\n\n")]);
    let body = futures_util::StreamExt::chain(first, futures_util::stream::pending());
    let response = Response::builder().header("content-type", "text/event-stream");
    response.body(Body::from_stream(body)).expect("a response")
}

/// Echoes the headers that arrived, and sends headers that the layer must remove.
async fn echo(request: Request<Body>) -> Response<String> {
    let mut names: Vec<_> = request
        .headers()
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    names.sort_unstable();
    let text = format!("{} {}", request.uri(), names.join(","));
    Response::builder()
        .header("www-authenticate", "L402 macaroon=\"m\", invoice=\"lnbc1\"")
        .header("www-authenticate", "Basic realm=\"own\"")
        .header("payment-receipt", "forged")
        .header("x-l402-balance", "9")
        .header("cache-control", "public, max-age=60")
        .header("cdn-cache-control", "max-age=60")
        .header("example-cdn-cache-control", "max-age=60")
        .header("surrogate-control", "max-age=60")
        .header("x-accel-expires", "60")
        .header("vary", "accept")
        .body(text)
        .expect("a response")
}

//! The client inside of HTTP clients that others wrote.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;
use l402::Msat;
use l402_client::{Client, Error, Limits, Paying, PayingLayer, PayingMiddleware, Receipt, State};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use tower_layer::Layer;
use tower_service::Service;

use crate::world::World;

/// Counts what the middlewares behind are given to send.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicU32>);

#[async_trait::async_trait]
impl Middleware for Counted {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut http::Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        self.0.fetch_add(1, Ordering::SeqCst);
        next.run(request, extensions).await
    }
}

fn middleware(client: Client) -> (ClientWithMiddleware, Counted) {
    let counted = Counted::default();
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::limited(3))
        .no_proxy()
        .build()
        .expect("a client");
    let http = ClientBuilder::new(http)
        .with(PayingMiddleware::new(client))
        .with(counted.clone())
        .build();
    (http, counted)
}

#[tokio::test]
async fn a_middleware_pays_and_those_behind_it_send() {
    let world = World::new().await;
    let (http, counted) = middleware(world.client());
    let url = world.server.url("/joke");
    let answer = http.post(url).body("why").send().await.expect("an answer");
    let receipt = answer.extensions().get::<Receipt>().expect("a receipt");
    assert_eq!((receipt.paid, receipt.reused), (Msat::from_sat(50), false));
    assert_eq!(world.states(), [State::Paid]);
    assert_eq!(answer.text().await.expect("a body"), "a joke");
    // Its end was read.
    assert_eq!(world.states(), [State::Served]);
    assert_eq!(counted.0.load(Ordering::SeqCst), 2, "asked, and presented");
    let bodies = world.server.seen().bodies.clone();
    assert!(bodies.iter().all(|(length, _)| *length == 3), "{bodies:?}");
    let free = http.get(world.server.url("/free")).send().await;
    let free = free.expect("an answer");
    assert!(free.extensions().get::<Receipt>().is_none());
    assert_eq!(free.text().await.expect("a body"), "free");
}

#[tokio::test]
async fn what_a_limit_forbids_is_an_error_of_the_middleware() {
    let world = World::new().await;
    let limits = Limits::default().with_per_request(Msat::from_sat(49));
    let client = world.builder().limits(limits).build().expect("a client");
    let (http, _) = middleware(client);
    let error = http.get(world.server.url("/joke")).send().await;
    let Err(reqwest_middleware::Error::Middleware(error)) = error else {
        panic!("{error:?}");
    };
    let error = error.downcast_ref::<Error>();
    assert!(matches!(error, Some(Error::OverBudget { .. })), "{error:?}");
    assert_eq!(world.spent().await, Msat::ZERO);
}

#[tokio::test]
async fn a_redirect_that_reqwest_follows_is_found_before_anything_is_paid() {
    let world = World::new().await;
    let (http, _) = middleware(world.client());
    let url = world.server.url("/to/302?/joke");
    let error = http.get(url).send().await.expect_err("no answer");
    assert!(error.to_string().contains("Policy::none()"), "{error}");
    assert_eq!(world.spent().await, Msat::ZERO);
}

type Hyper = HyperClient<hyper_util::client::legacy::connect::HttpConnector, reqwest::Body>;

fn hyper() -> Hyper {
    HyperClient::builder(TokioExecutor::new()).build_http()
}

fn get(uri: &str) -> http::Request<Full<Bytes>> {
    let request = http::Request::get(uri).body(Full::default());
    request.expect("a request")
}

#[tokio::test]
async fn a_layer_pays_and_the_service_behind_it_sends() {
    let world = World::new().await;
    let mut service = PayingLayer::new(world.client()).layer(hyper());
    let url = world.server.url("/joke");
    let answer = service.call(get(url.as_str())).await.expect("an answer");
    let receipt = answer.extensions().get::<Receipt>().expect("a receipt");
    assert_eq!(receipt.paid, Msat::from_sat(50));
    let body = answer.into_body().collect().await.expect("a body");
    assert_eq!(body.to_bytes(), "a joke");
    assert_eq!(world.states(), [State::Served]);
    let limits = Limits::default().with_per_request(Msat::from_sat(49));
    let client = world.builder().limits(limits).build().expect("a client");
    let mut service = PayingLayer::new(client).layer(hyper());
    let error = service.call(get(url.as_str())).await.expect_err("no money");
    assert!(matches!(
        error.downcast_ref::<Error>(),
        Some(Error::OverBudget { .. })
    ));
}

/// ATTACKS C-14.
#[tokio::test]
async fn answers_that_break_off_behind_a_layer_stop_the_seller() {
    let world = World::new().await;
    world.server.plan().own_services = true;
    world.server.plan().troubles = vec![crate::server::Trouble::Reset; 4];
    let mut service = PayingLayer::new(world.client()).layer(hyper());
    let (http, _) = middleware(world.client());
    for at in 0..3 {
        let url = world.server.url(&format!("/s{at}/x"));
        let broken = if at == 1 {
            let answer = http.get(url).send().await.expect("a head");
            answer.bytes().await.is_err()
        } else {
            let answer = service.call(get(url.as_str())).await.expect("a head");
            answer.into_body().collect().await.is_err()
        };
        assert!(broken, "{at}");
    }
    let url = world.server.url("/s3/x");
    let error = service.call(get(url.as_str())).await.expect_err("a stop");
    let error = error.downcast_ref::<Error>().expect("ours");
    assert_eq!(error.code(), "seller_stopped", "{error}");
    assert_eq!(world.spent().await, Msat::from_sat(150));
}

/// Gives the answers of a server the form that gRPC has.
#[derive(Clone)]
struct GrpcFace(Hyper);

impl Service<http::Request<reqwest::Body>> for GrpcFace {
    type Response = http::Response<http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>>;
    type Error = hyper_util::client::legacy::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<reqwest::Body>) -> Self::Future {
        let answer = self.0.call(request);
        Box::pin(async move {
            let (mut parts, body) = answer.await?.into_parts();
            let body = body.collect().await.expect("a body").to_bytes();
            parts.headers.remove("content-length");
            let kind = HeaderValue::from_static("application/grpc");
            parts.headers.insert("content-type", kind);
            let status = parts.status;
            parts.status = StatusCode::OK;
            let mut frames = Vec::new();
            if status.is_success() {
                let ok = HeaderMap::from_iter([(
                    http::HeaderName::from_static("grpc-status"),
                    HeaderValue::from_static("0"),
                )]);
                frames = vec![Ok(Frame::data(body)), Ok(Frame::trailers(ok))];
            } else {
                let refused = match status.as_u16() {
                    402 => 13,
                    404 => 5,
                    _ => 14,
                };
                parts.headers.insert("grpc-status", refused.into());
            }
            let body = StreamBody::new(futures_util::stream::iter(frames));
            Ok(http::Response::from_parts(parts, body.boxed_unsync()))
        })
    }
}

fn grpc(world: &World) -> Paying<GrpcFace> {
    let origin = world.server.origin.parse().expect("an origin");
    let layer = PayingLayer::new(world.client()).with_origin(origin);
    layer.layer(GrpcFace(hyper()))
}

#[tokio::test]
async fn a_refusal_in_grpc_is_paid_and_trailers_pass() {
    let world = World::new().await;
    let call = || {
        let call = http::Request::post("/joke").header("te", "trailers");
        call.body(Full::from("message")).expect("a request")
    };
    let answer = grpc(&world).call(call()).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let body = answer.into_body().collect().await.expect("a body");
    let trailers = body.trailers().expect("trailers");
    assert_eq!(trailers["grpc-status"], "0");
    assert_eq!(body.to_bytes(), "a joke");
    assert_eq!(world.states(), [State::Served]);
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test]
async fn an_answer_of_grpc_without_a_delivery_reaches_the_caller_as_it_came() {
    let world = World::new().await;
    world.server.plan().troubles = vec![crate::server::Trouble::Status(404)];
    let call = || http::Request::post("/joke").body(Full::from("message"));
    let asked = grpc(&world).call(call().expect("a request")).await;
    let answer = asked.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["grpc-status"], "5");
    answer.into_body().collect().await.expect("a body");
    assert_eq!(world.states(), [State::Paid]);
    // The same call again pays nothing.
    let asked = grpc(&world).call(call().expect("a request")).await;
    let body = asked.expect("an answer").into_body().collect().await;
    assert_eq!(body.expect("a body").to_bytes(), "a joke");
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test]
async fn a_failure_of_the_server_in_grpc_is_no_delivery_and_not_paid_again() {
    let world = World::new().await;
    world.server.plan().troubles = vec![crate::server::Trouble::Status(500)];
    let call = || http::Request::post("/joke").body(Full::from("message"));
    let failed = grpc(&world).call(call().expect("a request")).await;
    let error = failed.expect_err("no answer");
    let error = error.downcast_ref::<Error>();
    assert!(
        matches!(error, Some(Error::PaidButFailed { .. })),
        "{error:?}"
    );
    let asked = grpc(&world).call(call().expect("a request")).await;
    let body = asked.expect("an answer").into_body().collect().await;
    assert_eq!(body.expect("a body").to_bytes(), "a joke");
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

//! The headers that the service behind the layer sees, and those that its answers lose.

use axum::body::Body;
use axum::routing::any;
use bytes::Bytes;
use http::{Request, Response};
use l402::Problem;
use l402_server::{Paid, PaywallLayer};
use tower_service::Service;

use crate::world::{World, snapshot};

/// ATTACKS H-12, H-27, H-29.
#[tokio::test]
async fn credentials_and_spoofed_headers_do_not_reach_the_service() {
    let world = World::new();
    let credential = world.buy("/echo/a").await;
    let request = Request::get("/echo/%61b?q=%2Fx")
        .header("l402-credential", credential.strip_prefix("L402 ").unwrap())
        .header("authorization", "Bearer of-the-upstream")
        .header("x-l402-paid", "1")
        .header("x_l402_paid", "1")
        .header("x-http-method-override", "DELETE")
        .header("accept", "text/plain")
        .body(Body::empty())
        .unwrap();
    let answer = world.send(request).await;
    assert_eq!(answer.text(), "/echo/ab?q=%2Fx accept,authorization");
    let again = world.buy("/echo/a").await;
    let answer = world.get_with("/echo/a", &again).await;
    assert_eq!(answer.text(), "/echo/a ");
}

/// ATTACKS H-12, H-27, H-29: the layer withholds what the gateway withholds.
#[tokio::test]
async fn names_with_underscores_and_credentials_in_lists_do_not_reach_the_service() {
    let world = World::new();
    let credential = world.buy("/echo/a").await;
    let mixed = format!("Bearer of-the-upstream, {credential}");
    let request = Request::get("/echo/a")
        .header("l402-credential", credential.strip_prefix("L402 ").unwrap())
        .header("authorization", mixed)
        .header("l402_credential", "1")
        .header("grpc_metadata_macaroon", "1")
        .header("x_http_method_override", "DELETE")
        .header("x_method_override", "DELETE")
        .header("x-original-url", "/admin")
        .header("x_rewrite_url", "/admin")
        .header("x_forwarded_for", "192.0.2.1")
        .header("transfer_encoding", "chunked")
        .header("content_length", "0")
        .header("x-forwarded-for", "192.0.2.2")
        .header("x_plain", "stays")
        .body(Body::empty())
        .unwrap();
    let answer = world.send(request).await;
    assert_eq!(answer.text(), "/echo/a x-forwarded-for,x_plain");
}

/// ATTACKS H-30, H-34.
#[tokio::test]
async fn an_answer_loses_what_only_the_paywall_may_say() {
    let world = World::new();
    let credential = world.buy("/echo/a").await;
    let answer = world.get_with("/echo/a", &credential).await;
    let lines: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
    assert_eq!(lines, ["Basic realm=\"own\""]);
    assert!(!answer.headers.contains_key("payment-receipt"));
    assert!(!answer.headers.contains_key("x-l402-balance"));
    assert_eq!(answer.headers["cache-control"], "private, no-store");
    let about_caches = |name: &&http::HeaderName| {
        let name = name.as_str();
        name.contains("control") || (name.contains("expires") && !name.starts_with("l402-"))
    };
    assert_eq!(answer.headers.keys().filter(about_caches).count(), 1);
    let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
    assert_eq!(vary, ["accept", "authorization"]);
}

/// Escapes make a path longer: 8 KiB may become three times as much.
#[tokio::test]
async fn a_target_too_long_to_pass_on_is_refused_before_a_use_is_held() {
    let world = World::new();
    let credential = world.buy("/echo/a").await;
    let long = format!("/echo/{}?{}", "{".repeat(8000), "q".repeat(50_000));
    for _ in 0..10 {
        let answer = world.get_with(&long, &credential).await;
        assert_eq!(answer.problem, Some(Problem::UriTooLong));
    }
    assert_eq!(world.get_with("/echo/a", &credential).await.status, 200);
}

#[tokio::test]
async fn a_handler_that_asks_for_proof_is_not_reached_without_the_layer() {
    let mut bare = axum::Router::new().route("/", any(|_: Paid| async { "reached" }));
    let request = Request::get("/").body(Body::empty()).unwrap();
    assert_eq!(bare.call(request).await.unwrap().status(), 500);
}

#[tokio::test]
async fn a_refusal_can_look_another_way_and_keeps_its_reason() {
    let world = World::new();
    let layer =
        PaywallLayer::new(world.paywall.clone(), snapshot()).with_refusal_response(|refusal| {
            Response::new(Bytes::from(format!("<p>{}</p>", refusal.problem().title())))
        });
    let mut app = axum::Router::new().layer(layer);
    let response = app
        .call(Request::get("/joke").body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.extensions().get(), Some(&Problem::PaymentRequired));
    let body = axum::body::to_bytes(response.into_body(), 1000)
        .await
        .unwrap();
    assert_eq!(body, "<p>Payment is required</p>");
}

/// A tower service without axum, with an error type of its own.
#[derive(Clone)]
struct Failing;

#[derive(Debug, PartialEq, Eq)]
struct OwnError;

impl Service<Request<()>> for Failing {
    type Response = Response<http_body_util::Full<Bytes>>;
    type Error = OwnError;
    type Future = std::future::Ready<Result<Self::Response, OwnError>>;

    fn poll_ready(
        &mut self,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), OwnError>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Request<()>) -> Self::Future {
        std::future::ready(Err(OwnError))
    }
}

#[tokio::test]
async fn the_error_of_a_plain_service_passes_and_gives_the_use_back() {
    let world = World::new();
    let layer = PaywallLayer::new(world.paywall.clone(), snapshot());
    let mut service = tower_layer::Layer::layer(&layer, Failing);
    let credential = world.buy("/joke").await;
    for _ in 0..10 {
        world.clock.advance(std::time::Duration::from_secs(60));
        let request = Request::get("/joke")
            .header("authorization", &credential)
            .body(())
            .unwrap();
        assert_eq!(service.call(request).await.unwrap_err(), OwnError);
    }
    world.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(world.get_with("/joke", &credential).await.status, 200);
}

// FAULTS G1: HEAD gets no body from the layer, whatever the version of HTTP; also for 404 and 400,
// and where the application writes the refusals.
#[tokio::test]
async fn a_refusal_of_head_has_a_length_and_no_body() {
    use http_body::Body as _;
    let world = World::new();
    let layer = PaywallLayer::new(world.paywall.clone(), snapshot());
    let own = |_| Response::new(Bytes::from_static(b"own"));
    for layer in [layer.clone(), layer.with_refusal_response(own)] {
        for path in ["/echo/a", "/nowhere", "/echo/%2e%2e"] {
            let asked = async |method: &str| {
                let mut service = tower_layer::Layer::layer(&layer, axum::Router::new());
                let request = Request::builder().method(method).uri(path);
                let request = request.body(Body::empty()).unwrap();
                service.call(request).await.unwrap()
            };
            let (head, get) = (asked("HEAD").await, asked("GET").await);
            assert_eq!(head.status(), get.status(), "{path}");
            assert!(head.body().is_end_stream() && !get.body().is_end_stream());
            let length: u64 = head.headers()["content-length"]
                .to_str()
                .unwrap()
                .parse()
                .unwrap();
            assert!(length > 0, "{path}");
        }
    }
}

//! tonic, with the layer that pays, against a service of tonic that is sold.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::uri::PathAndQuery;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use l402::Msat;
use l402_client::{Error, Limits, Paying, PayingLayer, Receipt, State};
use l402_lightning::sandbox::Sandbox;
use l402_lightning::{InvoiceRequest, Receive as _};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::ServiceExt as _;
use tower::util::MapRequest;
use tower_layer::Layer as _;

use crate::world::World;

#[derive(Clone, PartialEq, prost::Message)]
struct Ask {
    #[prost(string, tag = "1")]
    about: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Joke {
    #[prost(string, tag = "1")]
    text: String,
}

type Codec = ProstCodec<Ask, Joke>;

/// A service of two methods, sold for 50 sat a call.
struct Seller {
    address: SocketAddr,
    /// The number of calls without a credential, and with one.
    seen: Arc<Mutex<(u32, u32)>>,
    /// The end of the next answer to a credential, in place of OK.
    ends: Arc<Mutex<Option<Status>>>,
}

impl Seller {
    async fn open(sandbox: &Sandbox) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0");
        let listener = listener.await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seller = Self {
            address,
            seen: Arc::default(),
            ends: Arc::default(),
        };
        let (seen, ends) = (Arc::clone(&seller.seen), Arc::clone(&seller.ends));
        let sandbox = sandbox.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (seen, ends) = (Arc::clone(&seen), Arc::clone(&ends));
                let sandbox = sandbox.clone();
                let service = hyper::service::service_fn(move |request| {
                    let (seen, ends) = (Arc::clone(&seen), Arc::clone(&ends));
                    let sandbox = sandbox.clone();
                    async move { Ok::<_, Infallible>(answer(request, &sandbox, &seen, &ends).await) }
                });
                let http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                tokio::spawn(http2.serve_connection(TokioIo::new(socket), service));
            }
        });
        seller
    }

    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    fn seen(&self) -> (u32, u32) {
        *self.seen.lock().expect("a lock")
    }

    fn ends_with(&self, status: Status) {
        *self.ends.lock().expect("a lock") = Some(status);
    }
}

async fn answer(
    request: http::Request<Incoming>,
    sandbox: &Sandbox,
    seen: &Mutex<(u32, u32)>,
    ends: &Mutex<Option<Status>>,
) -> http::Response<tonic::body::Body> {
    assert_eq!(request.headers()["te"], "trailers");
    let credential = request.headers().get("authorization");
    if !credential.is_some_and(|it| it.as_bytes().starts_with(b"L402 ")) {
        seen.lock().expect("a lock").0 += 1;
        return challenge(sandbox).await.into_http();
    }
    seen.lock().expect("a lock").1 += 1;
    let end = ends.lock().expect("a lock").take();
    let mut grpc = tonic::server::Grpc::new(ProstCodec::<Joke, Ask>::default());
    match request.uri().path() {
        "/jokes.Jokes/Tell" => {
            let tell = tower::service_fn(move |ask: Request<Ask>| {
                let end = end.clone();
                async move {
                    let text = format!("a joke about {}", ask.into_inner().about);
                    end.map_or(Ok(Response::new(Joke { text })), Err)
                }
            });
            grpc.unary(tell, request).await
        }
        _ => {
            let tell = tower::service_fn(move |ask: Request<Ask>| {
                let end = end.clone();
                async move {
                    let about = ask.into_inner().about;
                    let jokes = (1..=3).map(move |number| {
                        let text = format!("joke {number} about {about}");
                        Ok(Joke { text })
                    });
                    let jokes = jokes.chain(end.map(Err));
                    Ok::<_, Status>(Response::new(futures_util::stream::iter(jokes)))
                }
            });
            grpc.server_streaming(tell, request).await
        }
    }
}

/// A 402 as gRPC says it: the status in the head, beside the challenge.
async fn challenge(sandbox: &Sandbox) -> Status {
    let invoice = InvoiceRequest::new(Msat::from_sat(50), Duration::from_secs(600), "a joke");
    let invoice = sandbox.create_invoice(invoice).await.expect("an invoice");
    let challenge = format!("L402 macaroon=\"opaque\", invoice=\"{}\"", invoice.bolt11());
    let mut status = Status::new(Code::Internal, "payment required");
    let value = challenge.parse().expect("a header");
    status.metadata_mut().insert("www-authenticate", value);
    status
}

type ToTonic = fn(http::Request<reqwest::Body>) -> http::Request<tonic::body::Body>;

fn to_tonic(request: http::Request<reqwest::Body>) -> http::Request<tonic::body::Body> {
    request.map(tonic::body::Body::new)
}

type Buyer = tonic::client::Grpc<Paying<MapRequest<Channel, ToTonic>>>;

fn buyer(world: &World, seller: &Seller, limits: Limits) -> Buyer {
    let client = world.builder().limits(limits).build().expect("a client");
    let endpoint = Endpoint::from_shared(seller.origin()).expect("an endpoint");
    let channel = endpoint.connect_lazy().map_request(to_tonic as ToTonic);
    let origin = seller.origin().parse().expect("an origin");
    let layer = PayingLayer::new(client).with_origin(origin);
    tonic::client::Grpc::new(layer.layer(channel))
}

fn ask() -> Request<Ask> {
    let about = "gRPC".to_owned();
    Request::new(Ask { about })
}

async fn tell(buyer: &mut Buyer) -> Result<Response<Joke>, Status> {
    let path = PathAndQuery::from_static("/jokes.Jokes/Tell");
    buyer.ready().await.expect("always ready");
    buyer.unary(ask(), path, Codec::default()).await
}

async fn tell_all(buyer: &mut Buyer) -> (Vec<String>, Option<Status>) {
    let path = PathAndQuery::from_static("/jokes.Jokes/TellAll");
    buyer.ready().await.expect("always ready");
    let asked = buyer.server_streaming(ask(), path, Codec::default());
    let mut jokes = asked.await.expect("an answer").into_inner();
    let mut texts = Vec::new();
    loop {
        match jokes.message().await {
            Ok(Some(joke)) => texts.push(joke.text),
            Ok(None) => return (texts, None),
            Err(status) => return (texts, Some(status)),
        }
    }
}

#[tokio::test]
async fn a_unary_call_is_paid_and_served() {
    let world = World::new().await;
    let seller = Seller::open(&world.sandbox).await;
    let mut buyer = buyer(&world, &seller, Limits::default());
    let told = tell(&mut buyer).await.expect("a joke");
    let receipt = told.extensions().get::<Receipt>().expect("a receipt");
    assert_eq!((receipt.paid, receipt.reused), (Msat::from_sat(50), false));
    assert_eq!(told.into_inner().text, "a joke about gRPC");
    // tonic reads no further than the trailers.
    assert_eq!(world.states(), [State::Served]);
    assert_eq!(seller.seen(), (1, 1));
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test]
async fn a_call_with_a_stream_of_answers_is_paid_and_served() {
    let world = World::new().await;
    let seller = Seller::open(&world.sandbox).await;
    let mut buyer = buyer(&world, &seller, Limits::default());
    let (jokes, end) = tell_all(&mut buyer).await;
    assert_eq!(
        jokes,
        [1, 2, 3].map(|number| format!("joke {number} about gRPC"))
    );
    assert!(end.is_none(), "{end:?}");
    assert_eq!(world.states(), [State::Served]);
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test]
async fn a_stream_that_ends_with_a_failure_is_no_delivery_and_not_paid_again() {
    let world = World::new().await;
    let seller = Seller::open(&world.sandbox).await;
    let mut buyer = buyer(&world, &seller, Limits::default());
    seller.ends_with(Status::unavailable("later"));
    let (jokes, end) = tell_all(&mut buyer).await;
    assert_eq!(jokes.len(), 3);
    assert_eq!(end.expect("a status").code(), Code::Unavailable);
    assert_eq!(world.states(), [State::Paid]);
    let (jokes, end) = tell_all(&mut buyer).await;
    assert_eq!((jokes.len(), end.is_none()), (3, true));
    assert_eq!(world.states(), [State::Served]);
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test]
async fn a_status_of_the_service_reaches_the_caller_and_leaves_the_purchase_unused() {
    let world = World::new().await;
    let seller = Seller::open(&world.sandbox).await;
    let mut buyer = buyer(&world, &seller, Limits::default());
    seller.ends_with(Status::not_found("no joke"));
    let status = tell(&mut buyer).await.expect_err("a status");
    assert_eq!(
        (status.code(), status.message()),
        (Code::NotFound, "no joke")
    );
    assert_eq!(world.states(), [State::Paid]);
    tell(&mut buyer).await.expect("a joke");
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test]
async fn what_a_limit_forbids_is_a_status_with_the_error_behind_it() {
    let world = World::new().await;
    let seller = Seller::open(&world.sandbox).await;
    let limits = Limits::default().with_per_request(Msat::from_sat(49));
    let mut buyer = buyer(&world, &seller, limits);
    let status = tell(&mut buyer).await.expect_err("no answer");
    let mut cause = std::error::Error::source(&status);
    let mut found = false;
    while let Some(error) = cause {
        found |= matches!(error.downcast_ref(), Some(Error::OverBudget { .. }));
        cause = error.source();
    }
    assert!(found, "{status:?}");
    assert_eq!(seller.seen(), (1, 0));
    assert_eq!(world.spent().await, Msat::ZERO);
}

//! A gateway on a port of its own, upstreams, and a buyer.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderValue, Request, Response, StatusCode, response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use l402_gateway::{Config, Gateway, GatewayError, Home, Reloaded};
use l402_host::{Clock, ManualClock};
use l402_lightning::{Node, Open, Receive};
use l402_testkit::TestServer;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};

pub(crate) type Reply = Response<BoxBody<Bytes, std::io::Error>>;

/// A gateway, its home, and a clock that stands still.
pub(crate) struct GatewayUnderTest {
    gateway: Option<Arc<Gateway>>,
    pub(crate) address: SocketAddr,
    pub(crate) home: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
}

/// Starts a gateway on a free port; `text` is its configuration without `listen`.
pub(crate) async fn serve(text: &str) -> GatewayUnderTest {
    let home = tempfile::tempdir().expect("a home");
    let clock = l402_testkit::clock();
    let gateway = start(text, home.path(), clock.clone())
        .await
        .expect("a gateway");
    let address = gateway.local_addrs()[0];
    GatewayUnderTest {
        gateway: Some(Arc::new(gateway)),
        address,
        home,
        clock,
    }
}

fn on_a_free_port(text: &str) -> String {
    let listen = "listen = [\"127.0.0.1:0\"]\nworkers = 2\n";
    if text.contains("listen =") {
        text.to_owned()
    } else {
        format!("{listen}{text}")
    }
}

pub(crate) async fn start(
    text: &str,
    home: &std::path::Path,
    clock: Arc<dyn Clock>,
) -> Result<Gateway, GatewayError> {
    let open = Open::new(home, clock.clone());
    let receiver = Node::Sandbox.receiver(open).await.expect("a node");
    start_at(receiver.receive, text, home, clock).await
}

/// Starts a gateway at a node.
pub(crate) async fn start_at(
    node: Arc<dyn Receive>,
    text: &str,
    home: &std::path::Path,
    clock: Arc<dyn Clock>,
) -> Result<Gateway, GatewayError> {
    let config =
        Config::from_toml(&on_a_free_port(text), "test.toml").expect("a sound configuration");
    let home = Home::at(home).expect("a home");
    let start = move || Gateway::start(config, &home, clock, node);
    let started = tokio::task::spawn_blocking(start);
    started.await.expect("no panic")
}

impl GatewayUnderTest {
    pub(crate) fn counters(&self) -> l402_gateway::Counters {
        self.gateway.as_ref().expect("a running gateway").counters()
    }

    pub(crate) fn gateway(&self) -> Arc<Gateway> {
        Arc::clone(self.gateway.as_ref().expect("a running gateway"))
    }

    pub(crate) fn metrics_text(&self) -> String {
        let gateway = self.gateway.as_ref().expect("a running gateway");
        gateway.metrics_text()
    }

    /// Reloads; `text` is the new configuration without `listen`.
    pub(crate) fn reload(&self, text: &str) -> Result<Reloaded, GatewayError> {
        let config = Config::from_toml(&on_a_free_port(text), "new.toml");
        let gateway = self.gateway.as_ref().expect("it is open");
        gateway.reload(config.expect("a sound configuration"))
    }

    pub(crate) fn check_upstreams(&self) {
        let gateway = self.gateway.as_ref().expect("it is open");
        gateway.check_upstreams();
    }

    pub(crate) fn node_calls(&self) -> u64 {
        self.gateway.as_ref().expect("it is open").node_calls()
    }

    pub(crate) async fn shutdown(&mut self, deadline: Duration) {
        let gateway = self.gateway.take().expect("it is open");
        tokio::task::spawn_blocking(move || gateway.shutdown(deadline))
            .await
            .expect("no panic");
    }

    /// Starts again after [`GatewayUnderTest::shutdown`], with the same home.
    pub(crate) async fn restart(&mut self, text: &str) {
        let gateway = start(text, self.home.path(), self.clock.clone()).await;
        let gateway = gateway.expect("a gateway");
        self.address = gateway.local_addrs()[0];
        self.gateway = Some(Arc::new(gateway));
    }

    pub(crate) async fn get(&self, path: &str, credential: Option<&str>) -> Answer {
        send(self.address, request("GET", path, credential, b"")).await
    }

    /// Asks, pays the invoice, and returns the value of `Authorization`.
    pub(crate) async fn buy(&self, path: &str) -> String {
        let challenge = self.get(path, None).await;
        assert_eq!(challenge.status(), 402, "{}", challenge.text());
        self.pay(&challenge).await
    }

    pub(crate) async fn pay(&self, challenge: &Answer) -> String {
        self.pay_document(&challenge.text()).await
    }

    /// Pays the invoice of a problem document, and returns the value of `Authorization`.
    pub(crate) async fn pay_document(&self, challenge: &str) -> String {
        let document: Value = serde_json::from_str(challenge).expect("a problem document");
        let text = |key: &str| document[key].as_str().expect("a text").to_owned();
        let clock = self.clock.clone();
        let open = Open::new(self.home.path(), clock);
        let wallet = Node::Sandbox.wallet(open).await.expect("a wallet");
        let (preimage, _paid) = l402_testkit::pay(&*wallet.pay, &text("invoice")).await;
        format!("L402 {}:{}", text("token"), preimage.to_hex())
    }
}

impl Drop for GatewayUnderTest {
    fn drop(&mut self) {
        drop(self.gateway.take());
    }
}

/// No access log, which would stand among the tests' own lines.
pub(crate) const QUIET: &str = "[log]\naccess = \"off\"\n";

/// One route for everything, at 50 sat, and `/free`.
/// Returns a configuration with one route for everything, at 50 sat, and a free one, `/free`.
pub(crate) fn routes(upstream: SocketAddr, more: &str) -> String {
    let route = |path: &str, access: &str| {
        format!("[[route]]\npath = \"{path}\"\nupstream = \"http://{upstream}\"\n{access}\n")
    };
    let priced = format!("price = \"50 sat\"\nservice = \"all\"\n{more}");
    QUIET.to_owned()
        + &route("/", &priced)
        + &route("/{*rest}", &priced)
        + &route("/free", "free = true")
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) head: response::Parts,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .headers
            .get(name)
            .map(|value| value.to_str().expect("text"))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) fn request(
    method: &str,
    path: &str,
    credential: Option<&str>,
    body: &'static [u8],
) -> Request<Full<Bytes>> {
    let mut builder = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "shop.example");
    if let Some(credential) = credential {
        builder = builder.header("authorization", credential);
    }
    builder
        .body(Full::new(Bytes::from_static(body)))
        .expect("a request")
}

/// Sends one request on a connection of its own.
pub(crate) async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> Answer {
    try_send(address, request).await.expect("an answer")
}

pub(crate) async fn try_send(
    address: SocketAddr,
    request: Request<Full<Bytes>>,
) -> hyper::Result<Answer> {
    let socket = TcpStream::connect(address).await.expect("a connection");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
    let exchange = pin!(async move {
        let (head, body) = sender.send_request(request).await?.into_parts();
        Ok(Answer {
            head,
            body: body.collect().await?.to_bytes(),
        })
    });
    // In one task: a request that is handed to a connection which ends at this moment on another
    // thread is never answered, because the queue between them drops it only with its sender.
    match select(exchange, pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, exchange)) => exchange.await,
    }
}

pub(crate) fn whole(status: u16, text: impl Into<Bytes>) -> Reply {
    let body = Full::new(text.into())
        .map_err(|never| match never {})
        .boxed();
    let mut reply = Response::new(body);
    *reply.status_mut() = StatusCode::from_u16(status).expect("a status");
    reply
}

/// Returns method, path, headers and body of a request, as JSON.
pub(crate) async fn describe(request: Request<Incoming>) -> Reply {
    let (head, body) = request.into_parts();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<Value> = head
        .headers
        .iter()
        .map(|(k, v)| serde_json::json!([k.as_str(), text(v)]))
        .collect();
    let body = body.collect().await.expect("a body").to_bytes();
    let document = serde_json::json!({
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    });
    whole(200, document.to_string())
}

/// Serves HTTP/1.1, or HTTP/2 by prior knowledge, until the test ends.
pub(crate) async fn upstream<F, R>(http2: bool, handler: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Reply> + Send + 'static,
{
    let server = if http2 {
        TestServer::start_http2(handler)
    } else {
        TestServer::start(handler)
    };
    server.address()
}

/// An upstream that says when it was asked, and answers when it is let.
pub(crate) async fn gated() -> (SocketAddr, mpsc::Receiver<()>, Arc<Semaphore>) {
    let (arrived, arrivals) = mpsc::channel::<()>(8);
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let address = upstream(false, move |_| {
        let (arrived, gate) = (arrived.clone(), Arc::clone(&held));
        async move {
            arrived.send(()).await.expect("the test waits");
            gate.acquire().await.expect("open").forget();
            whole(200, "late")
        }
    })
    .await;
    (address, arrivals, gate)
}

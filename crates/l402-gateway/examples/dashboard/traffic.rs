//! Buyers at the sandbox, and an upstream that answers them.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use l402_gateway::Home;
use l402_host::ManualClock;
use l402_lightning::{Node, Open};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::Result;

const PATHS: [&str; 4] = [
    "/v1/weather/london",
    "/v1/joke",
    "/v1/weather/lagos",
    "/v1/images/7",
];

/// Answers as an upstream that takes a moment.
pub(crate) async fn answer(_: Request<Incoming>) -> Response<BoxBody<Bytes, std::io::Error>> {
    sleep(Duration::from_millis(12)).await;
    let body = Full::new(Bytes::from_static(b"an answer\n"));
    Response::new(body.map_err(|never| match never {}).boxed())
}

/// Buys some answers, and leaves some invoices unpaid.
pub(crate) async fn buy(
    gateway: SocketAddr,
    home: &Home,
    clock: Arc<ManualClock>,
    count: usize,
) -> Result<()> {
    let wallet = Node::Sandbox.wallet(Open::new(home.path(), clock)).await?;
    for path in PATHS.iter().cycle().take(count) {
        let challenge = get(gateway, path, None).await?;
        get(gateway, path, None).await?;
        let document: Value = serde_json::from_slice(&challenge)?;
        let text = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
        let (preimage, _) = l402_testkit::pay(&*wallet.pay, &text("invoice")).await;
        let credential = format!("L402 {}:{}", text("token"), preimage.to_hex());
        get(gateway, path, Some(&credential)).await?;
    }
    Ok(())
}

/// Asks for what is free, so that there is traffic to see.
pub(crate) async fn go_on(gateway: SocketAddr) {
    for pause in [40, 55, 90, 60, 35, 70, 120, 45].iter().cycle() {
        // An answer that does not come is no concern of a picture.
        let _ = get(gateway, "/health", None).await;
        sleep(Duration::from_millis(*pause)).await;
    }
}

async fn get(gateway: SocketAddr, path: &str, credential: Option<&str>) -> Result<Bytes> {
    let mut request = Request::builder().uri(path).header("host", "shop.example");
    if let Some(credential) = credential {
        request = request.header("authorization", credential);
    }
    let request = request.body(Full::new(Bytes::new()))?;
    let socket = TokioIo::new(TcpStream::connect(gateway).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(socket).await?;
    let exchange = pin!(async move {
        let answer = sender.send_request(request).await?;
        Ok::<_, hyper::Error>(answer.into_body().collect().await?.to_bytes())
    });
    match select(exchange, pin!(connection)).await {
        Either::Left((answer, _)) => Ok(answer?),
        Either::Right((_, exchange)) => Ok(exchange.await?),
    }
}

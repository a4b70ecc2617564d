//! hyper, with a layer that pays: `layer URL`. Any client that is a `tower::Service` will do.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use l402_client::{PayingLayer, Receipt};
use tower_layer::Layer as _;
use tower_service::Service as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let http = Client::builder(TokioExecutor::new()).build_http::<reqwest::Body>();
    let mut http = PayingLayer::new(l402_example_rust::client().await?).layer(http);
    let request = http::Request::get(l402_example_rust::url()?).body(Empty::<Bytes>::new())?;
    let answer = http
        .call(request)
        .await
        .map_err(|error| error.to_string())?;
    if let Some(receipt) = answer.extensions().get::<Receipt>() {
        eprintln!("paid {}, fee {}", receipt.paid, receipt.fee);
    }
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    print(&format!("{status}: {}", String::from_utf8_lossy(&body)))
}

fn print(text: &str) -> Result<(), Box<dyn std::error::Error>> {
    use std::io::Write as _;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

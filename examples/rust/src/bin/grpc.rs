//! tonic, with a layer that pays: `grpc ORIGIN`. It calls a method with one answer, and one with a stream of
//! answers.

use std::error::Error;
use std::io::Write as _;

use http::uri::PathAndQuery;
use l402_client::{PayingLayer, Receipt};
use l402_example_rust::jokes::{Ask, Joke, TELL, TELL_ALL};
use tonic::Request;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::transport::Endpoint;
use tonic_prost::ProstCodec;
use tower::ServiceExt as _;
use tower_layer::Layer as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let origin = l402_example_rust::url()?;
    // The layer sends reqwest's bodies, and the channel takes tonic's.
    let channel = Endpoint::from_shared(origin.clone())?
        .connect_lazy()
        .map_request(|request: http::Request<reqwest::Body>| request.map(Body::new));
    // A request of tonic has no host of its own, and a payment needs to know whom it is for.
    let layer = PayingLayer::new(l402_example_rust::client().await?).with_origin(origin.parse()?);
    // A client that is generated of a .proto file takes the same service: `JokesClient::new(paying)`.
    let mut jokes = Grpc::new(layer.layer(channel));
    let codec = ProstCodec::<Ask, Joke>::default;
    let ask = || {
        let about = "gRPC".to_owned();
        Request::new(Ask { about })
    };

    jokes.ready().await.map_err(|error| error.to_string())?;
    let one = jokes.unary(ask(), PathAndQuery::from_static(TELL), codec());
    let one = one.await?;
    if let Some(receipt) = one.extensions().get::<Receipt>() {
        eprintln!("paid {}, fee {}", receipt.paid, receipt.fee);
    }
    print(&one.into_inner().text)?;

    jokes.ready().await.map_err(|error| error.to_string())?;
    let all = jokes.server_streaming(ask(), PathAndQuery::from_static(TELL_ALL), codec());
    let mut all = all.await?.into_inner();
    while let Some(joke) = all.message().await? {
        print(&joke.text)?;
    }
    Ok(())
}

fn print(text: &str) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

//! A gRPC service that knows nothing of payments: `grpc_jokes`. It prints its address. `l402 serve` sells it.

use std::convert::Infallible;
use std::error::Error;
use std::io::Write as _;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use l402_example_rust::jokes::{Ask, Joke, TELL, TELL_ALL};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::server::Grpc;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    loop {
        let (socket, _) = listener.accept().await?;
        let connection = http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(socket), service_fn(answer));
        tokio::spawn(connection);
    }
}

async fn answer(request: http::Request<Incoming>) -> Result<http::Response<Body>, Infallible> {
    let mut jokes = Grpc::new(ProstCodec::<Joke, Ask>::default());
    Ok(match request.uri().path() {
        TELL => jokes.unary(tower::service_fn(tell), request).await,
        TELL_ALL => {
            jokes
                .server_streaming(tower::service_fn(tell_all), request)
                .await
        }
        _ => Status::unimplemented("there is Tell and TellAll").into_http(),
    })
}

async fn tell(ask: Request<Ask>) -> Result<Response<Joke>, Status> {
    let text = format!("a joke about {}", ask.into_inner().about);
    Ok(Response::new(Joke { text }))
}

type Jokes = futures_util::stream::Iter<std::vec::IntoIter<Result<Joke, Status>>>;

async fn tell_all(ask: Request<Ask>) -> Result<Response<Jokes>, Status> {
    let about = ask.into_inner().about;
    let jokes = (1..=3).map(|number| {
        let text = format!("joke {number} about {about}");
        Ok(Joke { text })
    });
    let jokes: Vec<_> = jokes.collect();
    Ok(Response::new(futures_util::stream::iter(jokes)))
}

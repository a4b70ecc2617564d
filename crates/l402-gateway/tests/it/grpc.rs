//! gRPC: HTTP/2 on both sides, with trailers.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::harness::{Answer, GatewayUnderTest, Reply, serve, upstream};

fn reply(status: &'static str) -> Reply {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.parse().expect("a value"));
    let frames = [
        Ok(Frame::data(Bytes::from_static(b"\0\0\0\0\x02hi"))),
        Ok(Frame::trailers(trailers)),
    ];
    let mut reply = Response::new(StreamBody::new(futures_util::stream::iter(frames)).boxed());
    let kind = "application/grpc".parse().expect("a value");
    reply.headers_mut().insert("content-type", kind);
    reply
}

async fn call(
    server: &GatewayUnderTest,
    path: &str,
    credential: Option<&str>,
) -> (Answer, HeaderMap) {
    let socket = TcpStream::connect(server.address)
        .await
        .expect("a connection");
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket))
            .await
            .expect("HTTP/2");
    tokio::spawn(connection);
    let mut request = Request::post(format!("http://shop.example{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(credential) = credential {
        request = request.header("authorization", credential);
    }
    let request = request
        .body(Full::new(Bytes::from_static(b"\0\0\0\0\0")))
        .expect("a request");
    let (head, body) = sender
        .send_request(request)
        .await
        .expect("an answer")
        .into_parts();
    let body = body.collect().await.expect("a body");
    let trailers = body.trailers().cloned().unwrap_or_default();
    (
        Answer {
            head,
            body: body.to_bytes(),
        },
        trailers,
    )
}

fn text(upstream: std::net::SocketAddr) -> String {
    format!(
        "[[route]]\npath = \"/shop.Jokes/Tell\"\nupstream = \"h2c://{upstream}\"\n\
         price = \"50 sat\"\ngrpc = true\n[http]\nh2c = true\n"
    )
}

/// ATTACKS H-18.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_refused_in_its_own_way_and_served_when_paid() {
    let upstream = upstream(true, |request: Request<hyper::body::Incoming>| async move {
        assert_eq!(request.headers()["te"], "trailers");
        reply("0")
    })
    .await;
    let server = serve(&text(upstream)).await;
    let path = "/shop.Jokes/Tell";
    let (refused, _) = call(&server, path, None).await;
    assert_eq!(refused.status(), 200);
    assert!(
        refused
            .header("grpc-status")
            .is_some_and(|status| status != "0")
    );
    assert!(refused.header("www-authenticate").is_some() && refused.body.is_empty());

    let credential = server.buy(path).await;
    let (served, trailers) = call(&server, path, Some(&credential)).await;
    assert_eq!((served.status(), &served.body[5..]), (200, &b"hi"[..]));
    assert_eq!(trailers["grpc-status"], "0");
    let (again, _) = call(&server, path, Some(&credential)).await;
    assert_ne!(again.header("grpc-status"), Some("0"));
    assert!(again.body.is_empty());
}

/// A client cannot set in a trailer what it cannot set in a header.
#[tokio::test(flavor = "multi_thread")]
async fn trailers_of_a_request_stay_behind() {
    let upstream = upstream(true, |request: Request<hyper::body::Incoming>| async {
        let body = request.into_body().collect().await.expect("a body");
        let trailers = format!("{:?}", body.trailers());
        let text = [&body.to_bytes()[..], b" ", trailers.as_bytes()].concat();
        crate::harness::whole(200, text)
    })
    .await;
    let text = format!(
        "[[route]]\npath = \"/x\"\nupstream = \"h2c://{upstream}\"\nfree = true\ngrpc = true\n\
         [http]\nh2c = true\n"
    );
    let server = serve(&text).await;
    let socket = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket))
            .await
            .unwrap();
    tokio::spawn(connection);
    let mut trailers = HeaderMap::new();
    for name in [
        "x-l402-service",
        "x-forwarded-for",
        "authorization",
        "x-own",
    ] {
        trailers.insert(name, "L402 forged:deadbeef".parse().unwrap());
    }
    let frames = [
        Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"data"))),
        Ok(Frame::trailers(trailers)),
    ];
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let post = Request::post("http://a/x").body(body).unwrap();
    let answer = sender.send_request(post).await.unwrap().into_body();
    assert_eq!(answer.collect().await.unwrap().to_bytes(), "data None");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_in_its_trailers_costs_nothing() {
    let server = serve(&text(upstream(true, |_| async { reply("13") }).await)).await;
    let credential = server.buy("/shop.Jokes/Tell").await;
    for _ in 0..2 {
        let (answer, trailers) = call(&server, "/shop.Jokes/Tell", Some(&credential)).await;
        assert_eq!(
            (answer.status(), trailers["grpc-status"].as_bytes()),
            (200, &b"13"[..])
        );
    }
}

//! Plain proxying.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};

use crate::harness::{describe, request, routes, send, serve, upstream, whole};

#[tokio::test(flavor = "multi_thread")]
async fn a_free_route_is_forwarded_as_it_came() {
    let server = serve(&routes(upstream(false, describe).await, "")).await;
    let answer = send(
        server.address,
        request("POST", "/free?a=b%20c", None, b"hello"),
    )
    .await;
    assert_eq!(answer.status(), 200);
    let seen = answer.json();
    assert_eq!(
        (&seen["method"], &seen["target"]),
        (&"POST".into(), &"/free?a=b%20c".into())
    );
    assert_eq!(seen["body"], "hello");
    assert_eq!(server.node_calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_offered_is_not_found() {
    let upstream = upstream(false, describe).await;
    let text = format!("[[route]]\npath = \"/a\"\nupstream = \"http://{upstream}\"\nfree = true\n");
    let server = serve(&text).await;
    let answer = server.get("/b", None).await;
    assert_eq!(
        (answer.status(), answer.code()),
        (404, "no_route".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_is_stripped_and_put_before_another() {
    let upstream = upstream(false, describe).await;
    let text = format!(
        "[[route]]\npath = \"/api/{{*rest}}\"\nupstream = \"http://{upstream}/v1\"\nfree = true\n\
         strip_prefix = \"/api\"\n"
    );
    let server = serve(&text).await;
    assert_eq!(
        server.get("/api/x/y?z", None).await.json()["target"],
        "/v1/x/y?z"
    );
}

/// Each side waits for the other's piece, so a body that is held back makes the test hang.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_flow_both_ways_piece_by_piece() {
    let upstream = upstream(false, |request: Request<hyper::body::Incoming>| async {
        let body = request.into_body().into_data_stream();
        let shouted = body.map(|piece| {
            let piece = piece.map_err(std::io::Error::other)?;
            Ok(Frame::data(Bytes::from(piece.to_ascii_uppercase())))
        });
        Response::new(BodyExt::boxed(StreamBody::new(SyncStream(Mutex::new(
            Box::pin(shouted),
        )))))
    })
    .await;
    let server = serve(&routes(upstream, "")).await;
    let (pieces, mut queue) = mpsc::channel::<Result<Frame<Bytes>, std::io::Error>>(1);
    let body = StreamBody::new(futures_util::stream::poll_fn(move |cx| queue.poll_recv(cx)));
    let socket = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
        .await
        .unwrap();
    tokio::spawn(connection);
    let post = Request::post("/free")
        .header("host", "a")
        .body(body)
        .unwrap();
    pieces
        .send(Ok(Frame::data(Bytes::from("one"))))
        .await
        .unwrap();
    let mut answer = sender.send_request(post).await.unwrap().into_body();
    for (expected, next) in [("ONE", "two"), ("TWO", "three")] {
        let piece = answer.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(piece, expected);
        pieces
            .send(Ok(Frame::data(Bytes::from(next))))
            .await
            .unwrap();
    }
    drop(pieces);
    assert_eq!(answer.collect().await.unwrap().to_bytes(), "THREE");
}

/// A stream that may be sent between threads by reference.
struct SyncStream<S>(Mutex<std::pin::Pin<Box<S>>>);

impl<S: futures_util::Stream> futures_util::Stream for SyncStream<S> {
    type Item = S::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<S::Item>> {
        self.0.get_mut().as_mut().poll_next(cx)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_limit_is_413_whether_its_length_is_told_or_not() {
    let upstream = upstream(false, describe).await;
    let server = serve(&format!(
        "{}[http]\nbody_max_bytes = 4\n",
        routes(upstream, "")
    ))
    .await;
    let told = send(server.address, request("POST", "/free", None, b"12345")).await;
    assert_eq!(
        (told.status(), told.code()),
        (413, "body_too_large".to_owned())
    );
    let unpaid = send(server.address, request("POST", "/x", None, b"12345")).await;
    assert_eq!((unpaid.status(), server.node_calls()), (413, 0));

    let pieces = futures_util::stream::iter(
        ["123", "45"].map(|p| Ok::<_, std::io::Error>(Frame::data(Bytes::from(p)))),
    );
    let socket = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
        .await
        .unwrap();
    tokio::spawn(connection);
    let post = Request::post("/free")
        .header("host", "a")
        .body(StreamBody::new(pieces))
        .unwrap();
    assert_eq!(sender.send_request(post).await.unwrap().status(), 413);
    let fits = send(server.address, request("POST", "/free", None, b"1234")).await;
    assert_eq!(fits.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_to_the_upstream_is_used_again_and_replaced_when_it_was_closed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    // Each connection serves two requests, and closes after them without notice.
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                for _ in 0..2 {
                    let mut seen = Vec::new();
                    while !seen.ends_with(b"\r\n\r\n") {
                        seen.push(socket.read_u8().await?);
                    }
                    socket
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                        .await?;
                }
                Ok::<_, std::io::Error>(())
            });
        }
    });
    let text = routes(address, "");
    let server = serve(&format!("listen = [\"127.0.0.1:0\"]\nworkers = 1\n{text}")).await;
    let socket = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
        .await
        .unwrap();
    tokio::spawn(connection);
    for _ in 0..20 {
        let get = Request::get("/free")
            .header("host", "a")
            .body(Full::<Bytes>::default())
            .unwrap();
        let answer = sender.send_request(get).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.into_body().collect().await.unwrap();
        sender.ready().await.unwrap();
    }
    let opened = opened.load(Ordering::SeqCst);
    assert!(
        (10..20).contains(&opened),
        "{opened} connections for 20 requests"
    );
}

/// ATTACKS D-20.
#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_requests_that_a_route_takes_at_once_it_is_503() {
    let (arrived, mut arrivals) = mpsc::channel::<()>(1);
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let held = Arc::clone(&gate);
    let upstream = upstream(false, move |_| {
        let (arrived, gate) = (arrived.clone(), Arc::clone(&held));
        async move {
            arrived.send(()).await.expect("the test waits");
            gate.acquire().await.expect("open").forget();
            whole(200, "ok")
        }
    })
    .await;
    let text = format!(
        "[[route]]\npath = \"/\"\nupstream = \"http://{upstream}\"\nfree = true\nmax_in_flight = 1\n"
    );
    let server = serve(&text).await;
    let address = server.address;
    let first = tokio::spawn(async move { send(address, request("GET", "/", None, b"")).await });
    arrivals.recv().await.unwrap();
    let second = server.get("/", None).await;
    assert_eq!(
        (second.status(), second.code()),
        (503, "overloaded".to_owned())
    );
    gate.add_permits(1);
    assert_eq!(first.await.unwrap().status(), 200);
}

//! WebSocket tunnels and streams of events.

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::Response;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::harness::{routes, serve, upstream, whole};

/// Sends back each message, until the connection is closed.
async fn echo() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(socket).await.ok()?;
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() {
                        socket.send(message).await.ok()?;
                    }
                }
                Some(())
            });
        }
    });
    address
}

/// ATTACKS H-16.
#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_opens_for_who_has_paid_and_counts_once() {
    let server = serve(&routes(echo().await, "")).await;
    let address = format!("ws://{}/chat", server.address);
    let open = |credential: Option<String>| {
        let (address, server) = (address.clone(), server.address);
        async move {
            let mut request = address.into_client_request().expect("a request");
            if let Some(credential) = credential {
                let value = credential.parse().expect("a value");
                request.headers_mut().insert("authorization", value);
            }
            let socket = TcpStream::connect(server).await.expect("a connection");
            tokio_tungstenite::client_async(request, socket).await
        }
    };
    let Err(Error::Http(refused)) = open(None).await else {
        panic!("it must be refused")
    };
    assert_eq!(refused.status(), 402);

    let credential = server.buy("/chat").await;
    let (mut socket, _) = open(Some(credential.clone())).await.expect("a tunnel");
    for text in ["one", "two", "GET / HTTP/1.1\n\n"] {
        socket.send(Message::text(text)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(text));
    }
    let Err(Error::Http(again)) = open(Some(credential)).await else {
        panic!("it was spent")
    };
    assert_eq!(again.status(), 402);
    socket.close(None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_does_not_switch_opens_no_tunnel() {
    let upstream = upstream(false, |_| async { whole(200, "plain") }).await;
    let server = serve(&routes(upstream, "")).await;
    let mut request = crate::harness::request("GET", "/free", None, b"");
    request
        .headers_mut()
        .insert("connection", "Upgrade".parse().unwrap());
    request
        .headers_mut()
        .insert("upgrade", "websocket".parse().unwrap());
    let answer = crate::harness::send(server.address, request).await;
    assert_eq!((answer.status(), answer.text().as_str()), (200, "plain"));
}

type Events = mpsc::UnboundedSender<Result<Frame<Bytes>, std::io::Error>>;

/// An upstream whose event streams the test writes: each request gives the next one of them.
async fn event_streams(count: usize) -> (std::net::SocketAddr, Vec<Events>) {
    let (sends, queues): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::unbounded_channel()).unzip();
    let queues = std::sync::Arc::new(std::sync::Mutex::new(queues));
    let address = upstream(false, move |_| {
        let mut queue = queues.lock().expect("no panic").remove(0);
        async move {
            let events = futures_util::stream::poll_fn(move |cx| queue.poll_recv(cx));
            let mut reply = Response::new(BodyExt::boxed(StreamBody::new(events)));
            let kind = "text/event-stream".parse().expect("a value");
            reply.headers_mut().insert("content-type", kind);
            reply
        }
    });
    (address.await, sends)
}

/// Asks on a connection of its own, and returns the answer without its body.
async fn listen(
    address: std::net::SocketAddr,
    credential: &str,
) -> Response<hyper::body::Incoming> {
    let socket = TcpStream::connect(address).await.expect("a connection");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
        .await
        .expect("HTTP/1.1");
    tokio::spawn(connection);
    let get = crate::harness::request("GET", "/events", Some(credential), b"");
    let answer = sender.send_request(get).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer
}

fn event(text: &str) -> Result<Frame<Bytes>, std::io::Error> {
    Ok(Frame::data(Bytes::copy_from_slice(text.as_bytes())))
}

/// Each event is read while the upstream still waits for the test to ask for the next one.
// FAULTS C7: an event stream is paid for at its end. The upstream's break gives the use back; its
// end spends it.
#[tokio::test(flavor = "multi_thread")]
async fn events_come_as_they_happen_and_count_at_the_end() {
    let (upstream, mut sends) = event_streams(2).await;
    let text = format!(
        "{}[http]\nbody_idle_timeout_secs = 1\n",
        routes(upstream, "")
    );
    let server = serve(&text).await;
    assert_eq!(server.get("/events", None).await.status(), 402);
    let credential = server.buy("/events").await;

    let mut answer = listen(server.address, &credential).await;
    let broken = sends.remove(0);
    for text in ["data: 1\n\n", "data: 2\n\n"] {
        broken.send(event(text)).unwrap();
        let frame = answer.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), text);
        let again = server.get("/events", Some(&credential)).await;
        assert_eq!(again.code(), "in_use");
    }
    broken.send(Err(std::io::Error::other("reset"))).unwrap();
    assert!(answer.frame().await.unwrap().is_err());

    let mut answer = listen(server.address, &credential).await;
    let whole = sends.remove(0);
    whole.send(event("data: 3\n\n")).unwrap();
    assert!(answer.frame().await.unwrap().is_ok());
    drop(whole);
    assert!(answer.frame().await.is_none());
    assert_eq!(
        server.get("/events", Some(&credential)).await.code(),
        "consumed"
    );
}

// FAULTS C7: a buyer who leaves an event stream has spent it, before its first event, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_who_leaves_a_stream_of_events_has_spent_it() {
    let (upstream, sends) = event_streams(2).await;
    let server = serve(&routes(upstream, "")).await;
    for send in &sends {
        let credential = server.buy("/events").await;
        drop(listen(server.address, &credential).await);
        // The gateway sees the end of the connection when it next reads or writes.
        while send.send(event("data: 1\n\n")).is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let mut code = String::from("in_use");
        while code == "in_use" {
            code = server.get("/events", Some(&credential)).await.code();
        }
        assert_eq!(code, "consumed");
    }
}

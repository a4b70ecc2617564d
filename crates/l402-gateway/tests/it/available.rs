//! An upstream that is down, and what is sold meanwhile.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{sleep, timeout};

use crate::harness::{Answer, GatewayUnderTest, request, routes, send, serve, upstream, whole};
use crate::upstream::{OK, PATIENCE, Stage, Wire, serves_once};

/// An address of this process at which nobody listens: bound, so that no other test takes it.
fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let address = socket.local_addr().expect("an address");
    (socket, address)
}

/// Answers every request on this listener, each on a connection of its own.
fn answer_all(listener: TcpListener) {
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut wire = Wire::new(socket);
                while wire.try_head().await.is_some() {
                    wire.say(OK).await;
                }
            });
        }
    });
}

/// Asks until the answer has this code, for as long as a pause may take.
async fn until(server: &GatewayUnderTest, code: &str) -> Answer {
    let asking = async {
        loop {
            let answer = server.get("/x", None).await;
            if answer.status() != 200 && answer.code() == code {
                return answer;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let answer = timeout(PATIENCE, asking).await;
    answer.unwrap_or_else(|_| panic!("never {code}"))
}

fn assert_unavailable(answer: &Answer) {
    let told = (answer.status(), answer.code());
    assert_eq!(told, (503, "upstream_unavailable".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("www-authenticate"), None);
    assert!(!answer.text().contains("lnbc"), "{}", answer.text());
}

// FAULTS G8: a dead upstream, known from the start. Also: after a reload, a free request, gRPC, and
// an upstream that comes up later.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sold_of_an_upstream_that_refuses_at_the_start() {
    let (socket, address) = nobody();
    let grpc = format!(
        "[[route]]\npath = \"/grpc\"\nupstream = \"h2c://{address}\"\nservice = \"grpc\"\n\
         price = \"1 sat\"\ngrpc = true\n"
    );
    let server = serve(&(routes(address, "") + &grpc)).await;
    assert_eq!(server.get("/x", None).await.status(), 402);
    server.check_upstreams();
    assert_unavailable(&until(&server, "upstream_unavailable").await);
    assert_unavailable(&server.get("/free", None).await);
    let mut call = request("POST", "/grpc", None, b"");
    let kind = "application/grpc".parse().expect("a value");
    call.headers_mut().insert("content-type", kind);
    let answer = send(server.address, call).await;
    assert_eq!(answer.header("grpc-status"), Some("14"));
    let calls = server.node_calls();
    assert_unavailable(&server.get("/x", None).await);
    assert_eq!(server.node_calls(), calls);
    answer_all(socket.listen(16).expect("a port"));
    let challenge = until(&server, "payment_required").await;
    let credential = server.pay(&challenge).await;
    assert_eq!(server.get("/x", Some(&credential)).await.status(), 200);
}

/// Two workers and a connection for each request: what one worker has found, the other knows.
#[tokio::test(flavor = "multi_thread")]
async fn two_failures_stop_the_sale_and_a_credential_is_tried_all_the_same() {
    let stage = Stage::open().await;
    let address = stage.address();
    let server = serve(&routes(address, "")).await;
    let (credential, spent) = (server.buy("/x").await, server.buy("/x").await);
    serves_once(&server, &stage, &spent).await;
    drop(stage);
    for _ in 0..2 {
        let failed = server.get("/x", Some(&credential)).await;
        assert_eq!(failed.code(), "upstream_failed");
    }
    for _ in 0..4 {
        assert_unavailable(&server.get("/x", None).await);
    }
    assert_unavailable(&server.get("/x", Some(&spent)).await);
    let failed = server.get("/x", Some(&credential)).await;
    assert_eq!(failed.code(), "upstream_failed");
    answer_all(TcpListener::bind(address).await.expect("the port"));
    // As long as a payment has to wait that was failed three times.
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(server.get("/x", Some(&credential)).await.status(), 200);
    // That was a success, so there is no pause.
    assert_eq!(server.get("/x", None).await.status(), 402);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_down_one_connection_a_second_is_tried_and_only_if_somebody_asks() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    // As a forwarder does whose server is down: accepts, and closes at once.
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let server = serve(&routes(address, "")).await;
    for _ in 0..2 {
        let failed = server.get("/free", None).await;
        assert_eq!(failed.code(), "upstream_failed");
    }
    let before = tries.load(Ordering::Relaxed);
    // The first one that asks finds out.
    for _ in 0..30 {
        assert_unavailable(&server.get("/x", None).await);
        assert_unavailable(&server.get("/free", None).await);
    }
    assert_eq!(tries.load(Ordering::Relaxed) - before, 1);
    sleep(Duration::from_millis(1100)).await;
    assert_eq!(tries.load(Ordering::Relaxed) - before, 1, "nobody asked");
    assert_unavailable(&server.get("/x", None).await);
    assert_eq!(tries.load(Ordering::Relaxed) - before, 2);
}

/// A buyer may know a request at which the upstream breaks the connection. It costs nobody else
/// anything, however often it is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_makes_the_upstream_reset_takes_nothing_from_others() {
    let stage = Stage::open().await;
    let address = stage.address();
    tokio::spawn(async move {
        loop {
            let mut wire = stage.accept_late().await;
            tokio::spawn(async move {
                if wire.try_head().await.is_some() {
                    wire.reset();
                }
            });
        }
    });
    let server = serve(&routes(address, "")).await;
    for _ in 0..5 {
        for _ in 0..2 {
            let failed = server.get("/free", None).await;
            assert_eq!(failed.code(), "upstream_failed");
        }
        assert_eq!(server.get("/x", None).await.status(), 402);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_slow_answers_and_buyers_who_leave_are_no_failures() {
    let broken = upstream(false, |_| async { whole(500, "broken") }).await;
    let server = serve(&routes(broken, "")).await;
    for _ in 0..3 {
        assert_eq!(server.get("/free", None).await.status(), 500);
    }
    assert_eq!(server.get("/x", None).await.status(), 402);

    // Nothing accepts here, so that an attempt to find out would hang, and not say 402.
    let stage = Stage::open().await;
    let more = "[http]\nupstream_timeout_secs = 1\n";
    let server = serve(&format!("{}{more}", routes(stage.address(), ""))).await;
    for _ in 0..2 {
        // The length is never reached: the buyer leaves, and the upload breaks off.
        let mut client = Wire::to(server.address).await;
        client
            .say("POST /free HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc")
            .await;
        let mut wire = stage.accept().await;
        wire.until(b"abc").await;
        client.reset();
        let _ = wire.rest().await;
    }
    assert_eq!(server.get("/free", None).await.code(), "upstream_timeout");
    drop(stage);
    // One more failure would be the second in a row.
    assert_eq!(server.get("/free", None).await.code(), "upstream_failed");
    assert_eq!(server.get("/x", None).await.status(), 402);
}

//! Exchanges in which the client, the gateway or the upstream fails: idle connections that end in
//! great numbers, uploads that stop, answers that break off.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use l402_server::ledger::BUYER_RELEASES;
use rustls_pki_types::PrivateKeyDer;
use serde_json::Value;
use socket2::SockRef;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::join;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::harness::{GatewayUnderTest, describe, request, routes, send, serve, upstream};
use crate::upstream::{
    LAST, OK, PATIENCE, STRAY, Stage, Wire, assert_failed, assert_says, let_read, pattern,
    server_before, server_with, serves_afresh, serves_once, upload,
};

/// More idle connections than one task can read in a turn: tokio gives it a budget of 128 reads.
const MANY: usize = 200;

/// Makes connections that have served a request and are all in the pool.
async fn idle(server: &GatewayUnderTest, stage: &Stage) -> Vec<Wire> {
    let mut exchanges = Vec::new();
    for _ in 0..MANY {
        let mut client = Wire::to(server.address).await;
        client.say("GET /free HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut wire = stage.accept().await;
        wire.head().await;
        exchanges.push((client, wire));
    }
    for (client, wire) in &mut exchanges {
        wire.say(OK).await;
        client.until(b"\r\n\r\nok").await;
    }
    exchanges.into_iter().map(|(_, wire)| wire).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_idle_connections_speak_or_end_none_is_used_again() {
    let stage = Stage::open().await;
    let server = server_with(&stage, "[http]\nconnections_per_peer = 0\n").await;
    let late = "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    for (said, closes) in [(STRAY, false), (late, true), ("", true)] {
        for method in ["GET", "POST"] {
            let mut old = idle(&server, &stage).await;
            for wire in &mut old {
                wire.say(said).await;
                if closes {
                    wire.socket.shutdown().await.unwrap();
                }
            }
            let_read(&server).await;
            let ask = send(server.address, request(method, "/free", None, b""));
            let upstream = async { stage.accept().await.answer(LAST).await };
            let (answer, _) = join!(ask, upstream);
            assert_says(&answer, 200, "ok");
            for wire in old {
                assert_eq!(wire.rest().await, b"", "{method} after {said:?}");
            }
        }
    }
}

/// Returns the settings of a TLS server that is `localhost` to clients that trust `ca.pem`.
fn acceptor(folder: &Path) -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    std::fs::write(folder.join("ca.pem"), made.cert.pem()).expect("written");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a certificate with its key");
    TlsAcceptor::from(Arc::new(config))
}

/// Reads the head of a request, and writes these bytes.
async fn answer(wire: &mut BufReader<TlsStream<TcpStream>>, text: &str) {
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        wire.read_line(&mut line).await.expect("a line");
    }
    wire.write_all(text.as_bytes()).await.expect("sent");
    wire.flush().await.expect("sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_over_tls_reaches_its_end_though_its_answer_has_begun() {
    let folder = tempfile::tempdir().unwrap();
    let acceptor = acceptor(folder.path());
    let stage = Stage::open().await;
    // Short segments and a small window make small buffers: few sizes are enough to end in the
    // gateway's own, which holds 64 KiB.
    let listener = SockRef::from(&stage.listener);
    listener.set_tcp_mss(1200).unwrap();
    listener.set_recv_buffer_size(8 * 1024).unwrap();
    let port = stage.address().port();
    let server = serve(&format!(
        "listen = [\"127.0.0.1:0\"]\nworkers = 1\n[[route]]\npath = \"/free\"\nfree = true\n\
         upstream = \"https://localhost:{port}\"\nupstream_ca = \"{}\"\n",
        folder.path().join("ca.pem").display()
    ))
    .await;
    for size in (4..=24).map(|count| count * 16 * 1024) {
        let mut client = Wire::to(server.address).await;
        let (head, body) = upload(&pattern(size), false);
        client.say(head).await;
        client.say(body).await;
        let socket = stage.accept().await.socket;
        let mut wire = BufReader::new(acceptor.accept(socket).await.unwrap());
        let_read(&server).await;
        answer(&mut wire, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n").await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let mut seen = vec![0; size];
        let read = timeout(PATIENCE, wire.read_exact(&mut seen)).await;
        read.expect("all of it comes").unwrap();
        assert!(seen == pattern(size), "{size}");
        wire.write_all(b"ok").await.unwrap();
        wire.flush().await.unwrap();
        assert_eq!(client.take(2).await, b"ok");
    }
}

/// Returns the values that reached an upstream under this name, or under one that some servers take
/// for it.
fn received<'a>(document: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = document["headers"].as_array().expect("a list");
    let text = |value: &'a Value| value.as_str().expect("text");
    let headers = headers.iter().map(|pair| (text(&pair[0]), text(&pair[1])));
    let alike = headers.filter(|(known, _)| known.replace('_', "-") == name.replace('_', "-"));
    alike.map(|(_, value)| value).collect()
}

/// Sends a paid request with headers of the client, to a route with headers of the operator.
async fn described(http2: bool, own: &str, spoofed: &[(&'static str, &str)]) -> Value {
    let mut text = routes(
        upstream(http2, describe).await,
        &format!("upstream_headers = {{ {own} }}\n"),
    );
    if http2 {
        text = text.replace("http://", "h2c://");
    }
    let server = serve(&text).await;
    let credential = server.buy("/x").await;
    let mut get = request("GET", "/x", Some(&credential), b"");
    for (name, value) in spoofed {
        get.headers_mut()
            .append(*name, value.parse().expect("a value"));
    }
    let answer = send(server.address, get).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_says_in_the_gateways_place_is_said_once() {
    let own = "x-forwarded-proto = \"https\", x-forwarded-host = \"a.example\", \
               x-l402-service = \"mine\", x_forwarded_for = \"nobody\"";
    let spoofed = [
        ("x-forwarded-proto", "ftp"),
        ("x-forwarded-host", "b.example"),
        ("x-l402-service", "theirs"),
    ];
    for http2 in [false, true] {
        let document = described(http2, own, &spoofed).await;
        for (name, value) in [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "a.example"),
            ("x-l402-service", "mine"),
            ("x-forwarded-for", "nobody"),
            // The operator sets no header of this name.
            ("x-l402-price-msat", "50000"),
        ] {
            assert_eq!(received(&document, name), [value], "{name}: {document}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_of_the_operators_is_his_with_dashes_and_with_underscores() {
    for http2 in [false, true] {
        for (own, theirs) in [("x-key", "x_key"), ("x_key", "x-key"), ("x_a-b", "x-a_b")] {
            let spoofed = [
                (theirs, "theirs"),
                (own, "theirs too"),
                ("x-other", "stays"),
            ];
            let document = described(http2, &format!("{own} = \"ours\""), &spoofed).await;
            assert_eq!(received(&document, own), ["ours"], "{own}: {document}");
            assert_eq!(
                received(&document, "x-other"),
                ["stays"],
                "{own}: {document}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_who_stalls_his_upload_until_the_answer_breaks_off_has_few_attempts() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    for (answer, abrupt) in [
        ("content-length: 9\r\n\r\nnearly", false),
        ("content-length: 9\r\n\r\nnearly", true),
        ("transfer-encoding: chunked\r\n\r\n6\r\nnearly\r\n", false),
        ("transfer-encoding: chunked\r\n\r\n6\r\nnearly\r\n", true),
    ] {
        let credential = server.buy("/x").await;
        for _ in 0..=BUYER_RELEASES {
            let mut client = Wire::to(server.address).await;
            let host = format!("Host: a\r\nAuthorization: {credential}");
            let post = format!("POST /x HTTP/1.1\r\n{host}\r\nContent-Length: 10\r\n\r\na");
            client.say(post).await;
            let mut wire = stage.accept().await;
            wire.head().await;
            assert_eq!(wire.take(1).await, b"a");
            wire.say(format!("HTTP/1.1 200 OK\r\n{answer}")).await;
            client.until(b"nearly").await;
            if abrupt {
                wire.reset();
            } else {
                drop(wire);
            }
            let rest = client.rest().await;
            assert!(rest.is_empty() || rest == b"\r\n", "{answer:?} {rest:?}");
        }
        let again = server.get("/x", Some(&credential)).await;
        assert_eq!(again.code(), "consumed", "{answer:?}, abrupt: {abrupt}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_that_was_heard_is_not_sent_again_whatever_was_said_of_it() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    for (interim, abrupt) in [
        ("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", false),
        ("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", true),
        ("HTTP/1.1 100 Continue\r\n\r\n", false),
    ] {
        let mut old = serves_afresh(&server, &stage).await;
        let upstream = async {
            old.answer(interim).await;
            let_read(&server).await;
            if abrupt {
                old.reset();
            } else {
                drop(old);
            }
        };
        let (answer, ()) = join!(server.get("/free", None), upstream);
        assert_failed(&answer, interim);
        assert!(!stage.is_called(), "it was sent twice after {interim:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_until_the_close_is_not_whole_where_its_upload_broke_off() {
    let stage = Stage::open().await;
    let server = server_with(&stage, "[http]\nbody_max_bytes = 32\n").await;
    for fault in ["ZZ\r\n", "20\r\n01234567890123456789012345678901\r\n"] {
        let credential = server.buy("/x").await;
        let mut client = Wire::to(server.address).await;
        let host = format!("Host: a\r\nAuthorization: {credential}");
        let post = format!("POST /x HTTP/1.1\r\n{host}\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.say(post + "2\r\nhi\r\n").await;
        let mut wire = stage.accept().await;
        wire.head().await;
        assert_eq!(wire.take(5).await, b"2\r\nhi");
        wire.say("HTTP/1.1 200 OK\r\n\r\nnearly").await;
        client.until(b"nearly\r\n").await;
        client.say(fault).await;
        // It learns that no more comes, and closes.
        wire.rest().await;
        let rest = client.rest().await;
        assert_eq!(rest, b"", "the last chunk must not come after {fault:?}");
        serves_once(&server, &stage, &credential).await;
    }
}

/// The exchange takes three times the idle time-out, and neither side is ever silent for so long.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_taken_slowly_reaches_its_end_though_its_answer_has_begun() {
    const PIECE: usize = 16 * 1024;
    const PIECES: usize = 128;
    let stage = Stage::open().await;
    let listener = SockRef::from(&stage.listener);
    listener.set_tcp_mss(1200).unwrap();
    listener.set_recv_buffer_size(8 * 1024).unwrap();
    let server = server_with(&stage, "[http]\nbody_idle_timeout_secs = 1\n").await;
    let sent = pattern(PIECES * PIECE);
    let (head, body) = upload(&sent, false);
    let mut client = Wire::to(server.address).await;
    client.say(&head).await;
    let mut wire = stage.accept().await;
    wire.until(b"\r\n\r\n").await;
    wire.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    let answer = client.head().await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (mut from, mut to) = client.socket.into_split();
    let writing = tokio::spawn(async move { to.write_all(&body).await.map(|()| to) });
    let reading = tokio::spawn(async move {
        let mut answer = Vec::new();
        while !answer.ends_with(b"0\r\n\r\n") {
            assert_ne!(from.read_buf(&mut answer).await.unwrap(), 0, "it ends");
        }
    });
    let mut taken = Vec::new();
    while taken.len() < sent.len() {
        taken.extend(wire.take(PIECE).await);
        wire.say("1\r\n.\r\n").await;
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(taken == sent, "what was sent has arrived");
    wire.say("0\r\n\r\n").await;
    timeout(PATIENCE, reading).await.expect("it ends").unwrap();
    drop(writing.await.unwrap().unwrap());
}

//! Answers before the end of a request reach a client that sends all of it before it reads (RFC
//! 9112, section 9.6; RFC 9113, section 8.1).

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::frames::{DATA, END_STREAM, Frames, RST_STREAM};
use crate::harness::{GatewayUnderTest, describe, routes, serve, upstream};
use crate::upstream::{PATIENCE, Stage, Wire, pattern, server_with};

const MIB: usize = 1024 * 1024;

async fn server(more: &str) -> GatewayUnderTest {
    serve(&(routes(upstream(false, describe).await, "") + more)).await
}

/// Sends all of a request, and only then reads, as Python's `http.client` does. Returns the head of
/// the answer, and everything after it up to the close.
async fn send_then_read(server: &GatewayUnderTest, head: &str, body: &[u8]) -> (String, String) {
    let mut client = Wire::to(server.address).await;
    client.say(head).await;
    client.say(body).await;
    let answer = client.head().await;
    (
        answer,
        String::from_utf8(client.rest().await).expect("text"),
    )
}

fn post(path: &str, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\n{more}\r\n")
}

fn in_one_chunk(length: usize) -> Vec<u8> {
    let mut body = format!("{length:x}\r\n").into_bytes();
    body.extend(pattern(length));
    body.extend_from_slice(b"\r\n0\r\n\r\n");
    body
}

// FAULTS G2: an early answer is read by a client that writes first. Also in chunks, and for 401,
// 413, and 400 by the gateway or by the framing.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_before_the_end_of_an_upload_is_read() {
    let server = server("[http]\nbody_max_bytes = 4194304\n").await;
    let length = |length: usize| format!("Content-Length: {length}\r\n");
    let chunks = "Transfer-Encoding: chunked\r\n";
    let forged = format!("Authorization: L402 abc:def\r\n{}", length(3 * MIB));
    let twice = length(3 * MIB) + &length(3 * MIB);
    for (head, body, status) in [
        (post("/x", &length(3 * MIB)), pattern(3 * MIB), 402),
        (post("/x", chunks), in_one_chunk(3 * MIB), 402),
        (post("/x", &forged), pattern(3 * MIB), 401),
        (post("/x", &length(10_000_000)), pattern(10_000_000), 413),
        (post("/free", chunks), in_one_chunk(10_000_000), 413),
        (post("/free", &twice), pattern(3 * MIB), 400),
        (post("/%zz", &length(3 * MIB)), pattern(3 * MIB), 400),
    ] {
        for _ in 0..3 {
            let (answer, rest) = send_then_read(&server, &head, &body).await;
            let expected = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&expected), "{head}: {answer}");
            assert!(answer.contains("connection: close\r\n"), "{head}: {answer}");
            assert!(rest.len() < 10_000, "one answer: {rest}");
        }
    }
}

// FAULTS G2: as the list demands, ten megabytes, 20 of 20.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_of_twenty_uploads_of_ten_megabytes_read_their_402() {
    let server = server("").await;
    let head = post("/x", "Content-Length: 10000000\r\n");
    let body: &'static [u8] = pattern(10_000_000).leak();
    let mut uploads = JoinSet::new();
    for _ in 0..20 {
        let (address, head) = (server.address, head.clone());
        uploads.spawn(async move {
            let mut client = Wire::to(address).await;
            client.say(head).await;
            client.say(body).await;
            client.head().await
        });
    }
    while let Some(answer) = uploads.join_next().await {
        assert!(answer.unwrap().starts_with("HTTP/1.1 402 "));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_short_upload_that_was_refused_the_connection_goes_on() {
    let server = server("").await;
    let mut client = Wire::to(server.address).await;
    for length in [1, 1000, 64 * 1024] {
        let framing = format!("Content-Length: {length}\r\n");
        client.say(post("/x", &framing)).await;
        // The answer does not wait for the body.
        let answer = client.head().await;
        assert!(answer.starts_with("HTTP/1.1 402 "), "{answer}");
        assert!(!answer.contains("connection: close"), "{answer}");
        client.body(&answer).await;
        client.say(pattern(length)).await;
    }
    client.say("GET /free HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
}

/// The rest of a request must not become a way to hold a connection (ATTACKS D-05).
#[tokio::test(flavor = "multi_thread")]
async fn a_rest_that_does_not_come_is_given_up() {
    let server = server("").await;
    let begun = Instant::now();
    let mut waiting = JoinSet::new();
    for length in [1000, 10_000_000] {
        let mut client = Wire::to(server.address).await;
        let framing = format!("Content-Length: {length}\r\n");
        client.say(post("/x", &framing)).await;
        waiting.spawn(async move {
            client.head().await;
            // The gateway ends its sending first, and then the connection. Where it waits for a short
            // rest, the first is enough.
            let mut client = client.rest_and_socket().await;
            while length > 1000 && client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
    }
    let both = timeout(PATIENCE, waiting.join_all()).await;
    both.expect("both are let go");
    let time = begun.elapsed();
    assert!(time < Duration::from_secs(6), "{time:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_to_be_told_to_send_is_not_told() {
    let server = server("").await;
    let head = post("/x", "Content-Length: 10\r\nExpect: 100-continue\r\n");
    let mut client = Wire::to(server.address).await;
    client.say(head).await;
    let answer = client.head().await;
    assert!(answer.starts_with("HTTP/1.1 402 "), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
}

// FAULTS G2: an upstream that answers a paid upload early and breaks the connection off.
#[tokio::test(flavor = "multi_thread")]
async fn an_early_answer_of_the_upstream_to_a_paid_upload_is_read() {
    let stage = Stage::open().await;
    let server = server_with(&stage, "").await;
    let refusal = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 8\r\nconnection: close\r\n\r\n\
                   too long";
    let credential = server.buy("/x").await;
    let headers = format!("Content-Length: 10000000\r\nAuthorization: {credential}\r\n");
    let (head, body) = (post("/x", &headers), pattern(10_000_000));
    for _ in 0..5 {
        let upstream = async {
            let mut wire = stage.accept().await;
            wire.head().await;
            wire.unread().await;
            wire.say(refusal).await;
            // Closed with unread bytes: a reset.
        };
        let ((answer, rest), ()) = tokio::join!(send_then_read(&server, &head, &body), upstream);
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
        assert_eq!(rest, "too long");
    }
}

// FAULTS G3: over HTTP/2 some hundred kilobytes are taken in before the stream is reset.
#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_a_request_over_http2_is_taken_in_before_a_reset() {
    let server = server("[http]\nh2c = true\n").await;
    let piece = [0; 16 * 1024];
    for (pieces, is_reset) in [(1, false), (7, false), (30, false), (60, true)] {
        let mut client = Frames::to(server.address).await;
        client.ask(1, "POST", "/x", false).await;
        let answer = client.answer(1).await;
        assert!(answer.last().is_some_and(|last| last.ends_stream()));
        for number in 1..=pieces {
            let ends = number == pieces && !is_reset;
            let flags = if ends { END_STREAM } else { 0 };
            client.say(DATA, flags, 1, &piece).await;
        }
        // Another request on the connection comes after all that the first one has caused.
        client.ask(3, "GET", "/free", true).await;
        let end = if is_reset { 1 } else { 3 };
        let last = loop {
            let frame = client.next().await.expect("the connection stays");
            if frame.stream == end && (frame.kind == RST_STREAM || frame.ends_stream()) {
                break frame;
            }
            assert!(frame.kind != RST_STREAM, "{pieces} pieces: {frame:?}");
        };
        // The reason is NO_ERROR: the answer was whole.
        let is_no_error = last.kind == RST_STREAM && last.payload == [0; 4];
        assert_eq!(is_no_error, is_reset, "{pieces} pieces: {last:?}");
    }
}

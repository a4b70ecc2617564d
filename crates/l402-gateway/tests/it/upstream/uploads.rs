//! Uploads: the framing and the time-outs of their bodies, and answers that come before their end.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::join;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::stage::{
    LARGE, LAST, OK, PATIENCE, Stage, Wire, let_read, pattern, server_before, server_with,
    serves_afresh, serves_again, upload,
};
use crate::harness::{request, try_send};

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_comes_back_whole_to_a_client_that_reads_last() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    for (in_chunks, early) in [(false, false), (true, false), (false, true), (true, true)] {
        let (head, body) = upload(&pattern(LARGE), in_chunks);
        let mut client = Wire::to(server.address).await;
        let upload = async {
            client.say(&head).await;
            client.say(&body).await;
        };
        let upstream = async {
            let mut wire = stage.accept().await;
            let head = wire.head().await;
            let framing = head.lines().filter(|line| is_framing(line));
            let framing = framing.collect::<String>();
            let answer = format!("HTTP/1.1 200 OK\r\n{framing}\r\nconnection: close\r\n\r\n");
            if early {
                wire.say(answer).await;
                tokio::spawn(wire.echo());
                return;
            }
            let body = wire.body(&head).await;
            let (_, body) = self::upload(&body, in_chunks);
            tokio::spawn(async move {
                wire.say(answer).await;
                wire.say(body).await;
            });
        };
        join!(upload, upstream);
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let echoed = client.body(&head).await;
        assert!(echoed == pattern(LARGE), "{in_chunks} {early}");
    }
}

fn is_framing(line: &str) -> bool {
    line.starts_with("content-length: ") || line.starts_with("transfer-encoding: ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reaches_a_client_that_is_still_uploading() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    let refusal =
        "HTTP/1.1 413 Content Too Large\r\ncontent-length: 8\r\nconnection: close\r\n\r\ntoo long";
    for (in_chunks, abrupt) in [(false, false), (true, false), (false, true), (true, true)] {
        let (head, body) = upload(&pattern(LARGE), in_chunks);
        let (mut from, mut to) = TcpStream::connect(server.address)
            .await
            .unwrap()
            .into_split();
        let uploading = tokio::spawn(async move {
            to.write_all(head.as_bytes()).await?;
            to.write_all(&body).await?;
            Ok::<_, std::io::Error>(to)
        });
        let mut wire = stage.accept().await;
        wire.head().await;
        wire.unread().await;
        wire.say(refusal).await;
        wire.socket.shutdown().await.unwrap();
        let held = (!abrupt).then_some(wire);
        let mut seen = Vec::new();
        while !seen.ends_with(b"too long") {
            let read = timeout(PATIENCE, from.read_buf(&mut seen)).await;
            assert!(read.unwrap().unwrap() > 0, "abrupt: {abrupt}");
        }
        assert!(seen.starts_with(b"HTTP/1.1 413"), "abrupt: {abrupt}");
        uploading.abort();
        drop(held);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_early_answer_the_upstream_gets_the_rest_of_the_upload() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    for in_chunks in [false, true] {
        let (head, body) = upload(&pattern(200_000), in_chunks);
        let (first, second) = body.split_at(body.len() / 2);
        let mut client = Wire::to(server.address).await;
        client.say(&head).await;
        client.say(first).await;
        let mut wire = stage.accept().await;
        let head = wire.answer(OK).await;
        let answer = client.head().await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(client.take(2).await, b"ok");
        client.say(second).await;
        assert!(wire.body(&head).await == pattern(200_000));
        serves_afresh(&server, &stage).await.reset();
        let_read(&server).await;
        assert_eq!(wire.rest().await, b"", "in chunks: {in_chunks}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_says_how_its_body_is_framed_once() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    let mut wire = serves_afresh(&server, &stage).await;
    let chunks = "2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nX-Late: 1\r\n\r\n";
    let (length, coding) = ("content-length: 5", "Transfer-Encoding: chunked\r\n");
    let coding_passed = coding.trim_end().to_lowercase();
    for (method, said, sent, framing, body) in [
        ("GET", "", "", "", ""),
        ("GET", "Content-Length: 0\r\n", "", "", ""),
        ("DELETE", "", "", "", ""),
        ("POST", "", "", "content-length: 0", ""),
        ("POST", "Content-Length: 0\r\n", "", "content-length: 0", ""),
        ("PUT", "", "", "content-length: 0", ""),
        ("PATCH", "", "", "content-length: 0", ""),
        ("POST", "Content-Length: 05\r\n", "hello", length, "hello"),
        ("GET", "Content-Length: 5\r\n", "hello", length, "hello"),
        ("POST", coding, chunks, &coding_passed, "hello"),
        ("POST", coding, "0\r\n\r\n", &coding_passed, ""),
    ] {
        let mut client = Wire::to(server.address).await;
        let head = format!("{method} /free HTTP/1.1\r\nHost: a\r\n{said}\r\n");
        client.say(head + sent).await;
        // Bytes that one request leaves over would begin the head of the next.
        let head = wire.head().await;
        assert!(
            head.starts_with(&format!("{method} /free HTTP/1.1\r\n")),
            "{head}"
        );
        let lines: Vec<&str> = head.lines().filter(|line| is_framing(line)).collect();
        assert_eq!(lines.join("; "), framing, "{method} {said}");
        if !framing.is_empty() {
            assert_eq!(wire.body(&head).await, body.as_bytes());
        }
        wire.say(OK).await;
        assert!(client.head().await.starts_with("HTTP/1.1 200"));
        assert_eq!(client.take(2).await, b"ok");
    }
    serves_again(&server, &stage, &mut wire).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_for_an_answer_begins_with_the_last_piece_of_the_request() {
    let stage = Stage::open().await;
    let server = server_with(&stage, "[http]\nupstream_timeout_secs = 1\n").await;
    for (pause, status) in [(300, "HTTP/1.1 200"), (0, "HTTP/1.1 504")] {
        let mut client = Wire::to(server.address).await;
        client.say(upload(b"12345", false).0).await;
        for piece in ["1", "2", "3", "4", "5"] {
            sleep(Duration::from_millis(pause)).await;
            client.say(piece).await;
        }
        let sent = Instant::now();
        let mut wire = stage.accept().await;
        let head = wire.head().await;
        assert_eq!(wire.body(&head).await, b"12345");
        let served = pause > 0;
        if served {
            wire.say(LAST).await;
        }
        let head = client.head().await;
        assert!(head.starts_with(status), "{head}");
        assert!(served || sent.elapsed() >= Duration::from_millis(900));
        assert_eq!(wire.rest().await, b"");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_after_its_answer_does_not_look_whole() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    for in_chunks in [false, true] {
        let (head, body) = upload(&pattern(1000), in_chunks);
        let mut client = Wire::to(server.address).await;
        client.say(&head).await;
        client.say(&body[..500]).await;
        let mut wire = stage.accept().await;
        wire.answer(OK).await;
        client.head().await;
        client.reset();
        let seen = wire.rest().await;
        assert!(seen.len() < 520, "{seen:?}");
        assert!(!seen.ends_with(b"0\r\n\r\n"), "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_an_upload_that_nobody_takes_does_not_keep_its_client() {
    let stage = Stage::open().await;
    let limits = "[http]\nconnections_per_peer = 1\nbody_idle_timeout_secs = 1\n";
    let server = server_with(&stage, limits).await;
    let (head, body) = upload(&pattern(LARGE), false);
    let mut client = Wire::to(server.address).await;
    client.say(&head).await;
    let mut wire = stage.accept().await;
    wire.answer(OK).await;
    let answer = client.head().await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // As much as the buffers between take, until nothing moves.
    while let Ok(Ok(1..)) = timeout(Duration::from_millis(200), client.socket.write(&body)).await {}
    client.reset();
    let another = async {
        while try_send(server.address, request("TRACE", "/free", None, b""))
            .await
            .is_err()
        {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let served = timeout(PATIENCE, another).await;
    served.expect("the place of a client that has left is free again");
    drop(wire);
}

// FAULTS S11: a request's body that comes drop by drop is given up, in chunks or of known length. One
// that comes at the least rate is not.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_comes_drop_by_drop_is_given_up() {
    join!(
        drop_by_drop(false, (1, 250), "408"),
        drop_by_drop(true, (1, 250), "408"),
        drop_by_drop(false, (10, 50), "200"),
    );
}

/// Uploads 200 bytes in pieces of this length with pauses of so many milliseconds, and checks the
/// status.
async fn drop_by_drop(in_chunks: bool, (piece, pause_ms): (usize, u64), status: &str) {
    let stage = Stage::open().await;
    let limits = "[http]\nbody_idle_timeout_secs = 1\nbody_min_bytes_per_sec = 50\n";
    let server = server_with(&stage, limits).await;
    let (head, body) = upload(&pattern(200), in_chunks);
    let mut client = Wire::to(server.address).await;
    client.say(&head).await;
    let mut wire = stage.accept().await;
    let upstream = async {
        let head = wire.head().await;
        if status == "200" {
            wire.body(&head).await;
            wire.say(OK).await;
        }
    };
    let sending = async {
        for piece in body.chunks(piece) {
            let _ = client.socket.write_all(piece).await;
            sleep(Duration::from_millis(pause_ms)).await;
        }
    };
    // The slow ones would go on for long after they were given up.
    let is_slow = status != "200";
    let most = if is_slow {
        Duration::from_millis(1500)
    } else {
        PATIENCE
    };
    let _ = join!(timeout(most, sending), upstream);
    let answer = client.head().await;
    let line = format!("HTTP/1.1 {status}");
    assert!(answer.starts_with(&line), "{answer}");
}

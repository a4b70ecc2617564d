//! Connections that end, send bytes without a request, or are used again.

use tokio::io::AsyncWriteExt as _;
use tokio::join;

use super::stage::{
    CHUNKED, LAST, OK, STRAY, Stage, Wire, assert_failed, assert_says, let_read, server_before,
    serves_afresh,
};
use crate::harness::{request, send};

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_an_answer_answers_nobody() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    for (method, first, status, body) in [
        ("GET", OK, 200, "ok"),
        ("GET", &format!("{CHUNKED}2\r\nok\r\n0\r\n\r\n"), 200, "ok"),
        (
            "GET",
            "HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n",
            404,
            "",
        ),
        ("HEAD", OK, 200, ""),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        ("GET", "HTTP/1.1 304 Not Modified\r\n\r\n", 304, ""),
    ] {
        let upstream = async {
            let mut wire = stage.accept().await;
            wire.answer(format!("{first}{STRAY}")).await;
            wire
        };
        let get = send(server.address, request(method, "/free", None, b""));
        let (answer, wire) = join!(get, upstream);
        assert_says(&answer, status, body);
        assert_eq!(wire.rest().await, b"", "{first:?}");
    }
    serves_afresh(&server, &stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_that_speaks_or_ends_is_not_used_again() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    for stray in [STRAY, "\r\n", "HTTP/1.1 408 Request Timeout\r\n\r\n", ""] {
        let mut old = serves_afresh(&server, &stage).await;
        if stray.is_empty() {
            old.socket.shutdown().await.unwrap();
        } else {
            old.say(stray).await;
        }
        let_read(&server).await;
        // POST is not repeated, so it shows that nothing was sent on the old connection.
        let post = send(server.address, request("POST", "/free", None, b"hello"));
        let upstream = async {
            let mut new = stage.accept().await;
            new.head().await;
            assert_eq!(new.take(5).await, b"hello");
            new.say(LAST).await;
            new
        };
        let (answer, new) = join!(post, upstream);
        assert_says(&answer, 200, "ok");
        assert_eq!(old.rest().await, b"", "{stray:?}");
        assert_eq!(new.rest().await, b"", "{stray:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_is_repeated_once_where_an_idle_connection_ends_under_it() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    for reset in [false, true] {
        let mut old = serves_afresh(&server, &stage).await;
        let upstream = async {
            old.unread().await;
            if !reset {
                old.head().await;
            }
            drop(old);
            let mut new = stage.accept().await;
            let head = new.answer(LAST).await;
            assert!(head.starts_with("GET /free HTTP/1.1\r\n"), "{head}");
            assert_eq!(new.rest().await, b"");
        };
        let (answer, ()) = join!(server.get("/free", None), upstream);
        assert_says(&answer, 200, "ok");

        let mut old = serves_afresh(&server, &stage).await;
        let upstream = async {
            old.head().await;
            drop(old);
            stage.accept().await.head().await;
        };
        let (answer, ()) = join!(server.get("/free", None), upstream);
        assert_failed(&answer, "the second time");
        assert!(!stage.is_called(), "there must be no third time");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_done_is_not_asked_for_again() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    for (method, body, begun, reset) in [
        ("POST", &b"hello"[..], "", false),
        ("POST", b"hello", "", true),
        ("POST", b"", "", false),
        ("PUT", b"hello", "", false),
        ("DELETE", b"", "", false),
        ("GET", b"hello", "", false),
        // Its answer had begun.
        ("GET", b"", "H", false),
        ("GET", b"", "HTTP/1.1 200 OK\r\n", false),
    ] {
        let mut old = serves_afresh(&server, &stage).await;
        let upstream = async {
            old.unread().await;
            if !reset {
                old.head().await;
                old.take(body.len()).await;
            }
            old.say(begun).await;
            drop(old);
        };
        let ask = send(server.address, request(method, "/free", None, body));
        let (answer, ()) = join!(ask, upstream);
        assert_failed(&answer, method);
        assert!(!stage.is_called(), "{method} {begun:?} was sent twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_that_ends_without_an_answer_is_not_tried_again() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    for (method, reset) in [("GET", false), ("GET", true), ("POST", false)] {
        let upstream = async {
            let mut wire = stage.accept().await;
            wire.unread().await;
            if !reset {
                wire.head().await;
            }
        };
        let ask = send(server.address, request(method, "/free", None, b""));
        let (answer, ()) = join!(ask, upstream);
        assert_failed(&answer, method);
        assert!(!stage.is_called(), "{method} was tried again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_its_client_leaves_takes_its_connection_along() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    let mut client = Wire::to(server.address).await;
    client.say("GET /free HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut wire = stage.accept().await;
    wire.answer("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf")
        .await;
    client.until(b"half").await;
    client.reset();
    assert_eq!(wire.rest().await, b"");
    serves_afresh(&server, &stage).await;
}

//! Answers that are cut, framed or ended in odd ways.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use tokio::join;
use tokio::net::TcpStream;

use super::stage::{
    OK, Stage, Wire, assert_failed, assert_says, let_read, server_before, serves_afresh,
    serves_again, serves_once,
};
use crate::harness::{GatewayUnderTest, request, routes, send, serve, try_send, upstream, whole};

/// Asks for trailers as well, and returns the body if none came.
async fn body_without_trailers(server: &GatewayUnderTest) -> Bytes {
    let socket = TcpStream::connect(server.address)
        .await
        .expect("a connection");
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await;
    let (mut sender, connection) = handshake.expect("a connection");
    tokio::spawn(connection);
    let get = Request::get("/free")
        .header("host", "a")
        .header("te", "trailers");
    let get = get.body(Full::<Bytes>::default()).expect("a request");
    let answer = sender.send_request(get).await.expect("an answer");
    assert_eq!(answer.headers().get("trailer"), None);
    let body = answer.into_body().collect().await.expect("a body");
    assert!(body.trailers().is_none());
    body.to_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_are_read_wherever_they_are_cut_and_their_trailers_stay_behind() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    let mut wire = serves_afresh(&server, &stage).await;
    let text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-late\r\n\r\n\
        5;a=b;c=\"d\"\r\nhello\r\n1 \r\n,\r\n06\r\n world\r\n0;last\r\nX-Late: yes\r\n\r\n";
    for cut in 1..text.len() {
        let upstream = async {
            wire.answer(&text[..cut]).await;
            let_read(&server).await;
            wire.say(&text[cut..]).await;
        };
        let (body, ()) = join!(body_without_trailers(&server), upstream);
        assert_eq!(body, "hello, world", "cut at {cut}");
    }
    let byte_by_byte = async {
        wire.head().await;
        for byte in text.as_bytes() {
            wire.say([*byte]).await;
        }
    };
    let (body, ()) = join!(body_without_trailers(&server), byte_by_byte);
    assert_eq!(body, "hello, world");
    serves_again(&server, &stage, &mut wire).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_looks_broken_and_costs_nothing() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    for (framing, part) in [
        ("content-length: 5", ""),
        ("content-length: 5", "half"),
        ("transfer-encoding: chunked", ""),
        ("transfer-encoding: chunked", "5"),
        ("transfer-encoding: chunked", "5\r\nhalf"),
        ("transfer-encoding: chunked", "5\r\nwhole"),
        ("transfer-encoding: chunked", "5\r\nwhole\r\n"),
        ("transfer-encoding: chunked", "5\r\nwhole\r\n0\r\n"),
        (
            "transfer-encoding: chunked",
            "5\r\nwhole\r\n0\r\nx-late: 1\r\n",
        ),
        // The connection goes on, but it is unclear where the next answer begins.
        ("transfer-encoding: chunked", "5\r\nlonger\r\n0\r\n\r\n"),
        (
            "transfer-encoding: chunked",
            "5\r\nwhole\r\nzz\r\n0\r\n\r\n",
        ),
        ("transfer-encoding: chunked", "5\nwhole\n0\n\n"),
    ] {
        let credential = server.buy("/x").await;
        let upstream = async {
            let mut wire = stage.accept().await;
            let answer = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{part}");
            wire.answer(answer).await;
        };
        let get = try_send(server.address, request("GET", "/x", Some(&credential), b""));
        let (answer, ()) = join!(get, upstream);
        assert!(answer.is_err(), "{part:?} must not look whole");
        serves_once(&server, &stage, &credential).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_only_the_close_would_end_is_broken_by_a_reset() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    let credential = server.buy("/x").await;
    let mut client = Wire::to(server.address).await;
    let authorization = format!("Authorization: {credential}");
    client
        .say(format!(
            "GET /x HTTP/1.1\r\nHost: a\r\n{authorization}\r\n\r\n"
        ))
        .await;
    let mut wire = stage.accept().await;
    wire.answer("HTTP/1.1 200 OK\r\n\r\nhalf").await;
    client.until(b"half\r\n").await;
    wire.reset();
    assert_eq!(client.rest().await, b"", "the last chunk must not come");
    serves_once(&server, &stage, &credential).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_two_readings_is_502_and_costs_nothing() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    let headers = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
        "X: y\r\n folded",
    ];
    let mut answers: Vec<String> = headers.map(|h| format!("HTTP/1.1 200 OK\r\n{h}")).into();
    answers.push("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked".to_owned());
    answers.push("HTTP/2 200 OK".to_owned());
    answers.push("220 mail.example ESMTP".to_owned());
    for head in answers {
        let credential = server.buy("/x").await;
        let upstream = async {
            let mut wire = stage.accept().await;
            wire.answer(format!("{head}\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))
                .await;
            wire
        };
        let (answer, wire) = join!(server.get("/x", Some(&credential)), upstream);
        assert_failed(&answer, &head);
        assert_eq!(answer.json()["retry_with"], "same_token");
        assert_eq!(wire.rest().await, b"", "{head}");
        serves_once(&server, &stage, &credential).await;
    }
}

// FAULTS G11: 256 header fields of an answer pass, in either version of HTTP; also long ones.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_256_header_fields_passes() {
    for (http2, fields, length, status) in [
        (false, 100, 5, 200),
        (false, 255, 5, 200),
        (false, 255, 400, 200),
        (false, 256, 5, 502),
        (true, 100, 5, 200),
        (true, 255, 400, 200),
        (true, 255, 600, 502),
    ] {
        // The other fields: `Content-Length` over HTTP/1.1, `Date` over both.
        let upstream = upstream(http2, move |_| async move {
            let mut answer = whole(200, "ok");
            for number in 1..fields {
                let name = http::HeaderName::try_from(format!("x-field-{number}"));
                let value = http::HeaderValue::try_from("v".repeat(length));
                answer.headers_mut().insert(name.unwrap(), value.unwrap());
            }
            answer
                .headers_mut()
                .insert("date", http::HeaderValue::from_static("now"));
            answer
        });
        let text = routes(upstream.await, "");
        let scheme = if http2 { "h2c://" } else { "http://" };
        let server = serve(&text.replace("http://", scheme)).await;
        let mut client = Wire::to(server.address).await;
        client.say("GET /free HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let head = client.head().await;
        let expected = format!("HTTP/1.1 {status} ");
        assert!(head.starts_with(&expected), "{fields} of {length}: {head}");
        let passed = head.lines().filter(|line| line.starts_with("x-field-"));
        assert!(status == 502 || passed.count() == fields - 1, "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_length_ends_with_its_connection() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    for head in [
        "HTTP/1.0 200 OK",
        "HTTP/1.0 200 OK\r\nconnection: keep-alive",
        "HTTP/1.1 200 OK",
    ] {
        let upstream = async {
            let mut wire = stage.accept().await;
            wire.answer(format!("{head}\r\n\r\nall ")).await;
            let_read(&server).await;
            wire.say("of it").await;
        };
        let (answer, ()) = join!(server.get("/free", None), upstream);
        assert_says(&answer, 200, "all of it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_the_old_version_keeps_its_connection_only_where_it_says_so() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    for (head, again) in [
        ("HTTP/1.0 200 OK", false),
        ("HTTP/1.1 200 OK\r\nconnection: close", false),
        ("HTTP/1.1 200 OK\r\nconnection: x-other , Close", false),
        ("HTTP/1.0 200 OK\r\nconnection: Keep-Alive", true),
    ] {
        let upstream = async {
            let mut wire = stage.accept().await;
            wire.answer(format!("{head}\r\ncontent-length: 5\r\n\r\nhello"))
                .await;
            wire
        };
        let (answer, mut wire) = join!(server.get("/free", None), upstream);
        assert_says(&answer, 200, "hello");
        assert_eq!(answer.header("keep-alive"), None);
        if again {
            serves_again(&server, &stage, &mut wire).await;
        } else {
            assert_eq!(wire.rest().await, b"", "{head}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn interim_answers_are_not_the_answer() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    let mut wire = serves_afresh(&server, &stage).await;
    let interim = [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\ncontent-length: 7\r\n\r\n",
        "HTTP/1.1 199 x\r\nconnection: close\r\n\r\n",
    ];
    for apart in [false, true] {
        let upstream = async {
            wire.head().await;
            for answer in interim {
                wire.say(answer).await;
                if apart {
                    let_read(&server).await;
                }
            }
            wire.say(OK).await;
        };
        let (answer, ()) = join!(server.get("/free", None), upstream);
        assert_says(&answer, 200, "ok");
        assert_eq!(answer.header("link"), None);
    }
    serves_again(&server, &stage, &mut wire).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_has_no_body_by_its_nature_keeps_its_connection() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    let mut wire = serves_afresh(&server, &stage).await;
    let (length, coding) = ("content-length: 5\r\n", "transfer-encoding: chunked\r\n");
    for (method, answer, told) in [
        ("HEAD", format!("200 OK\r\n{length}"), Some("5")),
        ("HEAD", format!("200 OK\r\n{coding}"), None),
        ("HEAD", "404 Not Found\r\n".to_owned(), None),
        ("GET", "204 No Content\r\n".to_owned(), None),
        ("GET", format!("304 Not Modified\r\n{length}"), None),
        ("GET", format!("304 Not Modified\r\n{coding}"), None),
        ("POST", "204 No Content\r\n".to_owned(), None),
    ] {
        let ask = send(server.address, request(method, "/free", None, b""));
        let upstream = wire.answer(format!("HTTP/1.1 {answer}\r\n"));
        let (seen, asked) = join!(ask, upstream);
        assert!(asked.starts_with(method), "{asked}");
        assert!(answer.starts_with(seen.head.status.as_str()), "{answer}");
        assert_eq!(seen.header("content-length"), told, "{answer}");
        assert_eq!(seen.text(), "", "{answer}");
    }
    serves_again(&server, &stage, &mut wire).await;
}

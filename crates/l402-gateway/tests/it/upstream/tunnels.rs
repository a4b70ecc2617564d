//! Upgrades: switches of protocols that the request asked for, and others.

use tokio::join;

use super::stage::{STRAY, Stage, Wire, assert_failed, server_before, serves_once};
use crate::harness::{request, send};

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_of_protocols_that_was_not_asked_for_is_502_and_costs_nothing() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    for (asked, named) in [
        (None, "upgrade: websocket\r\n"),
        (None, ""),
        (Some("websocket"), "upgrade: other\r\n"),
        (Some("websocket"), ""),
    ] {
        let credential = server.buy("/x").await;
        let mut get = request("GET", "/x", Some(&credential), b"");
        if let Some(asked) = asked {
            let headers = get.headers_mut();
            headers.insert("connection", "upgrade".parse().unwrap());
            headers.insert("upgrade", asked.parse().unwrap());
        }
        let upstream = async {
            let mut wire = stage.accept().await;
            wire.answer(format!(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n{named}\r\n{STRAY}"
            ))
            .await;
            wire
        };
        let (answer, wire) = join!(send(server.address, get), upstream);
        assert_failed(&answer, named);
        assert_eq!(wire.rest().await, b"", "{asked:?} {named:?}");
        serves_once(&server, &stage, &credential).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tunnel_says_with_its_first_answer_reaches_the_client() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    let mut client = Wire::to(server.address).await;
    client
        .say("GET /free HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    let mut wire = stage.accept().await;
    let head = wire
        .answer(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
             Upgrade: WebSocket\r\n\r\n\x01first\r\n\r\n",
        )
        .await;
    assert!(
        head.contains("connection: upgrade\r\nupgrade: websocket\r\n"),
        "{head}"
    );
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(client.until(b"\r\n\r\n").await, b"\x01first\r\n\r\n");
    client.say("\0to you").await;
    assert_eq!(wire.take(7).await, b"\0to you");
    wire.say("last").await;
    drop(wire);
    assert_eq!(client.rest().await, b"last");
}

/// ATTACKS D-08: a tunnel of HTTP would carry requests that nobody has paid for. Also: under TLS, as
/// some servers offer it, and in a list of names.
#[tokio::test(flavor = "multi_thread")]
async fn a_switch_to_a_protocol_that_carries_http_is_not_asked_for() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    for name in ["h2c", "HTTP/2.0", "TLS/1.0, HTTP/1.1", "websocket, H2C"] {
        let mut client = Wire::to(server.address).await;
        client
            .say(format!(
                "GET /free HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {name}\r\n\r\n"
            ))
            .await;
        let mut wire = stage.accept().await;
        let head = wire
            .answer(format!(
                "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: {name}\r\n\r\n"
            ))
            .await;
        assert!(!head.contains("upgrade"), "{head}");
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 502"), "{name}: {head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_before_the_end_of_its_request_opens_no_tunnel_and_costs_nothing() {
    let stage = Stage::open().await;
    let server = server_before(&stage).await;
    let credential = server.buy("/x").await;
    let mut client = Wire::to(server.address).await;
    client
        .say(format!(
            "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: {credential}\r\nContent-Length: 5\r\n\
             Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        ))
        .await;
    let mut wire = stage.accept().await;
    wire.answer("HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhi")
        .await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 502"), "{head}");
    drop(wire);
    serves_once(&server, &stage, &credential).await;
}

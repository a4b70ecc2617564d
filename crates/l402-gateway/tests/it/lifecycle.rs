//! Starting and stopping.

use std::sync::Arc;
use std::time::Duration;

use l402_gateway::{Config, Gateway, GatewayErrorKind, Home};
use l402_lightning::{Node, Open};

use crate::harness::{describe, gated, request, routes, send, serve, start, try_send, upstream};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_gateway_on_the_same_address_is_refused() {
    let upstream = upstream(false, describe).await;
    let server = serve(&routes(upstream, "")).await;
    let taken = format!(
        "listen = [\"{}\"]\n{}",
        server.address,
        routes(upstream, "")
    );
    let home = tempfile::tempdir().unwrap();
    let error = start(&taken, home.path(), server.clock.clone())
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("address in use") && text.contains(&server.address.to_string()),
        "{text}"
    );
    assert_eq!(error.kind(), GatewayErrorKind::AddressInUse);
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(server.get("/free", None).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_one_address_fails_none_is_bound() {
    let upstream = upstream(false, describe).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let text = format!(
        "listen = [\"{free}\", \"{upstream}\"]\n[[route]]\npath = \"/\"\nupstream = \"http://127.0.0.1:1\"\nfree = true\n"
    );
    let home = tempfile::tempdir().unwrap();
    let clock = Arc::new(l402_host::SystemClock::default());
    start(&text, home.path(), clock).await.unwrap_err();
    std::net::TcpListener::bind(free).expect("it is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_another_machine_is_told_from_one_in_use() {
    let home = tempfile::tempdir().unwrap();
    let home = Home::at(home.path()).unwrap();
    let clock = l402_testkit::clock();
    let (price, policy) = ("1 sat".parse().unwrap(), "request".parse().unwrap());
    // The sandbox would be refused on such an address before anything is bound.
    let lnd = "lnd://127.0.0.1:1?tls_cert=tls.cert&macaroon=invoice.macaroon";
    let config = Config::quick("http://127.0.0.1:1", price, policy)
        .unwrap()
        .with_node(lnd.parse().unwrap())
        .with_listen(vec!["192.0.2.1:8402".parse().unwrap()]);
    let node = Node::Sandbox.receiver(Open::new(home.path(), clock.clone()));
    let node = node.await.unwrap().receive;
    let start = move || Gateway::start(config, &home, clock, node);
    let error = tokio::task::spawn_blocking(start).await.unwrap();
    let error = error.unwrap_err();
    assert_eq!(error.kind(), GatewayErrorKind::Listen);
    assert!(error.to_string().contains("192.0.2.1:8402"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_a_slow_answer_end() {
    let (upstream, mut arrivals, gate) = gated().await;
    let mut server = serve(&routes(upstream, "")).await;
    let address = server.address;
    let slow = tokio::spawn(async move { send(address, request("GET", "/free", None, b"")).await });
    arrivals.recv().await.unwrap();
    let stopping = tokio::spawn(async move { server.shutdown(Duration::from_secs(60)).await });
    // It stops listening; the answer under way is still waited for.
    let closed = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), closed)
        .await
        .expect("it stops listening");
    assert!(!stopping.is_finished());
    gate.add_permits(1);
    assert_eq!(slow.await.unwrap().text(), "late");
    stopping.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_no_longer_than_it_is_told() {
    let (upstream, mut arrivals, _gate) = gated().await;
    let mut server = serve(&routes(upstream, "")).await;
    let address = server.address;
    let slow =
        tokio::spawn(async move { try_send(address, request("GET", "/free", None, b"")).await });
    arrivals.recv().await.unwrap();
    server.shutdown(Duration::from_millis(1)).await;
    assert!(slow.await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn uses_survive_a_restart() {
    let upstream = upstream(false, describe).await;
    let text = routes(upstream, "");
    let mut server = serve(&text).await;
    let (spent, unspent) = (server.buy("/x").await, server.buy("/x").await);
    assert_eq!(server.get("/x", Some(&spent)).await.status(), 200);
    server.shutdown(Duration::from_secs(10)).await;
    server.restart(&text).await;
    assert_eq!(server.get("/x", Some(&spent)).await.code(), "consumed");
    assert_eq!(server.get("/x", Some(&unspent)).await.status(), 200);
}

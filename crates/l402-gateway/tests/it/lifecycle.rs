//! Starting, reloading and stopping.

use std::sync::Arc;
use std::time::Duration;

use l402_gateway::Config;
use tokio::sync::{Semaphore, mpsc};

use crate::harness::{describe, request, routes, send, serve, start, try_send, upstream, whole};

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
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("address in use") && error.contains(&server.address.to_string()),
        "{error}"
    );
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

/// An upstream that reports each request, and answers when the test tells it to.
async fn gated() -> (std::net::SocketAddr, mpsc::Receiver<()>, Arc<Semaphore>) {
    let (arrived, arrivals) = mpsc::channel::<()>(8);
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let address = upstream(false, move |_| {
        let (arrived, gate) = (arrived.clone(), Arc::clone(&held));
        async move {
            arrived.send(()).await.expect("the test waits");
            gate.acquire().await.expect("open").forget();
            whole(200, "late")
        }
    })
    .await;
    (address, arrivals, gate)
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

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_prices_and_leaves_what_is_under_way_alone() {
    let (upstream, mut arrivals, gate) = gated().await;
    let mut server = serve(&routes(upstream, "")).await;
    let address = server.address;
    let slow = tokio::spawn(async move { send(address, request("GET", "/free", None, b"")).await });
    arrivals.recv().await.unwrap();
    let listen = "listen = [\"127.0.0.1:0\"]\nworkers = 2\n";
    let text = format!("{listen}{}", routes(upstream, "")).replace("50 sat", "70 sat");
    let dearer = Config::from_toml(&text.replace("/free", "/gratis"), "new.toml").unwrap();
    server.gateway().reload(dearer).unwrap();
    assert_eq!(server.get("/x", None).await.json()["price_msat"], 70_000);
    assert_eq!(server.get("/free", None).await.status(), 402);
    gate.add_permits(1);
    assert_eq!(slow.await.unwrap().status(), 200);

    let elsewhere = Config::from_toml(&text.replace("workers = 2", "workers = 3"), "new.toml");
    let error = server
        .gateway()
        .reload(elsewhere.unwrap())
        .unwrap_err()
        .to_string();
    assert!(error.contains("workers"), "{error}");
    assert_eq!(server.get("/x", None).await.json()["price_msat"], 70_000);
}

//! Floods of requests that nobody pays for (ATTACKS D-01, D-17).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::harness::{describe, request, routes, serve, upstream};

/// Every file below a folder that has content, with it. The shared memory of a database counts as
/// none: the reader of settlements marks its place there, and nothing lasts.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.to_string_lossy().ends_with("-shm") {
            let content = std::fs::read(&path).expect("a file");
            found.insert(path, content);
        }
    }
    found.retain(|_, content| !content.is_empty());
    found
}

/// Returns the files once nothing is written any more: the books follow what was bought a moment later.
async fn written(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut before = files(folder);
    let mut same = 0;
    while same < 5 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = files(folder);
        same = if now == before { same + 1 } else { 0 };
        before = now;
    }
    before
}

/// Sends this number of requests on one connection, and returns the count of each status.
async fn ask(address: std::net::SocketAddr, times: usize) -> BTreeMap<u16, usize> {
    let socket = TcpStream::connect(address).await.expect("a connection");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
        .await
        .expect("HTTP");
    tokio::spawn(connection);
    let mut statuses = BTreeMap::new();
    for _ in 0..times {
        let asked = sender.send_request(request("GET", "/x", None, b"")).await;
        let answer = asked.expect("an answer");
        let status = answer.status().as_u16();
        assert_eq!(answer.headers().contains_key("retry-after"), status == 429);
        *statuses.entry(status).or_default() += 1;
        answer.into_body().collect().await.expect("a body");
        sender.ready().await.expect("the connection stays");
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_unpaid_requests_write_nothing_and_hold_up_nobody_who_paid() {
    let server = serve(&routes(upstream(false, describe).await, "")).await;
    let credential = server.buy("/x").await;
    let (before, calls) = (written(server.home.path()).await, server.node_calls());
    let mut crowd = JoinSet::new();
    for _ in 0..10 {
        crowd.spawn(ask(server.address, 1000));
    }
    let mut total = BTreeMap::new();
    for statuses in crowd.join_all().await {
        statuses
            .into_iter()
            .for_each(|(status, n)| *total.entry(status).or_insert(0) += n);
    }
    // The clock stands still, so the burst of one address is all there is; one has been bought.
    assert_eq!(total, BTreeMap::from([(402, 99), (429, 9901)]));
    assert_eq!(server.node_calls() - calls, 99);
    assert!(files(server.home.path()) == before, "a file has changed");
    assert_eq!(server.get("/x", Some(&credential)).await.status(), 200);
}

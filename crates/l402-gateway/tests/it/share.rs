//! The share of one address in the connections to upstreams.

use http::Request;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::frames::{END_HEADERS, Frames, HEADERS, RST_STREAM};
use crate::harness::{routes, serve, upstream, whole};
use crate::upstream::PATIENCE;

/// One address that makes many requests on one connection of HTTP/2, each with a body that does not
/// come, is refused beyond its limit, also if idle connections are left. Others are served.
#[tokio::test(flavor = "multi_thread")]
async fn streams_of_http2_count_like_connections() {
    let waits = upstream(false, |request: Request<Incoming>| async move {
        let _ = request.into_body().collect().await;
        whole(200, "late")
    })
    .await;
    let more = "[http]\nh2c = true\nconnections_per_peer = 4\n";
    let server = serve(&(routes(waits, "") + more)).await;
    let mut greedy = Frames::to(server.address).await;
    for stream in 0..8 {
        greedy.ask(2 * stream + 1, "POST", "/free", false).await;
    }
    let mut refused = 0;
    while refused < 4 {
        let frame = greedy.next().await.expect("an open connection");
        refused += u32::from(frame.kind == HEADERS && frame.flags & END_HEADERS != 0);
    }
    // What is given up makes room again.
    for stream in 0..8 {
        let cancel = 8_u32.to_be_bytes();
        greedy.say(RST_STREAM, 0, 2 * stream + 1, &cancel).await;
    }
    drop(greedy);
    let credential = server.buy("/x").await;
    let served = async { while server.get("/x", Some(&credential)).await.status() != 200 {} };
    let served = timeout(PATIENCE, served).await;
    served.expect("it is served, and was not charged for a refusal");
}

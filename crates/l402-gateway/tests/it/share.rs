//! The share of one address in the connections to upstreams.

use http::Request;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::frames::{Frames, HEADERS};
use crate::harness::{routes, serve, upstream, whole};
use crate::upstream::PATIENCE;

/// `:status: 200` in a block of headers (RFC 7541, appendix A).
const OK: u8 = 0x88;

/// One address that makes many requests on one connection of HTTP/2, each with a body that does not
/// come, is refused beyond its limit. Others are served. Also: an upstream that answers before it has
/// the body.
#[tokio::test(flavor = "multi_thread")]
async fn streams_of_http2_count_like_connections() {
    for early in [false, true] {
        let address = upstream(false, move |request: Request<Incoming>| async move {
            if !early {
                let _ = request.into_body().collect().await;
            }
            whole(200, "there")
        })
        .await;
        let more = "[http]\nh2c = true\nconnections_per_peer = 4\n";
        let server = serve(&(routes(address, "") + more)).await;
        let mut greedy = Frames::to(server.address).await;
        for stream in 0..8 {
            greedy.ask(2 * stream + 1, "POST", "/free", false).await;
        }
        let (mut refused, mut answered) = (0, 0);
        while refused < 4 {
            let frame = greedy.next().await.expect("an open connection");
            if frame.kind == HEADERS {
                let is_ok = frame.payload.first() == Some(&OK);
                *(if is_ok { &mut answered } else { &mut refused }) += 1;
            }
        }
        assert!(answered == 0 || early, "{answered}");
        // What is given up makes room again.
        drop(greedy);
        let credential = server.buy("/x").await;
        let served = async { while server.get("/x", Some(&credential)).await.status() != 200 {} };
        let served = timeout(PATIENCE, served).await;
        served.expect("it is served, and was not charged for a refusal");
    }
}

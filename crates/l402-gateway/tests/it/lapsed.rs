//! The lease of the ledger ends while answers are under way.

use l402_testkit::postgres::PostgresServer;
use tokio::time::timeout;

use crate::harness::GatewayUnderTest;
use crate::upstream::{LAST, PATIENCE, Stage, Wire, server_with};

/// The head of an answer of eight bytes, and the first half of them.
const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf";

/// Asks with a credential, and returns both ends once the upstream has the request.
async fn ask(server: &GatewayUnderTest, stage: &Stage, path: &str, shown: &str) -> (Wire, Wire) {
    let mut client = Wire::to(server.address).await;
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {shown}\r\n\r\n");
    client.say(head).await;
    let mut upstream = stage.accept().await;
    upstream.head().await;
    (client, upstream)
}

/// Shows a credential until it is served, and looks that it is spent then.
async fn is_had_once(server: &GatewayUnderTest, credential: &str) {
    let serving = async {
        loop {
            let answer = server.get("/x", Some(credential)).await;
            // Until the gateway has another lease, and what it held before is given back.
            match answer.status() {
                200 => return,
                409 | 503 => tokio::task::yield_now().await,
                status => panic!("{status}: {}", answer.text()),
            }
        }
    };
    timeout(PATIENCE, serving).await.expect("it is served");
    assert_eq!(server.get("/x", Some(credential)).await.code(), "consumed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_ends_with_the_lease_and_what_is_not_goes_on() {
    let database = PostgresServer::start();
    let stage = Stage::open().await;
    let (url, upstream) = (database.url(), stage.address());
    let more = format!(
        "[ledger]\nurl = \"{url}\"\n[[route]]\npath = \"/time\"\nupstream = \"http://{upstream}\"\n\
         service = \"time\"\nprice = \"1 sat\"\npolicy = \"time=1h\"\n"
    );
    let server = server_with(&stage, &more).await;
    let (headless, halved) = (server.buy("/x").await, server.buy("/x").await);
    let lasting = server.buy("/time").await;
    let (mut waits, unanswered) = ask(&server, &stage, "/x", &headless).await;
    let (mut reads, mut cut) = ask(&server, &stage, "/x", &halved).await;
    cut.say(HALF).await;
    reads.until(b"half").await;
    let (mut goes_on, mut whole) = ask(&server, &stage, "/time", &lasting).await;
    whole.say(HALF).await;
    goes_on.until(b"half").await;

    // As another gateway does that has seen no renewal. This one hears of it at its next one.
    database.sql("UPDATE l402_gateways SET ended = true");
    let refused = waits.head().await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("\r\nretry-after: "), "{refused}");
    assert_eq!(reads.rest().await, b"", "nothing more of it is handed on");
    whole.say("more").await;
    goes_on.until(b"more").await;

    drop((unanswered, cut, whole));
    tokio::spawn(async move {
        loop {
            let mut wire = stage.accept_late().await;
            wire.answer(LAST).await;
        }
    });
    is_had_once(&server, &headless).await;
    is_had_once(&server, &halved).await;
}

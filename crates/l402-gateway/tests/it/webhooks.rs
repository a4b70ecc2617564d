//! Webhooks, against receivers of the test's own: what arrives, in which order, and what becomes of it
//! if it does not.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use l402_gateway::{Config, Replay, WebhookDesk};
use l402_host::{Clock as _, private};
use serde_json::Value;
use tokio::time::timeout;

use crate::harness::{GatewayUnderTest, Reply, describe, routes, serve, upstream, whole};
use crate::tls::{certificate, https_upstream};

/// The secret of every target here, and its bytes.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A delivery as it arrived.
#[derive(Clone, Debug)]
struct Arrival {
    path: String,
    headers: HeaderMap,
    body: String,
}

impl Arrival {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("as the test set it up")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("as the test set it up")
    }

    fn kind(&self) -> String {
        self.json()["type"]
            .as_str()
            .expect("as the test set it up")
            .to_owned()
    }

    /// Verifies as a receiver does, by the specification alone.
    fn verify(&self) {
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(
            &STANDARD.decode(KEY).expect("as the test set it up"),
        )
        .expect("as the test set it up");
        mac.update(format!("{id}.{at}.{}", self.body).as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        assert_eq!(self.header("webhook-signature"), format!("v1,{signature}"));
        assert_eq!(self.json()["id"], id);
        assert_eq!(self.header("content-type"), "application/json");
    }
}

/// A receiver that answers with each of its statuses in turn, and then with the last one for ever.
#[derive(Clone, Default)]
struct Receiver {
    arrived: Arc<Mutex<Vec<Arrival>>>,
    statuses: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    fn new(statuses: &[u16]) -> Self {
        let receiver = Self::default();
        receiver.answers(statuses);
        receiver
    }

    fn answers(&self, statuses: &[u16]) {
        *self.statuses.lock().expect("as the test set it up") = statuses.to_vec();
    }

    async fn start(&self) -> SocketAddr {
        let receiver = self.clone();
        upstream(false, move |request| receiver.clone().take(request)).await
    }

    async fn take(self, request: Request<Incoming>) -> Reply {
        let (head, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .expect("as the test set it up")
            .to_bytes();
        let arrival = Arrival {
            path: head.uri.to_string(),
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).expect("as the test set it up"),
        };
        self.arrived
            .lock()
            .expect("as the test set it up")
            .push(arrival);
        let status = {
            let mut statuses = self.statuses.lock().expect("as the test set it up");
            match statuses.len() {
                0 | 1 => statuses.first().copied().unwrap_or(204),
                _ => statuses.remove(0),
            }
        };
        let mut reply = whole(status, "");
        if status == 503 {
            reply
                .headers_mut()
                .insert("retry-after", "600".parse().expect("as the test set it up"));
        }
        if status == 302 {
            let elsewhere = "http://127.0.0.1:1/elsewhere"
                .parse()
                .expect("as the test set it up");
            reply.headers_mut().insert("location", elsewhere);
        }
        if status == 999 {
            std::future::pending::<()>().await;
        }
        reply
    }

    fn all(&self) -> Vec<Arrival> {
        self.arrived.lock().expect("as the test set it up").clone()
    }

    /// Waits for so many arrivals in all.
    async fn wait(&self, number: usize) -> Vec<Arrival> {
        let enough = async {
            while self.all().len() < number {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = timeout(PATIENCE, enough).await;
        let all = self.all();
        waited.unwrap_or_else(|_| panic!("{} of {number} arrived: {all:?}", all.len()));
        all
    }
}

/// Returns the configuration of a target that is told of these events.
fn target(url: &str, events: &str) -> String {
    let file = secret_file();
    format!(
        "[[webhook]]\nurl = \"{url}\"\nsecret_file = \"{}\"\nallow_private = true\nevents = {events}\n",
        file.display()
    )
}

/// Returns the file of the secret, one for all tests.
fn secret_file() -> std::path::PathBuf {
    static FOLDER: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("as the test set it up");
        private::create(&folder.path().join("webhook.key"), SECRET.as_bytes())
            .expect("as the test set it up");
        folder
    });
    folder.path().join("webhook.key")
}

fn desk(text: &str, home: &Path) -> WebhookDesk {
    let config = Config::from_toml(text, "test.toml").expect("as the test set it up");
    WebhookDesk::of(&config, home)
}

/// Waits until the file says this of the first target: how many wait, arrived, and failed.
async fn counts(desk: &WebhookDesk, waiting: u64, delivered: u64, failed: u64) {
    let mut seen = (0, 0, 0);
    let come = async {
        loop {
            let line = &desk.list().expect("as the test set it up")[0];
            seen = (line.waiting, line.delivered, line.failed);
            if seen == (waiting, delivered, failed) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = timeout(PATIENCE, come).await;
    assert!(waited.is_ok(), "{seen:?}");
}

/// Buys and is served, so that one sale and one payment are told.
async fn sell(server: &GatewayUnderTest) -> String {
    let credential = server.buy("/x").await;
    assert_eq!(server.get("/x", Some(&credential)).await.status(), 200);
    credential
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_and_a_payment_arrive_signed_and_hold_no_secret() {
    let (service, receiver) = (upstream(false, describe).await, Receiver::default());
    let url = format!("http://{}/hooks?from=l402", receiver.start().await);
    let text = routes(service, "") + &target(&url, r#"["sale", "settled"]"#);
    let server = serve(&text).await;
    let credential = sell(&server).await;
    let arrived = receiver.wait(2).await;
    let mut kinds: Vec<String> = arrived.iter().map(Arrival::kind).collect();
    kinds.sort();
    assert_eq!(kinds, ["sale", "settled"]);
    let (token, preimage) = credential
        .strip_prefix("L402 ")
        .and_then(|it| it.split_once(':'))
        .expect("as the test set it up");
    for one in &arrived {
        one.verify();
        assert_eq!(one.path, "/hooks?from=l402");
        assert!(!one.body.contains(preimage) && !one.body.contains(token));
        assert!(!format!("{one:?}").contains(KEY));
    }
    let [sale, settled] = ["sale", "settled"].map(|kind| {
        arrived
            .iter()
            .find(|one| one.kind() == kind)
            .expect("as the test set it up")
            .json()["data"]
            .clone()
    });
    assert_eq!(sale["payment_hash"], settled["payment_hash"]);
    assert_eq!(
        (&sale["service"], &sale["price_msat"]),
        (&"all".into(), &50_000.into())
    );
    assert_eq!(settled["amount_msat"], 50_000);
    assert_eq!(
        sale["token_id"]
            .as_str()
            .expect("as the test set it up")
            .len(),
        64
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_tried_again_with_the_same_id_and_later_ones_wait_for_it() {
    let (service, receiver) = (upstream(false, describe).await, Receiver::new(&[500, 204]));
    let url = format!("http://{}/", receiver.start().await);
    let text = routes(service, "") + &target(&url, r#"["sale"]"#);
    let server = serve(&text).await;
    sell(&server).await;
    let desk = desk(&text, server.home.path());
    receiver.wait(1).await;
    sell(&server).await;
    counts(&desk, 2, 0, 0).await;
    let first = &receiver.all()[0];
    // The clock stands still, so nothing is due before it moves.
    server.clock.advance(Duration::from_secs(7));
    let arrived = receiver.wait(3).await;
    counts(&desk, 0, 2, 0).await;
    let ids: Vec<&str> = arrived.iter().map(|one| one.header("webhook-id")).collect();
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
    assert_eq!(first.body, arrived[1].body, "the event is the same");
    let times = [first, &arrived[1]].map(|one| one.header("webhook-timestamp").to_owned());
    assert_ne!(times[0], times[1], "the attempt is another");
    for one in arrived {
        one.verify();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_target_delays_no_other_and_no_sale() {
    let service = upstream(false, describe).await;
    let (silent, alive) = (Receiver::new(&[999]), Receiver::default());
    let [one, two] = [silent.start().await, alive.start().await];
    let text = routes(service, "")
        + &target(&format!("http://{one}/"), r#"["sale"]"#)
        + &target(&format!("http://{two}/"), r#"["sale"]"#)
        // Nobody listens there.
        + &target("http://127.0.0.1:1/", r#"["sale"]"#);
    let server = serve(&text).await;
    for _ in 0..3 {
        sell(&server).await;
    }
    alive.wait(3).await;
    assert_eq!(silent.all().len(), 1, "in order, one at a time");
}

/// ATTACKS O-10: the redirect leads to this machine.
#[tokio::test(flavor = "multi_thread")]
async fn a_wish_to_wait_is_honoured_a_redirect_is_not_followed_and_410_ends_it() {
    let service = upstream(false, describe).await;
    let receiver = Receiver::new(&[503, 302, 410]);
    let url = format!("http://{}/", receiver.start().await);
    let text = routes(service, "") + &target(&url, r#"["sale"]"#);
    let server = serve(&text).await;
    let desk = desk(&text, server.home.path());
    sell(&server).await;
    receiver.wait(1).await;
    counts(&desk, 1, 0, 0).await;
    let line = loop {
        let line = desk.log(true, 9).expect("as the test set it up").pop();
        match line {
            Some(line) if line.failures == 1 => break line,
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let wait = line
        .next
        .expect("as the test set it up")
        .since(server.clock.wall());
    assert_eq!((wait.as_secs(), line.outcome.as_str()), (600, "503"));
    server.clock.advance(Duration::from_secs(600));
    receiver.wait(2).await;
    // The second wait, at its longest.
    let failed = async {
        while desk.log(true, 9).expect("as the test set it up")[0].failures < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, failed)
        .await
        .expect("as the test set it up");
    assert_eq!(
        desk.log(true, 9).expect("as the test set it up")[0].outcome,
        "302"
    );
    server.clock.advance(Duration::from_secs(36));
    receiver.wait(3).await;
    counts(&desk, 0, 0, 1).await;
    assert!(
        desk.list().expect("as the test set it up")[0]
            .gone
            .is_some()
    );
    sell(&server).await;
    counts(&desk, 0, 0, 2).await;
    assert_eq!(receiver.all().len(), 3, "it wants nothing any more");
    receiver.answers(&[204]);
    let replayed = desk
        .replay(&Replay::Failed, server.clock.wall())
        .expect("as the test set it up");
    assert_eq!(replayed, 2);
    counts(&desk, 0, 2, 0).await;
    assert_eq!(receiver.all().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stopped_gateway_had_not_delivered_comes_from_the_next_one() {
    let (service, receiver) = (upstream(false, describe).await, Receiver::new(&[999]));
    let url = format!("http://{}/", receiver.start().await);
    let text = routes(service, "") + &target(&url, r#"["sale", "settled"]"#);
    let mut server = serve(&text).await;
    sell(&server).await;
    let first = receiver.wait(1).await;
    // In the middle of a delivery.
    server.shutdown(Duration::ZERO).await;
    receiver.answers(&[204]);
    server.restart(&text).await;
    let arrived = receiver.wait(3).await;
    let ids: Vec<&str> = arrived.iter().map(|one| one.header("webhook-id")).collect();
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
    assert_eq!(first[0].body, arrived[1].body);
    counts(&desk(&text, server.home.path()), 0, 2, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_brings_and_takes_targets_and_refuses_a_secret_that_is_none() {
    let (service, receiver) = (upstream(false, describe).await, Receiver::default());
    let url = format!("http://{}/", receiver.start().await);
    let plain = routes(service, "");
    let server = serve(&plain).await;
    sell(&server).await;
    let file = server.home.path().join("webhooks.db");
    assert!(!file.exists(), "no target, no file");
    let text = plain.clone() + &target(&url, r#"["sale"]"#);
    assert!(server.reload(&text).is_ok());
    sell(&server).await;
    receiver.wait(1).await;
    let short = server.home.path().join("short.key");
    private::create(&short, b"whsec_c2hvcnQ=").expect("as the test set it up");
    let secret = secret_file().display().to_string();
    let wrong = text.replace(&secret, &short.display().to_string());
    let error = server.reload(&wrong).unwrap_err().to_string();
    assert!(
        error.contains("webhook[0]") && error.contains("too short"),
        "{error}"
    );
    assert!(!error.contains("c2hvcnQ"), "{error}");
    sell(&server).await;
    receiver.wait(2).await;
    assert!(server.reload(&plain).is_ok());
    sell(&server).await;
    let desk = desk(&text, server.home.path());
    counts(&desk, 0, 2, 0).await;
}

/// ATTACKS O-10.
#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_that_nobody_named_is_not_asked() {
    let (service, receiver) = (upstream(false, describe).await, Receiver::default());
    let address = receiver.start().await;
    // Whatever the resolver of this machine says: the name leads to it, or nowhere.
    let name = format!("https://localhost.localdomain:{}/", address.port());
    let text = routes(service, "") + &target(&name, r#"["sale"]"#);
    let text = text.replace("allow_private = true", "allow_private = false");
    let home = tempfile::tempdir().expect("as the test set it up");
    let tested = desk(&text, home.path()).test(&*l402_testkit::clock()).await;
    let tested = tested.expect("as the test set it up");
    assert_eq!((tested.len(), tested[0].state), (1, "failed"));
    let outcome = &tested[0].outcome;
    assert!(
        outcome.contains("private") || outcome.contains("no address"),
        "{outcome}"
    );
    assert!(receiver.all().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_is_sent_over_tls_and_stands_in_the_log() {
    let folder = tempfile::tempdir().expect("as the test set it up");
    certificate(folder.path());
    let address = https_upstream(folder.path()).await;
    let url = format!("https://localhost:{}/", address.port());
    let ca = format!("ca = \"{}\"\n", folder.path().join("cert.pem").display());
    let service = upstream(false, describe).await;
    let trusting = routes(service, "") + &target(&url, r#"["sale"]"#) + &ca;
    let home = tempfile::tempdir().expect("as the test set it up");
    let clock = l402_testkit::clock();
    let tested = desk(&trusting, home.path())
        .test(&*clock)
        .await
        .expect("as the test set it up");
    assert_eq!(
        (tested[0].state, tested[0].outcome.as_str()),
        ("delivered", "200")
    );
    assert_eq!(tested[0].event, "test");
    // By the public authorities, which do not know it.
    let doubting = routes(service, "") + &target(&url, r#"["sale"]"#);
    let tested = desk(&doubting, home.path())
        .test(&*clock)
        .await
        .expect("as the test set it up");
    assert_eq!(tested[0].state, "failed");
    assert!(tested[0].outcome.contains("TLS"), "{}", tested[0].outcome);
    let log = desk(&doubting, home.path())
        .log(false, 9)
        .expect("as the test set it up");
    assert_eq!(
        log.iter().map(|line| line.state).collect::<Vec<_>>(),
        ["failed", "delivered"]
    );
}

/// Returns the mistakes of a configuration with this table of a target.
fn mistakes(target: &str) -> String {
    let route =
        "[[route]]\npath = \"/\"\nupstream = \"http://127.0.0.1:3000\"\nprice = \"50 sat\"\n";
    let text = format!("{route}[[webhook]]\n{target}");
    match Config::from_toml(&text, "shop.toml") {
        Ok(_) => String::new(),
        Err(found) => found.iter().map(|one| one.to_string() + "\n").collect(),
    }
}

#[test]
fn each_mistake_of_a_target_names_its_fix() {
    let sound = "url = \"https://hooks.example/\"\nsecret_file = \"a.key\"\n";
    assert_eq!(mistakes(sound), "");
    for (target, fix) in [
        ("", "webhook[0].url: missing; write url ="),
        ("", "openssl rand -base64 32"),
        ("url = \"hooks.example\"", "write a whole URL"),
        ("url = \"ftp://hooks.example/\"", "write a whole URL"),
        ("url = \"https://me:pw@hooks.example/\"", "leave it out"),
        ("url = \"http://hooks.example/\"", "write https://"),
        ("url = \"http://127.0.0.1:9/\"", "allow_private = true"),
        ("url = \"https://10.0.0.1/\"", "allow_private = true"),
        ("url = \"https://[::1]/\"", "allow_private = true"),
        ("url = \"https://a.localhost/\"", "allow_private = true"),
        ("events = [\"sales\"]", "there are sale, settled"),
        ("events = []", "leave the key out"),
        (
            "secret_file = \"a\"\nsecret_env = \"A\"",
            "keep one of them",
        ),
        ("secret = \"whsec_x\"", "did you mean secret_"),
    ] {
        let found = mistakes(target);
        assert!(found.contains(fix), "{target}: {found}");
    }
    let twice = format!("{sound}[[webhook]]\n{sound}");
    assert!(mistakes(&twice).contains("stands there twice"));
    let least = format!("{sound}[liquidity]\nleast = \"100000\"\n");
    assert!(
        mistakes(&least).contains("liquidity.least"),
        "{}",
        mistakes(&least)
    );
}

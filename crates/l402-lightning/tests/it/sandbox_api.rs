//! The sandbox over HTTP.

use std::sync::Arc;
use std::time::Duration;

use l402::Msat;
use l402_host::BoxFuture;
use l402_lightning::sandbox::{Fault, serve_api};
use l402_lightning::{ErrorKind, InvoiceState, Node, Open, Pay, Payment, Receive};
use l402_testkit::{START, TestHome};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::contract::{Bench, asked, invoice, is_settled, keeps_every_promise, order};

/// A sandbox behind its API, and a wallet that uses the API.
struct Remote {
    home: TestHome,
    pay: Arc<dyn Pay>,
    base: String,
    client: Client,
    server: Server,
}

/// A running API; it ends when the sender is dropped.
struct Server {
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<Result<(), l402_lightning::Error>>,
}

impl Server {
    fn start(test: &TestHome, listener: TcpListener) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { stopped.await.unwrap_or(()) };
        let ended = tokio::spawn(serve_api(test.sandbox.clone(), listener, stopped));
        Self { stop, ended }
    }
}

impl Remote {
    async fn new() -> Self {
        let test = TestHome::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let server = Server::start(&test, listener);
        let pay = payer(&base).await;
        let client = Client::builder().no_proxy().build().expect("a client");
        Self {
            home: test,
            pay,
            base,
            client,
            server,
        }
    }

    /// Ends the API, and serves it again at the same address.
    async fn serve_again(&mut self) {
        let address = self.base.trim_start_matches("http://").to_owned();
        let (stop, _) = oneshot::channel();
        let ended = tokio::spawn(async { Ok(()) });
        let old = std::mem::replace(&mut self.server, Server { stop, ended });
        drop(old.stop);
        old.ended.await.expect("no panic").expect("an end");
        let listener = TcpListener::bind(address).await.expect("the same port");
        self.server = Server::start(&self.home, listener);
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method = method.parse().expect("a method");
        let request = self.client.request(method, format!("{}{path}", self.base));
        read(
            request
                .body(body.to_string())
                .send()
                .await
                .expect("an answer"),
        )
        .await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        read(
            self.client
                .get(format!("{}{path}", self.base))
                .send()
                .await
                .expect("one"),
        )
        .await
    }
}

async fn read(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    let kind = answer.headers()["content-type"]
        .to_str()
        .expect("text")
        .to_owned();
    let body: Value = answer.json().await.expect("JSON");
    if status != 200 {
        assert_eq!(kind, "application/problem+json");
        assert_eq!(body["status"], status);
        assert!(
            body["error"].is_string() && body["detail"].is_string(),
            "{body}"
        );
    }
    (status, body)
}

async fn payer(base: &str) -> Arc<dyn Pay> {
    let node: Node = format!("sandbox+{base}").parse().expect("a node");
    let clock = Arc::new(l402_host::SystemClock::default());
    let wallet = node.wallet(Open::new("/nonexistent", clock)).await;
    wallet.expect("a wallet").pay
}

impl Bench for Remote {
    fn receive(&self) -> Arc<dyn Receive> {
        self.home.receive()
    }

    fn pay(&self) -> Arc<dyn Pay> {
        self.pay.clone()
    }

    fn fee(&self) -> Msat {
        self.home.fee()
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        self.home.pass(time)
    }

    fn reopen(&self) -> Option<BoxFuture<'_, Arc<dyn Pay>>> {
        Some(Box::pin(payer(&self.base)))
    }
}

// BACKENDS sandbox-http real: the sandbox's API itself
// BACKENDS sandbox-http double: a server of the test that gives fixed answers

// BACKENDS sandbox-http pay, fee_limit, expired, already_paid, lookup_after_restart: real
// BACKENDS sandbox-http cancellation, deadline, msat, preimage_proven, once_per_hash: real
#[tokio::test]
async fn keeps_the_contract() {
    let remote = Remote::new().await;
    remote.home.sandbox.set_fee(remote.fee()).unwrap();
    let name = format!("sandbox+{}, account default", remote.base);
    assert_eq!(remote.pay.name(), name);
    keeps_every_promise(&remote).await;
}

#[tokio::test]
async fn programs_in_other_languages_sell_and_buy() {
    let remote = Remote::new().await;
    let asked = json!({ "amount_msat": 50_000, "memo": "a joke", "expiry_secs": 60 });
    let (status, made) = remote.send("POST", "/v1/invoices", asked).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(made["expires_at"], START.secs() + 60);
    let order = json!({ "invoice": made["invoice"], "account": "python" });
    let (status, paid) = remote.send("POST", "/v1/pay", order).await;
    assert_eq!(
        (status, &paid["status"]),
        (200, &json!("settled")),
        "{paid}"
    );
    assert_eq!(paid["payment_hash"], made["payment_hash"]);
    assert_eq!(
        (&paid["paid_msat"], &paid["fee_msat"]),
        (&json!(50_000), &json!(0))
    );
    let preimage: l402::Preimage = paid["preimage"].as_str().unwrap().parse().unwrap();
    assert_eq!(made["payment_hash"], preimage.payment_hash().to_string());

    let hash = made["payment_hash"].as_str().unwrap();
    assert_eq!(
        remote
            .get(&format!("/v1/payments/{hash}?account=python"))
            .await,
        (200, paid)
    );
    assert_eq!(remote.get(&format!("/v1/payments/{hash}")).await.0, 404);
    let rest = json!({ "balance_msat": 99_950_000 });
    assert_eq!(remote.get("/v1/balance?account=python").await, (200, rest));
    let filled = remote
        .send("POST", "/v1/faucet", json!({ "amount_msat": 1000 }))
        .await;
    assert_eq!(filled, (200, json!({ "balance_msat": 100_001_000 })));
}

#[tokio::test]
async fn faults_are_set_over_http() {
    let remote = Remote::new().await;
    let slow = json!({ "fault": "slow", "millis": 500 });
    assert_eq!(
        remote.send("PUT", "/v1/fault", slow.clone()).await,
        (200, slow.clone())
    );
    assert_eq!(remote.get("/v1/fault").await, (200, slow));
    assert_eq!(
        remote.home.sandbox.fault().unwrap(),
        Fault::Slow(Duration::from_millis(500))
    );
    assert_eq!(
        remote
            .send("PUT", "/v1/fault", json!({ "fault": "fails" }))
            .await
            .0,
        200
    );
    let bought = invoice(&remote, Msat::from_sat(5)).await;
    assert!(matches!(
        remote.pay.pay(order(bought.bolt11())).await,
        Payment::Failed(_)
    ));
    assert_eq!(
        remote
            .send("PUT", "/v1/fault", json!({ "fault": "unknown" }))
            .await
            .0,
        200
    );
    assert!(matches!(
        remote.pay.pay(order(bought.bolt11())).await,
        Payment::Unknown(_)
    ));
    assert_eq!(
        remote
            .send("PUT", "/v1/fault", json!({ "fault": "held?" }))
            .await
            .0,
        400
    );
    assert_eq!(
        remote
            .send("PUT", "/v1/fee", json!({ "fee_msat": 3 }))
            .await
            .0,
        200
    );
}

// BACKENDS sandbox-http held, unknown_then_settled, restart: real
#[tokio::test]
async fn a_held_payment_outlives_the_api_and_settles_when_it_is_let_go() {
    let mut remote = Remote::new().await;
    let fault = remote.home.sandbox.clone();
    fault.set_fault(Fault::Held).unwrap();
    let bought = invoice(&remote, Msat::from_sat(50)).await;
    let hash = bought.payment_hash();
    let payment = remote.pay.pay(order(bought.bolt11())).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    let state = remote.receive().lookup(hash).await.unwrap();
    assert_eq!(state, InvoiceState::Held);

    remote.serve_again().await;
    for _ in 0..2 {
        let payment = remote.pay.pay(order(bought.bolt11())).await;
        assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    }
    fault.set_fault(Fault::None).unwrap();
    let later = remote.pay.lookup(hash).await.unwrap().unwrap();
    assert!(is_settled(&later, &bought), "{later:?}");
    let again = remote.pay.pay(order(bought.bolt11())).await;
    assert!(is_settled(&again, &bought), "{again:?}");
    let rest = remote.pay.balance().await.unwrap();
    assert_eq!(rest, Msat::from_sat(100_000 - 50));
}

// BACKENDS sandbox-http unknown_then_failed, bad_preimage: double
#[tokio::test]
async fn what_the_api_says_of_a_payment_counts_only_with_its_proof() {
    let remote = Remote::new().await;
    let bought = invoice(&remote, Msat::from_sat(50)).await;
    let hash = bought.payment_hash();
    let words = |status: &str, preimage: Option<&str>| json!({ "status": status, "preimage": preimage, "paid_msat": 50_000, "error": "x" });
    let wrong = "07".repeat(32);
    for (said, is_unknown) in [
        (words("failed", None), false),
        (words("unknown", None), true),
        (words("settled", None), true),
        (words("settled", Some("07")), true),
        (words("settled", Some(&wrong)), true),
        (words("paid", Some(&wrong)), true),
    ] {
        let pay = payer(&answering(200, said.to_string()).await).await;
        let paid = pay.pay(order(bought.bolt11())).await;
        let later = pay.lookup(hash).await.unwrap().unwrap();
        for payment in [paid, later] {
            let ended = match payment {
                Payment::Failed(_) => false,
                Payment::Unknown(_) => true,
                Payment::Settled { .. } => panic!("{said}: {payment:?}"),
            };
            assert_eq!(ended, is_unknown, "{said}");
        }
    }
}

#[tokio::test]
async fn bad_requests_are_explained() {
    let remote = Remote::new().await;
    for (method, path, body, status) in [
        ("POST", "/v1/pay", json!({ "invoice": "lnbc1" }), 400),
        ("POST", "/v1/pay", json!({ "bolt11": "lnbc1" }), 400),
        ("POST", "/v1/pay", json!("x".repeat(64 * 1024)), 413),
        ("POST", "/v1/invoices", json!({ "amount_msat": 0 }), 400),
        ("POST", "/v1/invoices", json!({ "amount_msat": -1 }), 400),
        (
            "POST",
            "/v1/faucet",
            json!({ "amount_msat": 1_000_000_001 }),
            400,
        ),
        ("PUT", "/v1/balance", json!({}), 405),
        ("GET", "/v1/nothing", json!({}), 404),
        ("GET", "/v1/payments/zz", json!({}), 400),
        ("GET", "/v1/balance?account=income", json!({}), 400),
    ] {
        let (got, problem) = remote.send(method, path, body).await;
        assert_eq!(got, status, "{method} {path}: {problem}");
    }
}

/// ATTACKS O-03, O-04.
#[tokio::test]
async fn pages_of_other_sites_are_refused() {
    let remote = Remote::new().await;
    let url = format!("{}/v1/balance", remote.base);
    for (name, value, status) in [
        ("host", "sandbox.example.com", 421),
        ("host", "127.0.0.1.example.com:8403", 421),
        ("host", "localhost:8403", 200),
        ("host", "[::1]:8403", 200),
        ("origin", "https://evil.example", 421),
        ("origin", "null", 421),
        ("origin", "http://localhost:3000", 200),
    ] {
        let answer = remote
            .client
            .get(&url)
            .header(name, value)
            .send()
            .await
            .unwrap();
        assert_eq!(read(answer).await.0, status, "{name}: {value}");
    }
}

#[tokio::test]
async fn refuses_to_be_reachable_from_other_machines() {
    let test = TestHome::new();
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let served = serve_api(test.sandbox.clone(), listener, std::future::pending());
    let error = tokio::time::timeout(Duration::from_secs(5), served)
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Local);
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn nothing_listening_is_a_certain_failure() {
    // Bound but not listening: no other program gets the port, and connections are refused.
    let deaf = tokio::net::TcpSocket::new_v4().unwrap();
    deaf.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let base = format!("http://{}", deaf.local_addr().unwrap());
    let payment = payer(&base).await.pay(order("lnbcrt1")).await;
    let Payment::Failed(failure) = payment else {
        panic!("{payment:?}")
    };
    assert_eq!(failure.error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_connection_that_ends_after_the_request_is_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let hang_up = async {
        let (stream, _) = listener.accept().await.unwrap();
        stream.readable().await.unwrap();
    };
    let pay = payer(&base).await;
    let (payment, ()) = tokio::join!(pay.pay(order("lnbcrt1")), hang_up);
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    let again = pay.lookup(l402::PaymentHash::from_bytes([1; 32]));
    drop(listener);
    assert!(again.await.is_err());
}

/// Starts a server that gives this answer to everything.
async fn answering(status: u16, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let status = axum::http::StatusCode::from_u16(status).expect("a status");
    let app = axum::Router::new().fallback(async move || (status, body));
    tokio::spawn(async move { axum::serve(listener, app).await });
    base
}

// BACKENDS sandbox-http html_error: double
// FAULTS C13: a 4xx is no proof. The kind: only the API's own words, given before it pays, say that
// nothing was paid (408 after acceptance; pages of a proxy; a problem document of somebody else).
#[tokio::test]
async fn a_status_that_is_not_the_apis_own_leaves_a_payment_unknown() {
    let words = |error: &str| json!({ "detail": "x", "error": error }).to_string();
    for (status, body) in [
        (408, words("timeout")),
        (408, String::new()),
        (404, "<html>".to_owned()),
        (200, "<html>".to_owned()),
        (502, "<html>".to_owned()),
        (400, json!({ "detail": "a proxy's own" }).to_string()),
        (403, words("forbidden")),
        (409, words("conflict")),
        (429, words("too_many_requests")),
        (500, words("internal")),
    ] {
        let pay = payer(&answering(status, body.clone()).await).await;
        let payment = pay.pay(order("lnbcrt1")).await;
        assert!(
            matches!(payment, Payment::Unknown(_)),
            "{status} {body}: {payment:?}"
        );
        let later = pay.lookup(l402::PaymentHash::from_bytes([1; 32])).await;
        assert!(!matches!(later, Ok(None)), "{status} {body}: {later:?}");
    }
    for (status, error) in [
        (400, "invalid_request"),
        (413, "invalid_body"),
        (404, "no_such_path"),
    ] {
        let pay = payer(&answering(status, words(error)).await).await;
        let payment = pay.pay(order("lnbcrt1")).await;
        assert!(
            matches!(payment, Payment::Failed(_)),
            "{error}: {payment:?}"
        );
        let later = pay.lookup(l402::PaymentHash::from_bytes([1; 32])).await;
        assert!(later.is_err(), "{error}: {later:?}");
    }
}

#[tokio::test]
async fn the_api_alone_cannot_be_sold_through() {
    let node: Node = "sandbox+http://127.0.0.1:1".parse().unwrap();
    let test = TestHome::new();
    let refused = node.receiver(test.open()).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn a_wallet_has_the_receiving_half_that_its_backend_has() {
    let remote = Remote::new().await;
    let wallet = Node::Sandbox.wallet(remote.home.open()).await.unwrap();
    let receive = wallet.receive.expect("the sandbox is also paid");
    let made = receive.create_invoice(asked(Msat::from_sat(7))).await;
    let made = made.unwrap();
    assert!(is_settled(
        &wallet.pay.pay(order(made.bolt11())).await,
        &made
    ));
    let node: Node = format!("sandbox+{}", remote.base).parse().unwrap();
    let wallet = node.wallet(remote.home.open()).await.unwrap();
    assert!(wallet.receive.is_none());
    wallet.lifecycle.shutdown().await;
}

/// A foreign program listens on the sandbox's port: its text is shown bounded and without control
/// characters, and an answer without end is not read to its end.
// BACKENDS sandbox-http huge_answer: double
#[tokio::test]
async fn words_of_a_stranger_are_bounded_and_plain() {
    let long = format!(r#"{{"detail":"a\u001b[31m{}"}}"#, "b".repeat(1000));
    let endless = "x".repeat(65 * 1024);
    for (status, body) in [(400, long), (400, endless.clone()), (200, endless)] {
        let base = answering(status, body).await;
        let payment = payer(&base).await.pay(order("lnbcrt1")).await;
        assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
        let error = payer(&base).await.balance().await.unwrap_err().to_string();
        assert!(error.len() < 250 && !error.contains('\u{1b}'), "{error}");
    }
}

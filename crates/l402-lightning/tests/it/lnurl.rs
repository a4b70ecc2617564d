//! The backend `lnurl` against a service on loopback that gives out invoices of the sandbox.

// BACKENDS lnurl double: a service of the test, over the sandbox (`tests/kit/src/lnurl.rs`)
// BACKENDS lnurl pay, fee_limit, expired, already_paid: not applicable: an address only receives
// BACKENDS lnurl unknown_then_settled, unknown_then_failed: not applicable: an address only receives
// BACKENDS lnurl bad_preimage, preimage_proven, once_per_hash: not applicable: an address only receives
// BACKENDS lnurl cancellation, restart: not applicable: an address only receives
// BACKENDS lnurl held: not applicable: a service says settled or not settled

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use l402::{Msat, Preimage};
use l402_host::{BoxFuture, Clock as _};
use l402_lightning::{
    Error, ErrorKind, InvoiceState, NewInvoice, Node, Open, Pay, Receive, Receiver, SettlementIndex,
};
use l402_testkit::TestHome;
use l402_testkit::hostile::Draft;
use l402_testkit::lnurl::LnurlService;
use lightning_invoice::Currency;
use serde_json::{Value, json};

use super::contract::{Bench, asked, invoice, keeps_every_promise, order};

/// The service with the address opened.
struct Opened {
    home: TestHome,
    service: LnurlService,
    receive: Arc<dyn Receive>,
}

impl Opened {
    async fn new() -> Self {
        let home = TestHome::new();
        let service = LnurlService::start(&home.sandbox, &asked(Msat::ZERO).memo);
        let opened = open(&home, &service).await;
        Self {
            home,
            service,
            receive: opened.expect("an address to be paid").receive,
        }
    }
}

async fn open(home: &TestHome, service: &LnurlService) -> Result<Receiver, Error> {
    let node: Node = service.address().parse().expect("an address");
    node.check_receiver(home.home.path(), false)
        .expect("a host");
    let open = Open::new(home.home.path(), home.clock.clone());
    node.receiver(open).await
}

impl Bench for Opened {
    fn receive(&self) -> Arc<dyn Receive> {
        Arc::clone(&self.receive)
    }

    fn pay(&self) -> Arc<dyn Pay> {
        Arc::new(self.home.wallet.clone())
    }

    fn fee(&self) -> Msat {
        Msat::ZERO
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        self.home.clock.advance(time);
        Box::pin(async {})
    }
}

#[tokio::test]
async fn keeps_every_promise_of_a_receiver() {
    let bench = Opened::new().await;
    assert!(!bench.receive.preimage_is_proof());
    keeps_every_promise(&bench).await;
}

// The service does not say when a payment came, so one that nobody has asked about yet counts as new.
#[tokio::test]
async fn the_newest_index_tells_nothing_that_is_known_already() {
    let bench = Opened::new().await;
    let (past, later) = (
        invoice(&bench, Msat::from_sat(1)).await,
        invoice(&bench, Msat::from_sat(2)).await,
    );
    bench.pay().pay(order(past.bolt11())).await;
    let state = bench.receive.lookup(past.payment_hash()).await;
    let paid = Msat::from_sat(1);
    assert_eq!(state.expect("a state"), InvoiceState::Settled { paid });
    let mut newest = bench.receive.settlements(SettlementIndex::NEWEST);
    let pay = bench.pay();
    let (told, _) = tokio::join!(newest.next(), pay.pay(order(later.bolt11())));
    let told = told.expect("goes on").expect("a settlement");
    assert_eq!(told.payment_hash, later.payment_hash());
}

#[tokio::test]
async fn an_address_that_cannot_say_settled_is_refused_at_the_start() {
    let home = TestHome::new();
    let service = LnurlService::start(&home.sandbox, "x");
    service.alter("/cb", |answer| answer["verify"] = Value::Null);
    let error = open(&home, &service).await.expect_err("no verify URL");
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("LUD-21"), "{error}");
    for (path, field, value) in [
        // Says settled of what nobody has paid, and knows nothing of what it has made.
        ("/verify/", "settled", json!(true)),
        ("/verify/", "status", json!("ERROR")),
        ("/verify/", "settled", json!("yes")),
        ("/verify/", "pr", json!("lnbc1")),
        ("/.well-known/", "tag", json!("withdrawRequest")),
        ("/.well-known/", "status", json!("ERROR")),
        ("/.well-known/", "minSendable", json!(0)),
        (
            "/.well-known/",
            "callback",
            json!("http://wallet.example/cb"),
        ),
        ("/.well-known/", "callback", json!("https://10.0.0.1/cb")),
        (
            "/.well-known/",
            "callback",
            json!("https://169.254.169.254/cb"),
        ),
        ("/cb", "verify", json!("https://192.168.0.1/verify")),
        ("/cb", "verify", json!("file:///etc/passwd")),
        ("/cb", "pr", json!("lnbc1")),
    ] {
        let change = value.clone();
        service.alter(path, move |answer| answer[field] = change.clone());
        assert!(
            open(&home, &service).await.is_err(),
            "{path} {field} {value}"
        );
    }
    service.be_honest();
    open(&home, &service).await.expect("as before");
}

// BACKENDS lnurl msat: double
#[tokio::test]
async fn an_invoice_that_says_something_else_is_not_used() {
    let bench = Opened::new().await;
    let other = bench
        .receive()
        .create_invoice(asked(Msat::from_sat(9)))
        .await;
    let other = other.expect("an invoice").bolt11().to_owned();
    let given = other.clone();
    bench
        .service
        .alter("/cb", move |answer| answer["pr"] = json!(given));
    for amount in [8, 9] {
        // Of another amount, and one that it has given before.
        let request = asked(Msat::from_sat(amount));
        let error = bench.receive().create_invoice(request).await;
        let error = error.expect_err("not the invoice");
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    }
    // Another network under the same signature.
    let forged = other.replace("lnbcrt", "lnbc");
    bench
        .service
        .alter("/cb", move |answer| answer["pr"] = json!(forged));
    let error = bench
        .receive()
        .create_invoice(asked(Msat::from_sat(9)))
        .await;
    error.expect_err("a forged invoice");
    // What is out of bounds is not even asked for.
    bench.service.be_honest();
    let before = bench.service.count("/cb");
    for msat in [999, 100_000_000_001] {
        let error = bench.receive().create_invoice(asked(Msat::new(msat))).await;
        assert_eq!(
            error.expect_err("out of bounds").kind(),
            ErrorKind::Rejected
        );
    }
    assert_eq!(bench.service.count("/cb"), before);
    invoice(&bench, Msat::new(1001)).await;
}

#[tokio::test]
async fn the_service_chooses_the_life_and_the_invoice_says_it() {
    let bench = Opened::new().await;
    for secs in [60, 24 * 3600] {
        bench.service.set_life(Duration::from_secs(secs));
        let made = invoice(&bench, Msat::from_sat(5)).await;
        assert_eq!(made.expires().since(l402_testkit::START).as_secs(), secs);
    }
}

#[tokio::test]
async fn only_the_verify_url_says_settled_and_it_must_be_about_this_invoice() {
    let bench = Opened::new().await;
    let (one, two) = (
        invoice(&bench, Msat::from_sat(5)).await,
        invoice(&bench, Msat::from_sat(5)).await,
    );
    let state = async |hash| bench.receive().lookup(hash).await;
    let open = state(one.payment_hash()).await.expect("a state");
    assert_eq!(open, InvoiceState::Open);
    // A settled state of the other invoice, and a preimage that is not this one's.
    bench.pay().pay(order(two.bolt11())).await;
    let lie = two.bolt11().to_owned();
    bench.service.alter("/verify/", move |answer| {
        answer["settled"] = json!(true);
        answer["pr"] = json!(lie);
    });
    state(one.payment_hash())
        .await
        .expect_err("another invoice");
    bench.service.alter("/verify/", |answer| {
        answer["settled"] = json!(true);
        answer["preimage"] = json!("07".repeat(32));
    });
    state(one.payment_hash())
        .await
        .expect_err("another preimage");
    bench.service.alter("/verify/", |answer| {
        *answer = json!({ "status": "ERROR", "reason": "gone" })
    });
    let gone = state(one.payment_hash()).await.expect("a state");
    assert_eq!(gone, InvoiceState::Unseen);
    bench.service.be_honest();
    let settled = InvoiceState::Settled {
        paid: Msat::from_sat(5),
    };
    for _ in 0..2 {
        assert_eq!(state(two.payment_hash()).await.expect("a state"), settled);
    }
    // Settled once is settled for good, and need not be asked for again.
    assert_eq!(
        bench
            .service
            .count(&format!("/verify/{}", two.payment_hash())),
        1
    );
}

// BACKENDS lnurl html_error, huge_answer: double
#[tokio::test]
async fn faults_of_the_service_are_errors_and_never_a_state() {
    let bench = Opened::new().await;
    let made = invoice(&bench, Msat::from_sat(5)).await;
    let huge = format!("{{\"settled\":true,\"x\":\"{}\"}}", "x".repeat(600_000));
    for (status, body) in [
        (200, "<html>an error</html>".to_owned()),
        (200, "{\"settled\":tr".to_owned()),
        (200, huge),
        (200, "[]".to_owned()),
        (302, "{\"settled\":true}".to_owned()),
        (404, "<html>not found</html>".to_owned()),
        (500, "{\"settled\":true}".to_owned()),
    ] {
        bench.service.answer_with(status, &body);
        let state = bench.receive().lookup(made.payment_hash()).await;
        assert!(state.is_err(), "{status} {state:?}");
        let request = asked(Msat::from_sat(5));
        assert!(bench.receive().create_invoice(request).await.is_err());
    }
    bench.service.be_honest();
    let state = bench.receive().lookup(made.payment_hash()).await;
    assert_eq!(state.expect("a state"), InvoiceState::Open);
    invoice(&bench, Msat::from_sat(5)).await;
}

// BACKENDS lnurl lookup_after_restart: double
/// ATTACKS P-15: the reference of an invoice is enough to ask about it, in any process.
#[tokio::test]
async fn a_new_process_asks_by_the_reference_of_an_invoice() {
    let bench = Opened::new().await;
    let (paid, open_one) = (
        invoice(&bench, Msat::from_sat(5)).await,
        invoice(&bench, Msat::from_sat(5)).await,
    );
    bench.pay().pay(order(paid.bolt11())).await;
    let again = open(&bench.home, &bench.service)
        .await
        .expect("opened")
        .receive;
    // The hash alone tells nothing: only the service's own URL does.
    let state = again.lookup(paid.payment_hash()).await.expect("a state");
    assert_eq!(state, InvoiceState::Unseen);
    let reference = |made: &NewInvoice| made.reference().expect("a reference").to_owned();
    let ask = async |reference: String, hash| {
        let state = again.lookup_by(reference, hash, Msat::from_sat(5));
        state.await.map_err(|error| error.to_string())
    };
    let settled = InvoiceState::Settled {
        paid: Msat::from_sat(5),
    };
    let state = ask(reference(&paid), paid.payment_hash()).await;
    assert_eq!(state, Ok(settled));
    let state = ask(reference(&open_one), open_one.payment_hash()).await;
    assert_eq!(state, Ok(InvoiceState::Open));
    // That of another invoice settles nothing.
    let error = ask(reference(&paid), open_one.payment_hash()).await;
    assert!(error.is_err_and(|it| it.contains("another invoice")));
    // A private address is not asked, wherever the reference comes from.
    for private in [
        "https://192.168.0.1/verify",
        "http://10.0.0.1/",
        "file:///etc/passwd",
    ] {
        let error = ask(private.to_owned(), paid.payment_hash()).await;
        assert!(error.is_err_and(|it| it.contains("it is not asked")));
    }
}

/// ATTACKS P-13: LUD-06 has an invoice state the hash of the address's metadata.
#[tokio::test]
async fn an_invoice_for_another_description_is_not_used() {
    let bench = Opened::new().await;
    let made = async |metadata: &'static str, n: u8| {
        let draft = Draft {
            currency: Currency::Regtest,
            msat: Some(5000),
            created: bench.home.clock.wall(),
            expiry: 600,
            hash: Preimage::from_bytes([n; 32]).payment_hash(),
        };
        let pr = draft.sign_with_hash_of(metadata);
        bench
            .service
            .alter("/cb", move |answer| answer["pr"] = json!(pr));
        let receive = bench.receive();
        let made = receive.create_invoice(asked(Msat::from_sat(5)));
        made.await.map(drop).map_err(|error| error.kind())
    };
    let metadata = r#"[["text/plain","a shop"]]"#;
    assert_eq!(made(metadata, 1).await, Ok(()));
    for (n, other) in [r#"[["text/plain","another shop"]]"#, "", "[]"]
        .into_iter()
        .enumerate()
    {
        let n = u8::try_from(n).expect("few") + 2;
        assert_eq!(made(other, n).await, Err(ErrorKind::Protocol), "{other}");
    }
    // A change of the metadata is noticed at the next invoice.
    let read = bench.service.count("/.well-known/");
    assert_eq!(made(metadata, 9).await, Ok(()));
    assert_eq!(bench.service.count("/.well-known/"), read + 1);
    // The same at the start.
    let forged = "lnurl invoices of another description";
    let pr = Draft {
        currency: Currency::Regtest,
        msat: Some(1000),
        created: bench.home.clock.wall(),
        expiry: 600,
        hash: Preimage::from_bytes([10; 32]).payment_hash(),
    };
    let pr = pr.sign_with_hash_of(forged);
    bench
        .service
        .alter("/cb", move |answer| answer["pr"] = json!(pr));
    let error = open(&bench.home, &bench.service)
        .await
        .expect_err("refused");
    assert!(error.to_string().contains("another description"), "{error}");
}

#[tokio::test]
async fn the_limits_are_those_that_the_service_last_described() {
    let bench = Opened::new().await;
    let limits = || bench.receive.limits();
    assert_eq!(
        (limits().least, limits().most),
        (Msat::from_sat(1), Msat::from_sat(100_000_000))
    );
    assert_eq!(limits().life, Some(Duration::from_secs(600)));
    bench.service.set_life(Duration::from_secs(86_400));
    bench.service.alter("/.well-known/", |answer| {
        answer["maxSendable"] = json!(7000);
    });
    bench.pass(Duration::from_secs(3600)).await;
    invoice(&bench, Msat::from_sat(5)).await;
    assert_eq!(limits().most, Msat::from_sat(7));
    assert_eq!(limits().life, Some(Duration::from_secs(86_400)));
}

#[tokio::test]
async fn the_description_is_read_again_after_an_hour_and_after_an_error() {
    let bench = Opened::new().await;
    let read = || bench.service.count("/.well-known/");
    for _ in 0..3 {
        invoice(&bench, Msat::from_sat(5)).await;
    }
    assert_eq!(read(), 1);
    bench.pass(Duration::from_secs(3600)).await;
    invoice(&bench, Msat::from_sat(5)).await;
    assert_eq!(read(), 2);
    bench.service.alter("/cb", |answer| {
        *answer = json!({ "status": "ERROR", "reason": "moved" })
    });
    let error = bench
        .receive()
        .create_invoice(asked(Msat::from_sat(5)))
        .await;
    let error = error.expect_err("moved").to_string();
    assert!(error.contains("moved"), "{error}");
    bench.service.be_honest();
    invoice(&bench, Msat::from_sat(5)).await;
    assert_eq!(read(), 3);
}

#[tokio::test]
async fn unpaid_invoices_are_asked_about_five_times_a_second_at_most() {
    let bench = Opened::new().await;
    for _ in 0..30 {
        invoice(&bench, Msat::from_sat(5)).await;
    }
    let before = bench.service.count("/verify/");
    let receive = bench.receive();
    let mut streams = [0; 3].map(|_| receive.settlements(SettlementIndex::NEWEST));
    let (time, began) = (Duration::from_millis(1500), tokio::time::Instant::now());
    let [one, two, three] = &mut streams;
    let polled = async { tokio::join!(one.next(), two.next(), three.next()) };
    assert!(tokio::time::timeout(time, polled).await.is_err());
    let asked = bench.service.count("/verify/") - before;
    let most = began.elapsed().as_millis() / 200 + 1;
    assert!((1..=most).contains(&(asked as u128)), "{asked} of {most}");
}

// BACKENDS lnurl deadline: double
#[tokio::test(start_paused = true)]
async fn a_silent_service_is_not_waited_for() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address");
    let node: Node = format!("lnurl:a@{address}").parse().expect("an address");
    let home = TestHome::new();
    let opened = node.receiver(home.open()).await;
    assert_eq!(opened.expect_err("silent").kind(), ErrorKind::Timeout);
}

// A redirect could lead anywhere, so none is followed: `faults_of_the_service_…` has one of 302. Here it is
// one that would answer well.
#[tokio::test]
async fn no_redirect_is_followed() {
    let bench = Opened::new().await;
    let made = invoice(&bench, Msat::from_sat(5)).await;
    let before = bench.service.count("/verify/");
    bench
        .service
        .redirect_to(&format!("/verify/{}", made.payment_hash()));
    let state = bench.receive.lookup(made.payment_hash()).await;
    assert!(state.is_err(), "{state:?}");
    assert_eq!(bench.service.count("/verify/"), before + 1);
}

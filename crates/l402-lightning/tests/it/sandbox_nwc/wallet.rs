//! The wallet: what it answers, and what becomes of the money.

use std::sync::Arc;
use std::time::Duration;

use l402::Msat;
use l402_host::BoxFuture;
use l402_lightning::sandbox::{Fault, Sandbox, SandboxNwc};
use l402_lightning::{Node, Pay, Receive};
use l402_testkit::{START, TestHome};
use nostr::{EventBuilder, Keys, Tag, Timestamp};
use serde_json::json;
use tokio::net::TcpListener;

use super::client::{Client, Running, parts, start};
use crate::contract::{Bench, keeps_every_promise};

#[tokio::test]
async fn a_client_sells_and_buys_in_both_encryptions() {
    let home = TestHome::new();
    let running = start(&home.sandbox).await;
    for nip04 in [false, true] {
        let mut client = Client::new(&running.uri).await;
        client.nip04 = nip04;
        let info = client.result("get_info", json!({})).await;
        assert_eq!(info["network"], "regtest");
        assert_eq!(info["methods"].as_array().map(Vec::len), Some(6));
        let before = client.balance().await;
        let (invoice, hash) = client.invoice(5000).await;
        assert_eq!(client.state(&hash).await, "pending");

        let paid = client
            .result("pay_invoice", json!({ "invoice": invoice }))
            .await;
        let preimage: l402::Preimage = paid["preimage"].as_str().unwrap().parse().unwrap();
        assert_eq!(preimage.payment_hash().to_string(), hash);
        assert_eq!(paid["fees_paid"], 0);
        assert_eq!(client.balance().await, before - 5000);

        let found = client
            .result("lookup_invoice", json!({ "invoice": invoice }))
            .await;
        assert_eq!(found["state"], "settled");
        assert_eq!(found["preimage"], paid["preimage"]);
        // It is the payer and the payee.
        assert!(found["type"].is_null());
        assert_eq!(found["created_at"], START.secs());
        assert_eq!(found["expires_at"], START.secs() + 60);
        let mut kinds: Vec<(u64, String)> = Vec::new();
        for told in client.notified().await {
            assert_eq!(told["notification"]["payment_hash"], *hash);
            let name = told["notification_type"].as_str().unwrap().to_owned();
            kinds.push((told["kind"].as_u64().unwrap(), name));
        }
        kinds.sort();
        let (received, sent) = ("payment_received".to_owned(), "payment_sent".to_owned());
        let both = |kind| [(kind, received.clone()), (kind, sent.clone())];
        assert_eq!(kinds, [both(23196), both(23197)].concat());
    }
}

/// The backend `nwc` of this crate as the seller's node and the buyer's.
struct OurBackend {
    home: TestHome,
    receive: Arc<dyn Receive>,
    pay: Arc<dyn Pay>,
    _running: Running,
}

impl Bench for OurBackend {
    fn receive(&self) -> Arc<dyn Receive> {
        self.receive.clone()
    }

    fn pay(&self) -> Arc<dyn Pay> {
        self.pay.clone()
    }

    fn fee(&self) -> Msat {
        Msat::ZERO
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        self.home.pass(time)
    }
}

// BACKENDS nwc double: the wallet of `l402 sandbox --nwc`, behind its own relay
// BACKENDS nwc pay, already_paid, expired, msat, preimage_proven, once_per_hash: double
#[tokio::test]
async fn our_own_backend_keeps_the_contract_with_it() {
    let home = TestHome::new();
    let running = start(&home.sandbox).await;
    let file = home.home.path().join("play.nwc");
    std::fs::write(&file, &running.uri).unwrap();
    let node: Node = format!("nwc:{}", file.display()).parse().unwrap();
    let wallet = node.wallet(home.open()).await.unwrap();
    let bench = OurBackend {
        receive: wallet.receive.clone().unwrap(),
        pay: wallet.pay.clone(),
        home,
        _running: running,
    };
    keeps_every_promise(&bench).await;
}

#[tokio::test]
async fn a_list_is_filtered_and_ends_at_its_limit() {
    let home = TestHome::new();
    let running = start(&home.sandbox).await;
    let mut client = Client::new(&running.uri).await;
    let mut hashes = Vec::new();
    for msat in [1000, 2000, 3000] {
        let (invoice, hash) = client.invoice(msat).await;
        if msat != 2000 {
            client
                .result("pay_invoice", json!({ "invoice": invoice }))
                .await;
        }
        hashes.push(hash);
    }
    while client.notifications.len() < 8 {
        client.balance().await;
    }
    let incoming = json!({ "type": "incoming" });
    for (asked, expected) in [
        (incoming.clone(), vec![3000, 1000]),
        (
            json!({ "type": "incoming", "unpaid": true }),
            vec![3000, 2000, 1000],
        ),
        (json!({ "type": "outgoing" }), vec![3000, 1000]),
        (json!({ "limit": 1 }), vec![3000]),
        (json!({ "type": "incoming", "offset": 1 }), vec![1000]),
        (json!({ "from": START.secs() + 1 }), vec![]),
        (json!({ "until": START.secs() - 1 }), vec![]),
    ] {
        let list = client.result("list_transactions", asked.clone()).await;
        let amounts: Vec<u64> = list["transactions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["amount"].as_u64().unwrap())
            .collect();
        assert_eq!(amounts, expected, "{asked}");
    }
    // As many as fit into a message, whatever is asked.
    let memo = "ä".repeat(300);
    for _ in 0..30 {
        let asked = json!({ "amount": 1000, "description": memo });
        client.result("make_invoice", asked).await;
    }
    let asked = json!({ "unpaid": true, "limit": 1000 });
    let list = client.result("list_transactions", asked).await;
    let length = list["transactions"].as_array().unwrap().len();
    assert!((5..33).contains(&length), "{length}");
}

#[tokio::test]
async fn requests_are_done_once_and_only_in_time() {
    let home = TestHome::new();
    let running = start(&home.sandbox).await;
    let mut client = Client::new(&running.uri).await;
    let (invoice, hash) = client.invoice(5000).await;
    let pay = json!({ "invoice": invoice });
    let before = client.balance().await;

    // One that has expired is neither done nor answered.
    let expiration = Tag::expiration(Timestamp::from_secs(START.secs()));
    let late = client.request("pay_invoice", &pay, vec![expiration]);
    client.send(&late).await;
    assert_eq!(client.state(&hash).await, "pending");
    assert_eq!(client.balance().await, before);

    // One that is sent twice is answered once.
    let expiration = Tag::expiration(Timestamp::from_secs(START.secs() + 60));
    let once = client.request("pay_invoice", &pay, vec![expiration]);
    client.send(&once).await;
    client.send(&once).await;
    let (id, answer) = client.next_answer().await;
    assert_eq!(id, once.id.to_hex());
    assert!(answer["error"].is_null(), "{answer}");
    // `ask` would meet a second answer.
    assert_eq!(client.balance().await, before - 5000);

    // Eight requests for one invoice are one payment, and all are told of it.
    let (invoice, _) = client.invoice(7000).await;
    let pay = json!({ "invoice": invoice });
    for number in 0..8 {
        let tag = Tag::parse(["n", &number.to_string()]).unwrap();
        let event = client.request("pay_invoice", &pay, vec![tag]);
        client.send(&event).await;
    }
    let mut preimages = Vec::new();
    for _ in 0..8 {
        let (_, answer) = client.next_answer().await;
        preimages.push(answer["result"]["preimage"].as_str().unwrap().to_owned());
    }
    preimages.dedup();
    assert_eq!(preimages.len(), 1);
    assert_eq!(client.balance().await, before - 12_000);
}

#[tokio::test]
async fn errors_have_the_codes_of_the_protocol() {
    let home = TestHome::new();
    let running = start(&home.sandbox).await;
    let mut client = Client::new(&running.uri).await;
    let invoice = |text: String| json!({ "invoice": text });
    assert_eq!(
        client.error("sign_message", json!({})).await,
        "NOT_IMPLEMENTED"
    );
    assert_eq!(client.error("pay_invoice", json!({})).await, "OTHER");
    assert_eq!(
        client.error("pay_invoice", invoice("lnbc".into())).await,
        "OTHER"
    );
    assert_eq!(
        client.error("make_invoice", json!({ "amount": 0 })).await,
        "OTHER"
    );
    assert_eq!(client.error("lookup_invoice", json!({})).await, "OTHER");
    let unknown = json!({ "payment_hash": "00".repeat(32) });
    assert_eq!(client.error("lookup_invoice", unknown).await, "NOT_FOUND");
    let (dear, _) = client.invoice(1_000_000_000).await;
    assert_eq!(
        client.error("pay_invoice", invoice(dear)).await,
        "INSUFFICIENT_BALANCE"
    );
    let (other, _) = client.invoice(5000).await;
    let differs = json!({ "invoice": other, "amount": 5001 });
    assert_eq!(client.error("pay_invoice", differs).await, "OTHER");
    // Of another sandbox.
    let foreign = TestHome::new();
    let elsewhere = start(&foreign.sandbox).await;
    let (abroad, hash) = Client::new(&elsewhere.uri).await.invoice(5000).await;
    assert_eq!(
        client.error("pay_invoice", invoice(abroad)).await,
        "PAYMENT_FAILED"
    );
    let unknown = json!({ "payment_hash": hash });
    assert_eq!(client.error("lookup_invoice", unknown).await, "NOT_FOUND");

    let mut stranger = Client::with_keys(&running.uri, Keys::generate()).await;
    assert_eq!(
        stranger.error("get_balance", json!({})).await,
        "UNAUTHORIZED"
    );

    let tag = Tag::parse(["encryption", "rot13"]).unwrap();
    let mut event = client.request("get_info", &json!({}), Vec::new());
    event = EventBuilder::new(event.kind, event.content)
        .tags([Tag::public_key(client.wallet), tag])
        .custom_created_at(Timestamp::from_secs(START.secs()))
        .sign_with_keys(&client.keys)
        .unwrap();
    client.send(&event).await;
    let (_, answer) = client.next_answer().await;
    assert_eq!(answer["error"]["code"], "UNSUPPORTED_ENCRYPTION");
}

#[tokio::test]
async fn faults_of_the_sandbox_are_errors_or_silence() {
    let home = TestHome::new();
    let running = start(&home.sandbox).await;
    let mut client = Client::new(&running.uri).await;

    home.sandbox.set_fault(Fault::Fails).unwrap();
    let (invoice, hash) = client.invoice(5000).await;
    let pay = json!({ "invoice": invoice });
    assert_eq!(
        client.error("pay_invoice", pay.clone()).await,
        "PAYMENT_FAILED"
    );
    assert_eq!(client.state(&hash).await, "failed");
    home.sandbox.set_fault(Fault::None).unwrap();
    client.result("pay_invoice", pay).await;
    assert_eq!(client.state(&hash).await, "settled");
    client.notified().await;

    for (fault, state) in [
        (Fault::Unknown, "pending"),
        (Fault::EndsMidPayment, "settled"),
        (Fault::Held, "pending"),
    ] {
        home.sandbox.set_fault(fault).unwrap();
        let (invoice, hash) = client.invoice(5000).await;
        let before = client.balance().await;
        let event = client.request("pay_invoice", &json!({ "invoice": invoice }), Vec::new());
        client.send(&event).await;
        // `balance` would meet an answer to the payment.
        while client.balance().await == before {}
        assert_eq!(client.state(&hash).await, state, "{fault:?}");
        assert_eq!(client.balance().await, before - 5000, "{fault:?}");
        if fault == Fault::EndsMidPayment {
            client.notified().await;
        }
        if fault == Fault::Held {
            assert!(client.notifications.is_empty());
            home.sandbox.set_fault(Fault::None).unwrap();
            assert_eq!(client.notified().await.len(), 4);
            assert_eq!(client.state(&hash).await, "settled");
        }
    }

    home.sandbox.set_fault(Fault::LiesAboutPreimage).unwrap();
    let (invoice, hash) = client.invoice(5000).await;
    let paid = client
        .result("pay_invoice", json!({ "invoice": invoice }))
        .await;
    let preimage: l402::Preimage = paid["preimage"].as_str().unwrap().parse().unwrap();
    assert_ne!(preimage.payment_hash().to_string(), hash);
}

#[tokio::test]
async fn a_restart_changes_the_port_alone_and_forgets_nothing() {
    let home = TestHome::new();
    let first = start(&home.sandbox).await;
    let mut client = Client::new(&first.uri).await;
    let (invoice, paid) = client.invoice(5000).await;
    client
        .result("pay_invoice", json!({ "invoice": invoice }))
        .await;
    let (invoice, open) = client.invoice(6000).await;
    drop((first.uri.clone(), client));

    let again = Sandbox::open(home.home.path(), home.clock.clone()).unwrap();
    let second = start(&again).await;
    let ((wallet, relay, keys), (other_wallet, other_relay, other_keys)) =
        (parts(&first.uri), parts(&second.uri));
    assert_eq!((wallet, keys), (other_wallet, other_keys));
    assert_ne!(relay, other_relay);
    let mut client = Client::new(&second.uri).await;
    assert_eq!(client.state(&paid).await, "settled");
    let found = client
        .result("lookup_invoice", json!({ "payment_hash": open }))
        .await;
    assert_eq!(
        (&found["state"], &found["invoice"]),
        (&json!("pending"), &json!(invoice))
    );
    home.clock.advance(Duration::from_secs(60));
    assert_eq!(client.state(&open).await, "expired");

    let other = TestHome::new();
    let elsewhere = start(&other.sandbox).await;
    assert_ne!(parts(&elsewhere.uri).0, wallet);
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    let home = TestHome::new();
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = SandboxNwc::open(home.sandbox.clone(), listener).await;
    assert!(refused.unwrap_err().to_string().contains("127.0.0.1"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nwc = SandboxNwc::open(home.sandbox.clone(), listener)
        .await
        .unwrap();
    let (_, _, keys) = parts(nwc.uri());
    assert!(!format!("{nwc:?}").contains(&keys.secret_key().to_secret_hex()));
}

//! The sandbox as a wallet for Nostr Wallet Connect: its relay, and what the wallet answers.
//!
//! The client here is written with the crate `nostr` alone, and knows nothing of our own codec.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use l402::Msat;
use l402_host::BoxFuture;
use l402_lightning::sandbox::{Fault, Sandbox, SandboxNwc};
use l402_lightning::{Node, Pay, Receive};
use l402_testkit::{START, TestHome};
use nostr::nips::{nip04, nip44};
use nostr::{Event, EventBuilder, JsonUtil, Keys, Kind, PublicKey, Tag, Timestamp};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::contract::{Bench, keeps_every_promise};

/// The longest wait for a message. No test waits that long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running wallet, which ends with this value.
struct Running {
    uri: String,
    _stop: oneshot::Sender<()>,
}

async fn start(sandbox: &Sandbox) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let nwc = SandboxNwc::open(sandbox.clone(), listener).await;
    let nwc = nwc.expect("a wallet");
    let uri = nwc.uri().to_owned();
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(nwc.serve(async { stopped.await.unwrap_or(()) }));
    Running { uri, _stop: stop }
}

/// The parts of a connection's URI.
fn parts(uri: &str) -> (PublicKey, String, Keys) {
    let url = url::Url::parse(uri).expect("a URI");
    let wallet = url.host_str().and_then(|host| host.parse().ok());
    let value = |name: &str| {
        let pairs = url.query_pairs().find(|(key, _)| key == name);
        pairs.expect("named").1.into_owned()
    };
    let keys = value("secret").parse().expect("a key");
    (wallet.expect("a key"), value("relay"), keys)
}

fn event_of(json: &Value) -> Event {
    Event::from_json(json.to_string()).expect("an event")
}

/// A connection to a relay.
struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn open(relay: &str) -> Self {
        let opened = tokio_tungstenite::connect_async(relay).await;
        Self(opened.expect("a connection").0)
    }

    /// Opens a connection for which the system keeps little of what is not read.
    async fn with_small_buffer(relay: &str) -> Self {
        let address = relay.trim_start_matches("ws://").trim_end_matches('/');
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("set");
        let stream = socket.connect(address.parse().expect("an address")).await;
        let stream = MaybeTlsStream::Plain(stream.expect("a connection"));
        let opened = tokio_tungstenite::client_async(relay, stream).await;
        Self(opened.expect("a handshake").0)
    }

    async fn send(&mut self, message: Value) {
        let text = Message::text(message.to_string());
        self.0.send(text).await.expect("sent");
    }

    /// Returns the next message, or `None` if the relay has ended the connection.
    async fn next(&mut self) -> Option<Value> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.0.next()).await;
            match next.expect("a message in time") {
                Some(Ok(Message::Text(text))) => {
                    return Some(serde_json::from_str(&text).expect("JSON"));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return None,
            }
        }
    }

    async fn publish(&mut self, event: &Event) -> Value {
        let event = serde_json::to_value(event).expect("JSON");
        self.send(json!(["EVENT", event])).await;
        self.next().await.expect("an OK")
    }

    /// Returns the events that the relay has for a filter.
    async fn stored(&mut self, filter: Value) -> Vec<Event> {
        self.send(json!(["REQ", "stored", filter])).await;
        let mut events = Vec::new();
        loop {
            let message = self.next().await.expect("an answer");
            match message[0].as_str() {
                Some("EVENT") => events.push(event_of(&message[2])),
                Some("EOSE") => break,
                _ => panic!("{message}"),
            }
        }
        self.send(json!(["CLOSE", "stored"])).await;
        events
    }
}

/// A client with the URI of the wallet, which encrypts by NIP-44 unless told otherwise.
struct Client {
    socket: Socket,
    wallet: PublicKey,
    keys: Keys,
    nip04: bool,
    notifications: Vec<Value>,
    asked: u32,
}

impl Client {
    async fn new(uri: &str) -> Self {
        let (_, _, keys) = parts(uri);
        Self::with_keys(uri, keys).await
    }

    async fn with_keys(uri: &str, keys: Keys) -> Self {
        let (wallet, relay, _) = parts(uri);
        let mut socket = Socket::open(&relay).await;
        let kinds = [23195, 23196, 23197];
        let filter = json!({ "kinds": kinds, "authors": [wallet], "#p": [keys.public_key()],
                             "since": START.secs() });
        socket.send(json!(["REQ", "answers", filter])).await;
        // Answers to an earlier client with the same URI may come first.
        while socket.next().await.expect("an answer")[0] != "EOSE" {}
        Self {
            socket,
            wallet,
            keys,
            nip04: false,
            notifications: Vec::new(),
            asked: 0,
        }
    }

    fn request(&self, method: &str, params: &Value, tags: Vec<Tag>) -> Event {
        let text = json!({ "method": method, "params": params }).to_string();
        let secret = self.keys.secret_key();
        let (content, name) = if self.nip04 {
            (nip04::encrypt(secret, &self.wallet, text), None)
        } else {
            let version = nip44::Version::V2;
            let content = nip44::encrypt(secret, &self.wallet, text, version);
            (
                Ok(content.expect("encrypted")),
                Some(["encryption", "nip44_v2"]),
            )
        };
        let encryption = name.map(|tag| Tag::parse(tag).expect("a tag"));
        EventBuilder::new(Kind::from_u16(23194), content.expect("encrypted"))
            .tag(Tag::public_key(self.wallet))
            .tags(encryption)
            .tags(tags)
            .custom_created_at(Timestamp::from_secs(START.secs()))
            .sign_with_keys(&self.keys)
            .expect("signed")
    }

    async fn send(&mut self, event: &Event) {
        let event = serde_json::to_value(event).expect("JSON");
        self.socket.send(json!(["EVENT", event])).await;
    }

    /// Returns the id of the request that is answered next, and the answer. Notifications on the way
    /// are kept.
    async fn next_answer(&mut self) -> (String, Value) {
        loop {
            let message = self.socket.next().await.expect("an answer");
            if message[0] == "OK" {
                assert_eq!(message[2], true, "{message}");
                continue;
            }
            let event = event_of(&message[2]);
            event.verify().expect("signed");
            let kind = event.kind.as_u16();
            let nip04_kind = kind == 23196 || (kind == 23195 && self.nip04);
            let (secret, content) = (self.keys.secret_key(), &event.content);
            let text = if nip04_kind {
                nip04::decrypt(secret, &self.wallet, content).expect("nip04")
            } else {
                nip44::decrypt(secret, &self.wallet, content).expect("nip44")
            };
            let mut value: Value = serde_json::from_str(&text).expect("JSON");
            if kind != 23195 {
                value["kind"] = kind.into();
                self.notifications.push(value);
                continue;
            }
            let request = event.tags.event_ids().next().expect("a request").to_hex();
            return (request, value);
        }
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        // Some tests ask until something has happened.
        self.asked += 1;
        assert!(self.asked < 50_000, "what is waited for does not happen");
        let event = self.request(method, &params, Vec::new());
        self.send(&event).await;
        let (id, answer) = self.next_answer().await;
        assert_eq!(id, event.id.to_hex());
        answer
    }

    async fn result(&mut self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params).await;
        assert_eq!(answer["result_type"], method);
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].clone()
    }

    async fn error(&mut self, method: &str, params: Value) -> String {
        let answer = self.ask(method, params).await;
        assert!(answer["result"].is_null(), "{answer}");
        answer["error"]["code"].as_str().expect("a code").to_owned()
    }

    async fn invoice(&mut self, msat: u64) -> (String, String) {
        let asked = json!({ "amount": msat, "description": "a joke", "expiry": 60 });
        let made = self.result("make_invoice", asked).await;
        let text = |name: &str| made[name].as_str().expect("text").to_owned();
        (text("invoice"), text("payment_hash"))
    }

    async fn state(&mut self, hash: &str) -> Value {
        let asked = json!({ "payment_hash": hash });
        self.result("lookup_invoice", asked).await["state"].clone()
    }

    async fn balance(&mut self) -> u64 {
        let balance = self.result("get_balance", json!({})).await;
        balance["balance"].as_u64().expect("msat")
    }

    /// Waits for two notifications of each type: one in each encryption.
    async fn notified(&mut self) -> Vec<Value> {
        while self.notifications.len() < 4 {
            // Its answer only moves the stream on.
            self.result("get_balance", json!({})).await;
        }
        std::mem::take(&mut self.notifications)
    }
}

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

fn event(keys: &Keys, kind: u16, at: u64, to: &PublicKey) -> Event {
    EventBuilder::new(Kind::from_u16(kind), format!("{kind} {at}"))
        .tag(Tag::public_key(*to))
        .custom_created_at(Timestamp::from_secs(at))
        .sign_with_keys(keys)
        .expect("signed")
}

#[tokio::test]
async fn the_relay_keeps_infos_for_good_and_requests_for_a_moment() {
    let home = TestHome::new();
    let running = start(&home.sandbox).await;
    let (wallet, relay, _) = parts(&running.uri);
    let mut socket = Socket::open(&relay).await;
    let info = json!({ "kinds": [13194], "authors": [wallet], "limit": 1 });
    let found = socket.stored(info).await;
    assert_eq!(found.len(), 1);
    assert!(
        found[0]
            .as_json()
            .contains(r#"["encryption","nip44_v2 nip04"]"#)
    );

    let (other, to) = (Keys::generate(), Keys::generate().public_key());
    let infos = json!({ "kinds": [13194], "authors": [other.public_key()] });
    for (at, ok) in [(10, ""), (5, "duplicate"), (20, ""), (20, "duplicate")] {
        let message = socket.publish(&event(&other, 13194, at, &to)).await;
        assert_eq!(message[2], true);
        assert!(message[3].as_str().unwrap().starts_with(ok), "{message}");
    }
    let found = socket.stored(infos.clone()).await;
    assert_eq!(
        found
            .iter()
            .map(|one| one.created_at.as_secs())
            .collect::<Vec<_>>(),
        [20]
    );

    let mut sent = Vec::new();
    for (kind, at) in [(23194, 1), (23195, 2), (23194, 3), (23197, 4)] {
        let event = event(&other, kind, at, &to);
        assert_eq!(socket.publish(&event).await[2], true);
        sent.push(event);
    }
    let times = |found: Vec<Event>| -> Vec<u64> {
        found.iter().map(|one| one.created_at.as_secs()).collect()
    };
    let kinds = [23194, 23195, 23196, 23197];
    for (filter, expected) in [
        (json!({ "kinds": kinds }), vec![3, 2, 1]),
        (json!({ "kinds": kinds, "limit": 2 }), vec![3, 2]),
        (json!({ "kinds": kinds, "since": 2 }), vec![3, 2]),
        (json!({ "ids": [sent[1].id] }), vec![2]),
        (json!({ "kinds": [23195], "#p": [to] }), vec![2]),
        (json!({ "kinds": [23195], "#p": [wallet] }), vec![]),
        (json!({ "kinds": [23194], "#e": [sent[0].id] }), vec![]),
    ] {
        let found = socket.stored(filter.clone()).await;
        assert_eq!(times(found), expected, "{filter}");
    }
    home.clock.advance(Duration::from_secs(31));
    assert!(socket.stored(json!({ "kinds": kinds })).await.is_empty());
    assert_eq!(socket.stored(infos).await.len(), 1);
}

#[tokio::test]
async fn the_relay_passes_on_what_is_signed_and_belongs_to_wallets() {
    let home = TestHome::new();
    let running = start(&home.sandbox).await;
    let (_, relay, _) = parts(&running.uri);
    let (mut one, mut two) = (Socket::open(&relay).await, Socket::open(&relay).await);
    let (keys, to) = (Keys::generate(), Keys::generate().public_key());
    one.send(json!(["REQ", "a", { "#p": [to] }, { "kinds": [23197] }]))
        .await;
    assert_eq!(one.next().await.unwrap(), json!(["EOSE", "a"]));

    let good = event(&keys, 23194, 1, &to);
    let mut forged = good.clone();
    forged.content = "another".to_owned();
    let refused = two.publish(&forged).await;
    assert_eq!(refused[2], false);
    assert!(
        refused[3].as_str().unwrap().starts_with("invalid:"),
        "{refused}"
    );
    let note = two.publish(&event(&keys, 1, 1, &to)).await;
    assert!(note[3].as_str().unwrap().starts_with("blocked:"), "{note}");
    assert_eq!(two.publish(&good).await, json!(["OK", good.id, true, ""]));
    let passed = one.next().await.unwrap();
    assert_eq!((&passed[0], &passed[1]), (&json!("EVENT"), &json!("a")));
    assert_eq!(passed[2]["id"], json!(good.id));

    for (message, answer) in [
        (json!({}), "NOTICE"),
        (json!(["COUNT", "a", {}]), "NOTICE"),
        (json!(["EVENT", {}]), "NOTICE"),
        (json!(["EVENT", { "id": "0".repeat(64) }]), "OK"),
        (json!(["REQ", "b", { "kinds": ["x"] }]), "CLOSED"),
        (json!(["REQ", "b"]), "CLOSED"),
        (json!(["REQ", "", {}]), "CLOSED"),
        (json!(["REQ", "b".repeat(65), {}]), "CLOSED"),
        (json!(["REQ", "b", { "#p": ["b".repeat(5000)] }]), "CLOSED"),
    ] {
        two.send(message.clone()).await;
        assert_eq!(two.next().await.unwrap()[0], answer, "{message}");
    }
    // What was closed is not passed on.
    one.send(json!(["CLOSE", "a"])).await;
    assert!(one.stored(json!({ "kinds": [23196] })).await.is_empty());
    two.publish(&event(&keys, 23197, 2, &to)).await;
    assert!(one.stored(json!({ "kinds": [23196] })).await.is_empty());
}

#[tokio::test]
async fn the_relay_is_bounded() {
    let home = TestHome::new();
    let running = start(&home.sandbox).await;
    let (_, relay, _) = parts(&running.uri);
    let mut socket = Socket::open(&relay).await;
    for number in 0..33 {
        let name = number.to_string();
        socket
            .send(json!(["REQ", name, { "kinds": [23196] }]))
            .await;
        let expected = if number < 32 { "EOSE" } else { "CLOSED" };
        assert_eq!(socket.next().await.unwrap()[0], expected);
    }
    let long = "a".repeat(65 * 1024);
    // The relay may end the connection before it has read all.
    let _ = socket.0.send(Message::text(long)).await;
    assert!(socket.next().await.is_none());

    // One who reads nothing is let go, and nobody else waits for it.
    let mut slow = Socket::with_small_buffer(&relay).await;
    slow.send(json!(["REQ", "all", { "kinds": [23197] }])).await;
    assert_eq!(slow.next().await.unwrap()[0], "EOSE");
    let (keys, to) = (Keys::generate(), Keys::generate().public_key());
    let mut fast = Socket::open(&relay).await;
    for at in 0..220 {
        let big = EventBuilder::new(Kind::from_u16(23197), "x".repeat(60_000))
            .tag(Tag::public_key(to))
            .custom_created_at(Timestamp::from_secs(at))
            .sign_with_keys(&keys)
            .unwrap();
        assert_eq!(fast.publish(&big).await[2], true);
    }
    let mut read = 0;
    while slow.next().await.is_some() {
        read += 1;
    }
    assert!(read < 220, "{read}");
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

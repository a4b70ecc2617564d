//! A client written with the crate `nostr` alone, which knows nothing of our own codec.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use l402_lightning::sandbox::{Sandbox, SandboxNwc};
use l402_testkit::START;
use nostr::nips::{nip04, nip44};
use nostr::{Event, EventBuilder, JsonUtil, Keys, Kind, PublicKey, Tag, Timestamp};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// The longest wait for a message. No test waits that long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running wallet, which ends with this value.
pub(super) struct Running {
    pub(super) uri: String,
    _stop: oneshot::Sender<()>,
}

pub(super) async fn start(sandbox: &Sandbox) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let nwc = SandboxNwc::open(sandbox.clone(), listener).await;
    let nwc = nwc.expect("a wallet");
    let uri = nwc.uri().to_owned();
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(nwc.serve(async { stopped.await.unwrap_or(()) }));
    Running { uri, _stop: stop }
}

/// The parts of a connection's URI.
pub(super) fn parts(uri: &str) -> (PublicKey, String, Keys) {
    let url = url::Url::parse(uri).expect("a URI");
    let wallet = url.host_str().and_then(|host| host.parse().ok());
    let value = |name: &str| {
        let pairs = url.query_pairs().find(|(key, _)| key == name);
        pairs.expect("named").1.into_owned()
    };
    let keys = value("secret").parse().expect("a key");
    (wallet.expect("a key"), value("relay"), keys)
}

pub(super) fn event_of(json: &Value) -> Event {
    Event::from_json(json.to_string()).expect("an event")
}

/// A connection to a relay.
pub(super) struct Socket(pub(super) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(super) async fn open(relay: &str) -> Self {
        let opened = tokio_tungstenite::connect_async(relay).await;
        Self(opened.expect("a connection").0)
    }

    /// Opens a connection for which the system keeps little of what is not read.
    pub(super) async fn with_small_buffer(relay: &str) -> Self {
        let address = relay.trim_start_matches("ws://").trim_end_matches('/');
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("set");
        let stream = socket.connect(address.parse().expect("an address")).await;
        let stream = MaybeTlsStream::Plain(stream.expect("a connection"));
        let opened = tokio_tungstenite::client_async(relay, stream).await;
        Self(opened.expect("a handshake").0)
    }

    pub(super) async fn send(&mut self, message: Value) {
        let text = Message::text(message.to_string());
        self.0.send(text).await.expect("sent");
    }

    /// Returns the next message, or `None` if the relay has ended the connection.
    pub(super) async fn next(&mut self) -> Option<Value> {
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

    pub(super) async fn publish(&mut self, event: &Event) -> Value {
        let event = serde_json::to_value(event).expect("JSON");
        self.send(json!(["EVENT", event])).await;
        self.next().await.expect("an OK")
    }

    /// Returns the events that the relay has for a filter.
    pub(super) async fn stored(&mut self, filter: Value) -> Vec<Event> {
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
pub(super) struct Client {
    socket: Socket,
    pub(super) wallet: PublicKey,
    pub(super) keys: Keys,
    pub(super) nip04: bool,
    pub(super) notifications: Vec<Value>,
    asked: u32,
}

impl Client {
    pub(super) async fn new(uri: &str) -> Self {
        let (_, _, keys) = parts(uri);
        Self::with_keys(uri, keys).await
    }

    pub(super) async fn with_keys(uri: &str, keys: Keys) -> Self {
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

    pub(super) fn request(&self, method: &str, params: &Value, tags: Vec<Tag>) -> Event {
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

    pub(super) async fn send(&mut self, event: &Event) {
        let event = serde_json::to_value(event).expect("JSON");
        self.socket.send(json!(["EVENT", event])).await;
    }

    /// Returns the id of the request that is answered next, and the answer. Notifications on the way
    /// are kept.
    pub(super) async fn next_answer(&mut self) -> (String, Value) {
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

    pub(super) async fn ask(&mut self, method: &str, params: Value) -> Value {
        // Some tests ask until something has happened.
        self.asked += 1;
        assert!(self.asked < 50_000, "what is waited for does not happen");
        let event = self.request(method, &params, Vec::new());
        self.send(&event).await;
        let (id, answer) = self.next_answer().await;
        assert_eq!(id, event.id.to_hex());
        answer
    }

    pub(super) async fn result(&mut self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params).await;
        assert_eq!(answer["result_type"], method);
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].clone()
    }

    pub(super) async fn error(&mut self, method: &str, params: Value) -> String {
        let answer = self.ask(method, params).await;
        assert!(answer["result"].is_null(), "{answer}");
        answer["error"]["code"].as_str().expect("a code").to_owned()
    }

    pub(super) async fn invoice(&mut self, msat: u64) -> (String, String) {
        let asked = json!({ "amount": msat, "description": "a joke", "expiry": 60 });
        let made = self.result("make_invoice", asked).await;
        let text = |name: &str| made[name].as_str().expect("text").to_owned();
        (text("invoice"), text("payment_hash"))
    }

    pub(super) async fn state(&mut self, hash: &str) -> Value {
        let asked = json!({ "payment_hash": hash });
        self.result("lookup_invoice", asked).await["state"].clone()
    }

    pub(super) async fn balance(&mut self) -> u64 {
        let balance = self.result("get_balance", json!({})).await;
        balance["balance"].as_u64().expect("msat")
    }

    /// Waits for two notifications of each type: one in each encryption.
    pub(super) async fn notified(&mut self) -> Vec<Value> {
        while self.notifications.len() < 4 {
            // Its answer only moves the stream on.
            self.result("get_balance", json!({})).await;
        }
        std::mem::take(&mut self.notifications)
    }
}

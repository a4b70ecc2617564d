//! A wallet service over the sandbox, written without the codec of the crate, with faults.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use l402::{Invoice, Msat, PaymentHash};
use l402_host::Clock;
use l402_lightning::{
    InvoiceRequest, InvoiceState, Pay, PayRequest, Payment, Receive, Settlement, SettlementIndex,
};
use l402_testkit::TestHome;
use nostr::nips::{nip04, nip44};
use nostr::{Event, EventBuilder, EventId, Keys, Kind, Tag, Timestamp};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use super::relay::{Relay, Told};

/// A fault of the wallet, or of the relay, in force until the next one is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mischief {
    /// Pays, and has the relay close the connection instead of answering.
    ClosesInMidPayment,
    /// Executes a request to pay only when released.
    Delays,
    /// Pays, and answers with a content that is not JSON.
    Garbage,
    /// Reports a payment as pending when it is looked up, and answers no request to pay.
    Holds,
    /// Pays, and lets the relay send a huge message instead of the answer.
    Huge,
    /// Pays only when released, then answers.
    Late,
    /// Does not pay, and says that it has, with another preimage.
    LiesAboutPreimage,
    /// Pays, and answers with nothing.
    LosesReply,
    /// Like `LosesReply`, and finds no payment when asked.
    LosesReplyAndForgets,
    /// No fault.
    #[default]
    None,
    /// Does not pay; a reply comes with the id of another request, as one that a relay repeats.
    OtherRequest,
    /// Does not pay; a reply comes that somebody else has signed.
    OtherAuthor,
    /// Does not pay; a reply comes whose signature is wrong.
    BadSignature,
    /// Does not pay, and says this code.
    Says(&'static str),
    /// Pays, and says this code.
    PaysAndSays(&'static str),
    /// Pays, and tells no fee, in the record neither.
    TellsNoFee,
    /// Answers nothing at all.
    Silent,
}

/// The kind of this wallet.
#[derive(Clone, Debug)]
pub(super) struct Kindness {
    /// True for NIP-04 alone, as before the tag `encryption`.
    pub(super) is_old: bool,
    pub(super) methods: &'static str,
    /// True if it tells its clients of what it receives.
    pub(super) notifies: bool,
}

/// The wallet's side of one connection.
pub(super) struct Double {
    pub(super) home: Arc<TestHome>,
    relays: Vec<Relay>,
    keys: Keys,
    client: Keys,
    kindness: Kindness,
    pub(super) mischief: Mutex<Mischief>,
    pub(super) release: Notify,
    /// The number of requests to pay that were carried out.
    pub(super) pays: AtomicUsize,
    /// All methods that were called.
    pub(super) calls: Mutex<Vec<String>>,
    /// The farthest place in the list of payments that was asked for.
    pub(super) deepest: AtomicUsize,
    invoices: Mutex<Vec<(PaymentHash, String)>>,
}

impl Double {
    pub(super) fn new(home: Arc<TestHome>, relays: Vec<Relay>, kindness: Kindness) -> Arc<Self> {
        let double = Arc::new(Self {
            home,
            relays,
            keys: Keys::generate(),
            client: Keys::generate(),
            kindness,
            mischief: Mutex::default(),
            release: Notify::new(),
            pays: AtomicUsize::new(0),
            calls: Mutex::default(),
            deepest: AtomicUsize::new(0),
            invoices: Mutex::default(),
        });
        double.publish_info();
        if double.kindness.notifies {
            tokio::spawn(double.clone().notify());
        }
        double
    }

    /// Returns the URI of the connection, over these relays.
    pub(super) fn uri(&self, relays: &[String]) -> String {
        let relays: Vec<String> = relays
            .iter()
            .map(|relay| format!("relay={relay}"))
            .collect();
        let (wallet, secret) = (self.keys.public_key(), self.client.secret_key());
        let secret = secret.to_secret_hex();
        format!(
            "nostr+walletconnect://{wallet}?{}&secret={secret}",
            relays.join("&")
        )
    }

    pub(super) fn set(&self, mischief: Mischief) {
        *self.mischief.lock().expect("not poisoned") = mischief;
    }

    pub(super) fn called(&self, method: &str) -> usize {
        let calls = self.calls.lock().expect("not poisoned");
        calls.iter().filter(|call| *call == method).count()
    }

    /// Answers requests for ever.
    pub(super) async fn serve(self: Arc<Self>, mut events: mpsc::UnboundedReceiver<Event>) {
        while let Some(event) = events.recv().await {
            if event
                .tags
                .public_keys()
                .any(|key| *key == self.keys.public_key())
            {
                tokio::spawn(self.clone().answer(event));
            }
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.home.clock.wall().secs())
    }

    fn publish_info(&self) {
        let mut tags = Vec::new();
        if !self.kindness.is_old {
            tags.push(Tag::parse(["encryption", "nip44_v2 nip04"]).expect("a tag"));
        }
        if self.kindness.notifies {
            tags.push(
                Tag::parse(["notifications", "payment_received payment_sent"]).expect("a tag"),
            );
        }
        let info = EventBuilder::new(Kind::from_u16(13194), self.kindness.methods)
            .tags(tags)
            .custom_created_at(self.now())
            .sign_with_keys(&self.keys)
            .expect("a signature");
        for relay in &self.relays {
            relay.store(info.clone());
        }
    }

    async fn notify(self: Arc<Self>) {
        let mut settlements = self.home.sandbox.settlements(SettlementIndex::default());
        while let Some(Ok(settled)) = settlements.next().await {
            let told = json!({
                "notification_type": "payment_received",
                "notification": self.incoming(&settled),
            });
            let kind = if self.kindness.is_old { 23196 } else { 23197 };
            self.tell(self.event(kind, None, &told.to_string(), &self.keys));
        }
    }

    fn event(&self, kind: u16, answers: Option<EventId>, text: &str, author: &Keys) -> Event {
        let (secret, to) = (author.secret_key(), self.client.public_key());
        let content = if self.kindness.is_old {
            nip04::encrypt(secret, &to, text).expect("encrypted")
        } else {
            nip44::encrypt(secret, &to, text, nip44::Version::V2).expect("encrypted")
        };
        EventBuilder::new(Kind::from_u16(kind), content)
            .tag(Tag::public_key(to))
            .tags(answers.map(Tag::event))
            .custom_created_at(self.now())
            .sign_with_keys(author)
            .expect("a signature")
    }

    fn tell(&self, event: Event) {
        for relay in &self.relays {
            relay.tell(Told::Event(Box::new(event.clone())));
        }
    }

    async fn answer(self: Arc<Self>, event: Event) {
        let mischief = *self.mischief.lock().expect("not poisoned");
        let (secret, client) = (self.keys.secret_key(), event.pubkey);
        assert_eq!(client, self.client.public_key());
        let said = event
            .tags
            .iter()
            .map(Tag::as_slice)
            .find(|tag| tag[0] == "encryption");
        let text = if self.kindness.is_old {
            assert_eq!(said.expect("a tag")[1], "nip04");
            nip04::decrypt(secret, &client, event.content.clone()).expect("NIP-04")
        } else {
            assert_eq!(said.expect("a tag")[1], "nip44_v2");
            nip44::decrypt(secret, &client, &event.content).expect("NIP-44")
        };
        let request: Value = serde_json::from_str(&text).expect("JSON");
        let method = request["method"].as_str().expect("a method").to_owned();
        self.calls
            .lock()
            .expect("not poisoned")
            .push(method.clone());
        let params = &request["params"];
        if mischief == Mischief::Silent {
            return;
        }
        if method == "pay_invoice" {
            return self.pay_invoice(&event, params, mischief).await;
        }
        let result = match method.as_str() {
            _ if !self
                .kindness
                .methods
                .split(' ')
                .any(|named| named == method) =>
            {
                Err("RESTRICTED")
            }
            "get_info" => Ok(json!({
                "alias": "double", "network": "regtest",
                "methods": self.kindness.methods.split(' ').collect::<Vec<_>>(),
            })),
            "get_balance" => {
                let balance = self.home.wallet.balance().await.expect("a balance");
                Ok(json!({ "balance": balance.msat() }))
            }
            "make_invoice" => Ok(self.make_invoice(params).await),
            "lookup_invoice" => self.lookup(params, mischief).await,
            "list_transactions" => Ok(self.list(params).await),
            _ => Err("NOT_IMPLEMENTED"),
        };
        self.reply(event.id, &method, result);
    }

    fn reply(&self, id: EventId, method: &str, result: Result<Value, &str>) {
        let told = match result {
            Ok(result) => json!({ "result_type": method, "error": null, "result": result }),
            Err(code) => json!({
                "result_type": method, "result": null,
                "error": { "code": code, "message": "no\u{1b}[2J" },
            }),
        };
        self.tell(self.event(23195, Some(id), &told.to_string(), &self.keys));
    }

    async fn make_invoice(&self, params: &Value) -> Value {
        let request = InvoiceRequest::new(
            Msat::new(params["amount"].as_u64().expect("an amount")),
            Duration::from_secs(params["expiry"].as_u64().expect("an expiry")),
            params["description"].as_str().expect("a text"),
        );
        let made = self
            .home
            .sandbox
            .create_invoice(request)
            .await
            .expect("an invoice");
        let hash = made.payment_hash();
        let bolt11 = made.bolt11().to_owned();
        self.invoices
            .lock()
            .expect("not poisoned")
            .push((hash, bolt11.clone()));
        json!({ "type": "incoming", "state": "pending", "invoice": bolt11, "payment_hash": hash.to_string(),
                "amount": params["amount"], "created_at": self.now().as_secs() })
    }

    fn incoming(&self, settled: &Settlement) -> Value {
        json!({ "type": "incoming", "state": "settled", "payment_hash": settled.payment_hash.to_string(),
                "amount": settled.paid.msat(), "fees_paid": 0, "created_at": self.now().as_secs(),
                "settled_at": 1_790_000_000 + settled.index.0 / 2, "metadata": { "any": ["thing"] } })
    }

    async fn lookup(&self, params: &Value, mischief: Mischief) -> Result<Value, &'static str> {
        let hash: PaymentHash = params["payment_hash"]
            .as_str()
            .expect("hex")
            .parse()
            .expect("hex");
        if mischief == Mischief::LosesReplyAndForgets {
            return Err("NOT_FOUND");
        }
        let told = |state: &str| json!({ "type": "outgoing", "state": state, "payment_hash": hash.to_string(), "amount": 0 });
        if mischief == Mischief::Holds && self.called("pay_invoice") > 0 {
            return Ok(told("pending"));
        }
        match self.home.wallet.lookup(hash).await.expect("an answer") {
            Some(Payment::Settled {
                preimage,
                paid,
                fee,
            }) if self.pays.load(Ordering::SeqCst) > 0 => {
                let mut told = told("settled");
                told["preimage"] = json!(preimage.to_hex());
                told["amount"] = json!(paid.msat());
                if mischief != Mischief::TellsNoFee {
                    told["fees_paid"] = json!(fee.msat());
                }
                return Ok(told);
            }
            Some(Payment::Failed(_)) => return Ok(told("failed")),
            Some(Payment::Unknown(_)) => return Ok(told("pending")),
            _ => {}
        }
        let known = self
            .invoices
            .lock()
            .expect("not poisoned")
            .iter()
            .any(|(known, _)| *known == hash);
        if !known {
            return Err("NOT_FOUND");
        }
        let state = self.home.sandbox.lookup(hash).await.expect("a state");
        let amount = match state {
            InvoiceState::Settled { paid } => paid.msat(),
            _ => 0,
        };
        let state = match state {
            InvoiceState::Settled { .. } => "settled",
            InvoiceState::Held => "accepted",
            InvoiceState::Cancelled => "expired",
            _ => "pending",
        };
        Ok(
            json!({ "type": "incoming", "state": state, "payment_hash": hash.to_string(),
                   "amount": amount, "created_at": 1 }),
        )
    }

    async fn list(&self, params: &Value) -> Value {
        assert_eq!(
            (&params["type"], &params["unpaid"]),
            (&json!("incoming"), &json!(false))
        );
        let mut settlements = self.home.sandbox.settlements(SettlementIndex::default());
        let mut listed = Vec::new();
        // The stream never ends, so a pause of 40 ms counts as its end.
        while let Ok(next) =
            tokio::time::timeout(Duration::from_millis(40), settlements.next()).await
        {
            listed.push(self.incoming(&next.expect("goes on").expect("a settlement")));
        }
        listed.reverse();
        let ask = |name: &str| usize::try_from(params[name].as_u64().unwrap_or(0)).expect("small");
        self.deepest.fetch_max(ask("offset"), Ordering::SeqCst);
        // Two at a time, so that a test of a few payments has several pages.
        let page = listed
            .into_iter()
            .skip(ask("offset"))
            .take(ask("limit").min(2));
        json!({ "transactions": page.collect::<Vec<_>>() })
    }

    async fn pay_invoice(&self, event: &Event, params: &Value, mischief: Mischief) {
        assert!(event.tags.expiration().is_some(), "a payment has an end");
        let bolt11 = params["invoice"].as_str().expect("an invoice").to_owned();
        let reply = |result| self.reply(event.id, "pay_invoice", result);
        match mischief {
            Mischief::Says(code) => return reply(Err(code)),
            Mischief::Holds => return,
            Mischief::LiesAboutPreimage => {
                return reply(Ok(json!({ "preimage": "11".repeat(32) })));
            }
            Mischief::OtherAuthor | Mischief::BadSignature | Mischief::OtherRequest => {
                return self.forge(event.id, &bolt11, mischief);
            }
            Mischief::Delays | Mischief::Late => self.release.notified().await,
            _ => {}
        }
        let now = self.now();
        if event.tags.expiration().is_some_and(|end| *end < now) {
            return;
        }
        let hash = Invoice::decode(&bolt11).expect("BOLT 11").payment_hash;
        self.pays.fetch_add(1, Ordering::SeqCst);
        let order = PayRequest::new(bolt11, Msat::from_sat(1000), Duration::from_secs(10));
        let payment = self.home.wallet.pay(order).await;
        match mischief {
            Mischief::LosesReply | Mischief::LosesReplyAndForgets => return,
            Mischief::PaysAndSays(code) => return reply(Err(code)),
            Mischief::Garbage => {
                return self.tell(self.event(23195, Some(event.id), "<html>", &self.keys));
            }
            Mischief::Huge => {
                let text = format!("[\"NOTICE\",\"{}\"]", "a".repeat(512 * 1024));
                return self
                    .relays
                    .iter()
                    .for_each(|relay| relay.tell(Told::Raw(text.clone())));
            }
            Mischief::ClosesInMidPayment => {
                return self.relays.iter().for_each(|relay| relay.tell(Told::Close));
            }
            _ => {}
        }
        reply(match payment {
            Payment::Settled { preimage, fee, .. } => {
                assert!(preimage.proves(&hash));
                let mut told = json!({ "preimage": preimage.to_hex() });
                // The fee is optional.
                if mischief != Mischief::TellsNoFee {
                    told["fees_paid"] = json!(fee.msat());
                }
                Ok(told)
            }
            // Nothing else fails in the sandbox.
            Payment::Failed(_) => Err("INSUFFICIENT_BALANCE"),
            Payment::Unknown(_) => Err("INTERNAL"),
        });
    }

    /// Sends replies that say *paid* with the true preimage, and that must not count.
    fn forge(&self, id: EventId, _: &str, mischief: Mischief) {
        let told = json!({ "result_type": "pay_invoice", "error": { "code": "PAYMENT_FAILED", "message": "" } });
        let text = told.to_string();
        let event = match mischief {
            Mischief::OtherAuthor => self.event(23195, Some(id), &text, &Keys::generate()),
            Mischief::OtherRequest => self.event(
                23195,
                Some(EventId::from_byte_array([9; 32])),
                &text,
                &self.keys,
            ),
            _ => {
                let mut event = self.event(23195, Some(id), &text, &self.keys);
                event.sig = self.event(23195, Some(id), "other", &self.keys).sig;
                event
            }
        };
        // Past the filters, as a malicious relay would send it.
        let forged = nostr::RelayMessage::event(nostr::SubscriptionId::new("l402"), event);
        let forged = nostr::JsonUtil::as_json(&forged);
        self.relays
            .iter()
            .for_each(|relay| relay.tell(Told::Raw(forged.clone())));
    }
}

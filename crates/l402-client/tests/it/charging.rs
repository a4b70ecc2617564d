//! Servers that ask by the scheme `Payment` (MPP), or for what this client cannot pay.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use l402::mpp::{BoundParams, PaymentCredential, canonical_json, encode_base64url};
use l402::{Msat, PaymentHash, Preimage};
use l402_client::examine::{Payer, UnpaidAnswer, examine};
use l402_client::hook::{Decision, PaymentHook, Proposal};
use l402_client::{Client, CredentialScheme, Error, Refused, State};
use l402_host::{BoxFuture, Clock, ManualClock};
use l402_lightning::sandbox::Sandbox;
use l402_lightning::{InvoiceRequest, Receive};
use l402_testkit::TestServer;
use serde_json::{Value, json};

use crate::world::{World, fetch};

/// The secret of the published vectors.
const SECRET: &[u8] = b"mpp-test-vector-secret";

/// What a server of charges does.
#[derive(Clone)]
struct Plan {
    /// Changes the request before it is signed.
    request: fn(&mut Value),
    /// Changes the line of the challenge after it was signed.
    line: fn(String) -> String,
    /// Ends a challenge so many seconds after its begin.
    ends: Option<u64>,
    /// The status of the paid answer, with its receipt or without.
    served: (u16, bool),
    /// Adds this line before the challenge.
    beside: Option<String>,
}

struct Shop {
    sandbox: Sandbox,
    clock: Arc<ManualClock>,
    plan: Mutex<Plan>,
    consumed: Mutex<HashSet<String>>,
    /// The values of `authorization`, empty without.
    seen: Mutex<Vec<String>>,
}

struct Charging {
    origin: String,
    shop: Arc<Shop>,
}

impl Charging {
    fn open(world: &World) -> Self {
        let shop = Arc::new(Shop {
            sandbox: world.sandbox.clone(),
            clock: Arc::clone(&world.clock),
            plan: Mutex::new(Plan {
                request: |_| {},
                line: |line| line,
                ends: Some(300),
                served: (200, true),
                beside: None,
            }),
            consumed: Mutex::default(),
            seen: Mutex::default(),
        });
        let answering = Arc::clone(&shop);
        let server = TestServer::start(move |request: Request<Incoming>| {
            let shop = Arc::clone(&answering);
            async move { shop.answer(&request).await }
        });
        let origin = format!("http://{}", server.address());
        Self { origin, shop }
    }

    fn url(&self, path: &str) -> url::Url {
        format!("{}{path}", self.origin)
            .parse()
            .expect("what the test made")
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.shop.plan.lock().expect("no panic before")
    }

    fn seen(&self) -> Vec<String> {
        self.shop.seen.lock().expect("no panic before").clone()
    }
}

impl Shop {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let given = request.headers().get("authorization");
        let given = given.map_or("", |value| value.to_str().expect("what the test made"));
        self.seen
            .lock()
            .expect("no panic before")
            .push(given.to_owned());
        let plan = self.plan.lock().expect("no panic before").clone();
        // Bound to the request, as the draft advises.
        let route = request.uri().to_string();
        let paid = PaymentCredential::from_header(given).ok();
        let paid = paid.and_then(|credential| self.accept(&credential, &route));
        let Some(hash) = paid else {
            return self.ask(&plan, &route).await;
        };
        let mut answer = Response::new(Full::new("paid for".into()));
        *answer.status_mut() = StatusCode::from_u16(plan.served.0).expect("what the test made");
        if plan.served.1 {
            let receipt = json!({ "status": "success", "method": "lightning",
                "timestamp": self.clock.wall().to_rfc3339(), "reference": hash.to_string() });
            let receipt = encode_base64url(receipt.to_string().as_bytes());
            answer.headers_mut().insert(
                "payment-receipt",
                receipt.parse().expect("what the test made"),
            );
        }
        answer
    }

    /// Checks a credential as the draft has it, and uses it up.
    fn accept(&self, credential: &PaymentCredential, route: &str) -> Option<PaymentHash> {
        let part = |name: &str| credential.challenge(name).unwrap_or_default();
        let bound = BoundParams {
            realm: part("realm"),
            method: part("method"),
            intent: part("intent"),
            request: part("request"),
            expires: part("expires"),
            digest: part("digest"),
            opaque: part("opaque"),
        };
        let opaque = encode_base64url(json!({ "route": route }).to_string().as_bytes());
        let request = l402::mpp::decode_object(part("request")).ok()?;
        let hash = request["methodDetails"]["paymentHash"].as_str()?;
        let hash: PaymentHash = hash.parse().ok()?;
        let preimage: Preimage = credential
            .payload()?
            .get("preimage")?
            .as_str()?
            .parse()
            .ok()?;
        let is_good = bound.id(SECRET) == part("id")
            && part("opaque") == opaque
            && preimage.proves(&hash)
            && self
                .consumed
                .lock()
                .expect("no panic before")
                .insert(part("id").to_owned());
        is_good.then_some(hash)
    }

    async fn ask(&self, plan: &Plan, route: &str) -> Response<Full<Bytes>> {
        let invoice = InvoiceRequest::new(Msat::from_sat(50), Duration::from_secs(600), "a page");
        let invoice = self
            .sandbox
            .create_invoice(invoice)
            .await
            .expect("what the test made");
        let mut request = json!({ "amount": "50", "currency": "sat", "methodDetails": {
            "invoice": invoice.bolt11(), "network": "regtest",
            "paymentHash": invoice.payment_hash().to_string() } });
        (plan.request)(&mut request);
        let request = canonical_json(&request.to_string()).expect("what the test made");
        let request = encode_base64url(request.as_bytes());
        let opaque = encode_base64url(json!({ "route": route }).to_string().as_bytes());
        let expires = plan.ends.map(|secs| {
            let end = self.clock.wall().saturating_add(Duration::from_secs(secs));
            end.to_rfc3339()
        });
        let bound = BoundParams {
            realm: "api.example.com",
            method: "lightning",
            intent: "charge",
            request: &request,
            expires: expires.as_deref().unwrap_or_default(),
            digest: "",
            opaque: &opaque,
        };
        let mut line = format!(
            "Payment id=\"{}\", realm=\"api.example.com\", method=\"lightning\", intent=\"charge\", \
             request=\"{request}\", description=\"a \\\"page\\\"\", opaque=\"{opaque}\"",
            bound.id(SECRET)
        );
        if let Some(expires) = expires {
            line += &format!(", expires=\"{expires}\"");
        }
        let body = r#"{"type":"https://paymentauth.org/problems/payment-required","status":402}"#;
        let mut answer = Response::new(Full::new(Bytes::from(body)));
        *answer.status_mut() = StatusCode::PAYMENT_REQUIRED;
        for line in plan.beside.iter().cloned().chain([(plan.line)(line)]) {
            answer.headers_mut().append(
                "www-authenticate",
                line.parse().expect("what the test made"),
            );
        }
        answer
    }
}

#[tokio::test]
async fn a_charge_is_paid_once_and_each_answer_by_its_own() {
    let world = World::new().await;
    let seller = Charging::open(&world);
    for (at, path) in ["/a", "/a", "/b?x=1"].into_iter().enumerate() {
        let fetched = fetch(&world.client(), seller.url(path)).await.unwrap();
        assert_eq!((fetched.status, fetched.reused), (200, Some(false)));
        assert_eq!(fetched.body, "paid for");
        let paid = 50 * u64::try_from(at + 1).unwrap();
        assert_eq!(world.spent().await, Msat::from_sat(paid));
    }
    assert_eq!(world.states(), [State::Served; 3]);
    // Asked, then presented; nothing else ever goes along.
    let seen = seller.seen();
    assert_eq!(seen.len(), 6);
    for pair in seen.chunks(2) {
        assert!(
            pair[0].is_empty() && pair[1].starts_with("Payment ey"),
            "{pair:?}"
        );
    }
}

/// Keeps the protocol of each proposal.
struct Protocols(Mutex<Vec<&'static str>>);

impl PaymentHook for Protocols {
    fn decide<'a>(&'a self, proposal: &'a Proposal) -> BoxFuture<'a, Decision> {
        self.0
            .lock()
            .expect("no panic before")
            .push(proposal.protocol);
        Box::pin(async { Decision::allow() })
    }
}

#[tokio::test]
async fn limits_journal_and_hook_hold_for_a_charge() {
    let world = World::new().await;
    let seller = Charging::open(&world);
    let limits = l402_client::Limits::default().with_per_request(Msat::from_sat(49));
    let client = world.builder().limits(limits).build().unwrap();
    let error = fetch(&client, seller.url("/a")).await.unwrap_err();
    assert!(matches!(error, Error::OverBudget { .. }), "{error}");
    let hook = Arc::new(Protocols(Mutex::default()));
    let client = world.builder().hook(hook.clone()).build().unwrap();
    fetch(&client, seller.url("/a")).await.unwrap();
    assert_eq!(*hook.0.lock().unwrap(), ["mpp"]);
    // An answer that was lost is had by the next call, for nothing.
    world.fault(l402_lightning::sandbox::Fault::Held);
    fetch(&client, seller.url("/b")).await.unwrap_err();
    assert_eq!(world.states()[0], State::Unknown);
    world.fault(l402_lightning::sandbox::Fault::None);
    let fetched = fetch(&client, seller.url("/b")).await.unwrap();
    assert_eq!(fetched.reused, Some(true));
    assert_eq!(world.spent().await, Msat::from_sat(100));
}

/// What was bought for one request is presented for no other: the server binds it, and it is gone then.
#[tokio::test]
async fn an_unserved_charge_waits_for_its_own_request() {
    let world = World::new().await;
    let seller = Charging::open(&world);
    world.fault(l402_lightning::sandbox::Fault::Held);
    fetch(&world.client(), seller.url("/a?x=1"))
        .await
        .unwrap_err();
    world.fault(l402_lightning::sandbox::Fault::None);
    world.client().reconcile().await.unwrap();
    let other = fetch(&world.client(), seller.url("/a?x=2")).await.unwrap();
    assert_eq!(other.reused, Some(false));
    let own = fetch(&world.client(), seller.url("/a?x=1")).await.unwrap();
    assert_eq!(own.reused, Some(true));
    assert_eq!(world.spent().await, Msat::from_sat(100));
}

#[tokio::test]
async fn a_receipt_says_that_a_charge_is_used_up() {
    for (with_receipt, state) in [(true, State::Served), (false, State::Paid)] {
        let world = World::new().await;
        let seller = Charging::open(&world);
        seller.plan().served = (404, with_receipt);
        let fetched = fetch(&world.client(), seller.url("/a")).await.unwrap();
        assert_eq!(fetched.status, 404);
        assert_eq!(world.states(), [state]);
    }
}

/// The doctor and the buyer agree.
#[tokio::test]
async fn the_doctor_calls_a_charge_sound_and_says_who_cannot_pay_it() {
    let world = World::new().await;
    let seller = Charging::open(&world);
    let url = seller.url("/a");
    for (change, sound) in [
        ((|_| {}) as Change, true),
        (|it| it["amount"] = "49".into(), false),
    ] {
        seller.plan().request = change;
        let answer = reqwest::get(url.clone()).await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let answer = UnpaidAnswer {
            url: &url,
            status,
            headers: &headers,
            body: b"",
        };
        let report = examine(&answer, &Payer::default(), world.clock.wall());
        assert_eq!(report.is_sound(), sound);
        let said = |rule: &str| report.findings.iter().any(|one| one.rule == rule);
        assert!(said("scheme") && said("payment challenge") && !said("payment hash"));
        let scheme = report.offer.as_ref().unwrap().scheme;
        assert_eq!(scheme, CredentialScheme::Payment);
    }
}

#[tokio::test]
async fn l402_beside_a_charge_is_what_is_paid() {
    let world = World::new().await;
    let seller = Charging::open(&world);
    // Broken, so that the one way to pay would be the charge.
    seller.plan().beside = Some("L402 macaroon=\"AgEE\", invoice=\"lnbcrt1\"".into());
    let error = fetch(&world.client(), seller.url("/a")).await.unwrap_err();
    assert_eq!(error.code(), "invoice_malformed", "{error}");
    assert_eq!(world.spent().await, Msat::ZERO);
}

type Change = fn(&mut Value);
type Line = fn(String) -> String;

/// Changes of a request, each with the reason why it is not paid.
const REQUESTS: [(Refused, Change); 10] = [
    (Refused::WrongAmount, |it| it["amount"] = "49".into()),
    (Refused::WrongAmount, |it| it["amount"] = "5e1".into()),
    (Refused::ChallengeMalformed, |it| it["amount"] = Value::Null),
    (Refused::ChallengeMalformed, |it| {
        it["currency"] = "usd".into()
    }),
    (Refused::ChallengeMalformed, |it| {
        it["currency"] = Value::Null
    }),
    (Refused::ChallengeMalformed, |it| {
        it["methodDetails"] = json!({})
    }),
    (Refused::InvoiceMalformed, |it| {
        it["methodDetails"]["invoice"] = "lnbcrt1".into();
    }),
    (Refused::WrongHash, |it| {
        it["methodDetails"]["paymentHash"] = "0".repeat(64).into();
    }),
    (Refused::WrongHash, |it| {
        it["methodDetails"]["paymentHash"] = "x".into()
    }),
    (Refused::WrongNetwork, |it| {
        it["methodDetails"]["network"] = "mainnet".into()
    }),
];

/// Changes of the line of a challenge.
const LINES: [(Refused, Line); 7] = [
    (Refused::ChallengeMalformed, |line| {
        line.replace("id=\"", "x=\"")
    }),
    (Refused::ChallengeMalformed, |line| {
        line.replace("realm=\"api.example.com\"", "realm=\"\"")
    }),
    (Refused::ChallengeMalformed, |line| {
        line.replace("request=\"", "request=\"!")
    }),
    (Refused::ChallengeMalformed, |line| {
        line + ", expires=\"soon\""
    }),
    (Refused::Ambiguous, |line| line + ", realm=\"other\""),
    (Refused::ChallengeTooLarge, |line| {
        format!("{line}, digest=\"{}\"", "a".repeat(9000))
    }),
    (Refused::NothingPayable, |line| {
        line.replace("\"charge\"", "\"session\"")
    }),
];

/// ATTACKS C-16.
#[tokio::test]
async fn a_charge_that_contradicts_itself_is_not_paid() {
    let same: (Change, Line) = (|_| {}, |line| line);
    let world = World::new().await;
    let seller = Charging::open(&world);
    let requests = REQUESTS.map(|(reason, change)| (reason, (change, same.1)));
    let lines = LINES.map(|(reason, line)| (reason, (same.0, line)));
    for (at, (reason, (request, line))) in requests.into_iter().chain(lines).enumerate() {
        {
            let mut plan = seller.plan();
            (plan.request, plan.line) = (request, line);
            plan.ends = None;
        }
        assert_eq!(
            refused(&world.client(), &seller).await,
            Some(reason),
            "{at}"
        );
    }
    (seller.plan().request, seller.plan().line) = same;
    seller.plan().ends = Some(9);
    let reason = refused(&world.client(), &seller).await;
    assert_eq!(reason, Some(Refused::InvoiceExpired));
    assert_eq!(world.spent().await, Msat::ZERO);
    assert!(world.states().is_empty());
}

async fn refused(client: &Client, seller: &Charging) -> Option<Refused> {
    match fetch(client, seller.url("/a")).await {
        Err(Error::Refused { reason, .. }) => Some(reason),
        other => panic!("{other:?}"),
    }
}

/// Answers with something else than L402: a line, a header `PAYMENT-REQUIRED`, a body, and what is said of
/// it.
fn others() -> Vec<(String, String, Value, &'static str)> {
    use base64::Engine as _;
    let x402 = |version: u32, network: &str| {
        json!({ "x402Version": version, "accepts": [{ "scheme": "exact", "network": network,
            "asset": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
            "extra": { "name": "USD Coin" } }] })
    };
    let header =
        base64::engine::general_purpose::STANDARD.encode(x402(2, "eip155:8453").to_string());
    let tempo =
        "Payment id=\"a\", realm=\"b\", method=\"tempo\", intent=\"charge\", request=\"e30\"";
    let session =
        "Payment id=\"a\", realm=\"b\", method=\"lightning\", intent=\"session\", request=\"e30\"";
    let hostile = "Payment method=\"a\u{202e}b\", id=\"x\"";
    let long = json!({ "x402Version": 1, "accepts": [{ "asset": "\u{1b}[2J".repeat(500) }] });
    let rows = [
        (
            "",
            "",
            x402(1, "base"),
            "asks for USDC on base by x402; l402 pays Lightning",
        ),
        (
            "",
            header.as_str(),
            json!({}),
            "asks for USDC on eip155:8453 by x402",
        ),
        (
            "",
            "",
            json!({ "x402Version": 1 }),
            "asks for a payment by x402",
        ),
        ("", "", long, "by x402"),
        (
            tempo,
            "",
            json!({}),
            "asks for tempo/charge by the scheme Payment",
        ),
        (
            session,
            "",
            json!({}),
            "asks for lightning/session by the scheme Payment",
        ),
        (hostile, "", json!({}), "by the scheme Payment"),
        (
            "",
            "",
            json!({ "payment_request_url": "https://a.example" }),
            "payment_request_url",
        ),
    ];
    let owned = |(line, header, body, said): (&str, &str, Value, _)| {
        (line.to_owned(), header.to_owned(), body, said)
    };
    rows.into_iter().map(owned).collect()
}

/// Answers that ask for something else say so, whatever they hold.
#[tokio::test]
async fn what_cannot_be_paid_is_named() {
    let world = World::new().await;
    for (line, header, body, said) in others() {
        world.server.alter(move |_, answer| {
            answer.lines.clear();
            if !line.is_empty() {
                answer.lines.push(line.clone().into_bytes());
            }
            if !header.is_empty() {
                answer
                    .headers
                    .insert("payment-required", header.parse().unwrap());
            }
            answer.body = body.clone();
        });
        let error = world.fetch(&world.client(), "/joke").await.unwrap_err();
        assert_eq!(error.code(), "nothing_payable", "{error}");
        let text = error.to_string();
        assert!(text.contains(said), "{said}: {text}");
        assert!(
            text.len() < 400 && !text.contains(['\u{1b}', '\u{202e}']),
            "{text:?}"
        );
    }
}

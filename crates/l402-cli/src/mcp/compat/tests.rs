//! Calls in the spelling of other wallets, over default tools that note what they are asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use l402::Msat;
use l402_client::{Client, Journal};
use l402_host::BoxFuture;
use serde_json::{Map, Value, json};

use super::address::Addresses;
use super::narrow::{Narrow, Narrowed};
use super::profile::Profile;
use super::serve::{Means, absent, tools};
use crate::mcp::download::Download;
use crate::mcp::tool::{Call, Card, Hints, Tool, ToolAnswer, Waiting};

/// A default tool that notes its calls and gives one answer.
struct Fake {
    card: Card,
    answer: ToolAnswer,
    asked: Arc<Mutex<Vec<(&'static str, Value)>>>,
}

impl Tool for Fake {
    fn card(&self) -> &Card {
        &self.card
    }

    fn call(&self, call: Call) -> BoxFuture<'_, ToolAnswer> {
        let asked = (self.card.name, Value::Object(call.arguments));
        self.asked.lock().unwrap().push(asked);
        Box::pin(std::future::ready(self.answer.clone()))
    }
}

/// The limits of a run that hold 1,000 sat a request and 10,000 in all.
struct Limits(Mutex<Narrowed>);

impl Narrow for Limits {
    fn narrow(&self, asked: Narrowed) -> Result<Narrowed, String> {
        let mut now = self.0.lock().unwrap();
        let lower = |one: Option<Msat>, other: Option<Msat>| one.min(other.or(one));
        now.per_request = lower(now.per_request, asked.per_request);
        now.in_all = lower(now.in_all, asked.in_all);
        Ok(*now)
    }

    fn agent(&self) -> String {
        "shopper".to_owned()
    }
}

/// A profile over default tools that give these answers.
struct Bench {
    profile: Profile,
    tools: Vec<Arc<dyn Tool>>,
    asked: Arc<Mutex<Vec<(&'static str, Value)>>>,
    _folder: tempfile::TempDir,
}

fn done(structured: Value) -> ToolAnswer {
    let line = "paid 3 sat and 1 sat for routing".to_owned();
    ToolAnswer {
        structured,
        line,
        is_error: false,
        parts: Vec::new(),
        waiting: None,
    }
}

fn paid() -> Value {
    json!({
        "outcome": "served",
        "payment": {
            "amount_msat": 2500, "amount_sat": 3, "fee_msat": 1000, "payment_hash": "ab", "reused": false,
        },
        "payment_hash": "ab", "replayed": false, "paid_at": null, "approval": null, "error": null, "notes": [],
        "answer": {
            "status": 200, "url": "https://a.example/joke", "media_type": "text/plain", "location": null,
            "size_bytes": 4, "blob": null, "left_out_bytes": 0,
            "body": { "untrusted": true, "from": "a.example", "text": "ha!\n", "shortened": false },
        },
    })
}

const DEFAULTS: [&str; 11] = [
    "l402_fetch",
    "l402_preview",
    "l402_resume",
    "pay_invoice",
    "create_invoice",
    "lookup_payment",
    "decode_invoice",
    "get_balance",
    "budget_status",
    "receipts",
    "search_services",
];

fn means(folder: &std::path::Path) -> Means {
    let client = Client::builder(Journal::open(folder).unwrap())
        .build()
        .unwrap();
    let held = Narrowed {
        per_request: Some(Msat::from_sat(1000)),
        in_all: Some(Msat::from_sat(10_000)),
    };
    Means {
        download: Download::new(client, Vec::new()),
        limits: Arc::new(Limits(Mutex::new(held))),
        reaches: Arc::new(|url| url.host_str() != Some("elsewhere.example")),
        plays_here: true,
        clock: Arc::new(l402_host::SystemClock::default()),
        purse: None,
    }
}

impl Bench {
    fn new(profile: Profile, answer: &ToolAnswer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let defaults: Vec<_> = DEFAULTS
            .map(|name| -> Arc<dyn Tool> {
                let hints = Hints {
                    read_only: false,
                    destructive: true,
                    idempotent: false,
                    open_world: true,
                };
                let (input, output) = (json!({}), json!({}));
                let card = Card {
                    name,
                    title: name,
                    description: "",
                    input,
                    output,
                    hints,
                };
                Arc::new(Fake {
                    card,
                    answer: answer.clone(),
                    asked: Arc::clone(&asked),
                })
            })
            .into();
        let tools = tools(profile, &defaults, &means(folder.path()));
        Self {
            profile,
            tools,
            asked,
            _folder: folder,
        }
    }

    async fn call(&self, name: &str, arguments: Value) -> ToolAnswer {
        let tool = self.tools.iter().find(|tool| tool.card().name == name);
        let Value::Object(arguments) = arguments else {
            panic!("no object")
        };
        let patience = Duration::from_secs(1);
        let tool = tool.unwrap_or_else(|| panic!("{:?} {name}", self.profile));
        tool.call(Call {
            arguments,
            patience,
        })
        .await
    }

    fn asked(&self) -> Vec<(&'static str, Value)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

#[tokio::test]
async fn a_paid_answer_has_the_keys_of_each_wallet() {
    for (profile, name, arguments, ours, expected) in [
        (
            Profile::LightningWallet,
            "pay_l402_api",
            json!({"url": "https://a.example/joke", "method": "post", "body": "{}"}),
            json!({
                "url": "https://a.example/joke", "method": "POST", "body": "{}", "max_cost_sat": 1000,
                "headers": {"content-type": "application/json"},
            }),
            json!({
                "success": true, "message": "paid 3 sat and 1 sat for routing", "status_code": 200,
                "data": "ha!\n", "payment_hash": "ab", "amount_paid": 3, "fee": 1, "outcome": "served",
                "untrusted": ["data"],
            }),
        ),
        (
            Profile::Alby,
            "fetch_l402",
            json!({"url": "https://a.example/joke", "method": null, "body": null}),
            json!({"url": "https://a.example/joke"}),
            json!({
                "content": "ha!\n", "status": 200, "payment_hash": "ab", "amount_in_sats": 3,
                "fees_paid_in_sats": 1, "outcome": "served", "untrusted": ["content"],
            }),
        ),
        (
            Profile::LightningEnable,
            "access_l402_resource",
            json!({"url": "https://a.example/joke", "headers": "{\"x-a\": \"1\"}", "max_sats": 5}),
            json!({"url": "https://a.example/joke", "headers": {"x-a": "1"}, "max_cost_sat": 5}),
            json!({
                "success": true, "url": "https://a.example/joke", "statusCode": 200,
                "contentType": "text/plain", "response": "ha!\n", "content": "ha!\n", "paid_sats": 3,
                "payment": {"paid": true, "amountSats": 3, "feeSats": 1, "payment_hash": "ab"},
                "message": "paid 3 sat and 1 sat for routing", "outcome": "served",
                "untrusted": ["response", "content"],
            }),
        ),
        (
            Profile::Lnget,
            "download",
            json!({"url": "https://a.example/joke"}),
            json!({"url": "https://a.example/joke"}),
            json!({
                "url": "https://a.example/joke", "size": 4, "content_type": "text/plain",
                "status_code": 200, "l402_paid": true, "l402_amount_sat": 3, "l402_fee_sat": 1,
                "content": "ha!\n", "outcome": "served", "untrusted": ["content"],
            }),
        ),
    ] {
        let bench = Bench::new(profile, &done(paid()));
        let answer = bench.call(name, arguments).await;
        assert_eq!(bench.asked(), [("l402_fetch", ours)], "{profile:?}");
        assert_eq!(answer.structured, expected, "{profile:?}");
        assert!(!answer.is_error);
    }
}

#[tokio::test]
async fn pending_and_waiting_are_no_errors_and_say_what_to_do() {
    let pending =
        json!({"outcome": "pending", "payment_hash": "cd", "error": {"code": "payment_unknown"}});
    let mut waiting =
        done(json!({"outcome": "waiting_for_approval", "approval": 7, "error": null}));
    let question = "200 sat to 02ab".to_owned();
    waiting.waiting = Some(Waiting {
        approval: 7,
        page: None,
        question,
    });
    for (profile, name, argument) in [
        (Profile::LightningWallet, "pay_invoice", "bolt11"),
        (Profile::LightningWallet, "withdraw", "invoice"),
        (Profile::Alby, "pay_invoice", "invoice"),
        (Profile::LightningEnable, "pay_invoice", "invoice"),
        (Profile::Lnget, "download", "url"),
    ] {
        let arguments = json!({ argument: "lnbc1" });
        let answer = Bench::new(profile, &done(pending.clone()))
            .call(name, arguments.clone())
            .await;
        assert!(!answer.is_error, "{profile:?}");
        let result = answer.structured;
        assert_eq!(result["payment_hash"], "cd", "{profile:?}");
        assert!(result.to_string().contains("Do NOT retry"), "{result}");
        assert_ne!(result["success"], true);
        if profile == Profile::LightningWallet {
            assert_eq!(
                (&result["success"], &result["pending"]),
                (&json!(false), &json!(true))
            );
        }

        let answer = Bench::new(profile, &waiting).call(name, arguments).await;
        assert!(!answer.is_error);
        assert_eq!(answer.waiting.as_ref().map(|it| it.approval), Some(7));
        assert_eq!(answer.structured["approval"], 7);
        assert!(answer.structured.to_string().contains("l402 approve"));
    }
}

#[tokio::test]
async fn a_refusal_has_the_form_of_each_wallet() {
    let mut refused = done(json!({
        "outcome": "refused",
        "error": {
            "code": "over_budget", "message": "over the limit", "hint": "ask your operator",
            "limit": {"which": "per_day", "left_msat": 2500},
        },
    }));
    refused.is_error = false;
    for (profile, name, argument, key) in [
        (Profile::LightningWallet, "pay_invoice", "bolt11", "error"),
        (Profile::Alby, "pay_invoice", "invoice", "error"),
        (Profile::LightningEnable, "pay_invoice", "invoice", "error"),
        (Profile::Lnget, "download", "url", "message"),
    ] {
        let answer = Bench::new(profile, &refused)
            .call(name, json!({ argument: "lnbc1" }))
            .await;
        assert!(answer.is_error, "{profile:?}");
        assert_eq!(answer.structured[key], "over the limit");
        assert_eq!(answer.structured["hint"], "ask your operator");
        assert_eq!(answer.structured["code"], "over_budget");
    }
    let answer = Bench::new(Profile::LightningWallet, &refused);
    let answer = answer.call("pay_invoice", json!({"bolt11": "lnbc1"})).await;
    assert_eq!(answer.structured["available"], 2);
    assert_eq!(answer.structured["success"], false);
}

// ATTACKS A-04: the model confirms for the person.
#[tokio::test]
async fn no_argument_approves() {
    for arguments in [
        json!({"invoice": "lnbc1", "confirmed": true}),
        json!({"invoice": "lnbc1", "confirmation_nonce": "A1B2C3"}),
        json!({"invoice": "lnbc1", "approved": true}),
    ] {
        let bench = Bench::new(Profile::LightningEnable, &done(paid()));
        let answer = bench.call("pay_invoice", arguments).await;
        let ours = json!({"invoice": "lnbc1", "max_cost_sat": 1000});
        assert_eq!(bench.asked(), [("pay_invoice", ours)]);
        assert!(
            answer.structured["notes"]
                .to_string()
                .contains("no argument approves")
        );
    }
    let bench = Bench::new(Profile::LightningEnable, &done(paid()));
    let answer = bench
        .call("confirm_payment", json!({"nonce": "A1B2C3"}))
        .await;
    assert!(answer.is_error && bench.asked().is_empty());
    assert!(
        answer.structured["error"]
            .as_str()
            .unwrap()
            .contains("a person does")
    );
}

// ATTACKS A-06: a file to write to.
#[tokio::test]
async fn no_file_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authorized_keys");
    let bench = Bench::new(Profile::Lnget, &done(paid()));
    let arguments = json!({"url": "https://a.example/joke", "output": file.to_str().unwrap()});
    let answer = bench.call("download", arguments).await;
    assert_eq!(
        bench.asked(),
        [("l402_fetch", json!({"url": "https://a.example/joke"}))]
    );
    assert!(
        answer.structured["notes"]
            .to_string()
            .contains("no file is written")
    );
    assert_eq!(answer.structured["content"], "ha!\n");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

// ATTACKS A-12: a tool raises its own budget.
#[tokio::test]
async fn limits_are_only_ever_lowered() {
    let bench = Bench::new(Profile::LightningWallet, &done(paid()));
    let set = |sats: u64| json!({"agent_id": "other", "budget_limit_sats": sats});
    let answer = bench.call("set_budget", set(0)).await;
    assert!(answer.is_error);
    let words = answer.structured["error"].as_str().unwrap();
    assert!(
        words.contains("ask your operator: l402 budget set"),
        "{words}"
    );
    let answer = bench.call("set_budget", set(1_000_000)).await;
    assert_eq!(answer.structured["new_budget_limit_sats"], 10_000);
    assert!(
        answer.line.contains("a lower limit held already"),
        "{}",
        answer.line
    );
    assert_eq!(answer.structured["agent_id"], "shopper");
    let answer = bench.call("set_budget", set(50)).await;
    assert_eq!(answer.structured["new_budget_limit_sats"], 50);
    let answer = bench.call("set_budget", set(51)).await;
    assert_eq!(answer.structured["new_budget_limit_sats"], 50);
    assert!(bench.asked().is_empty());

    let bench = Bench::new(Profile::LightningEnable, &done(paid()));
    let answer = bench
        .call("configure_budget", json!({"per_request": 5}))
        .await;
    let limits = json!({"per_request": 5, "per_session": 10_000});
    assert_eq!(answer.structured["limits"], limits);
    let answer = bench
        .call("configure_budget", json!({"per_request": 0}))
        .await;
    assert!(answer.is_error);
}

/// Calls of lightning-wallet's tools that are not understood, and the words about each.
fn mistakes() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        (
            "pay_invoice",
            json!({}),
            "bolt11 is missing: write a text of at most 8192 bytes",
        ),
        ("pay_invoice", json!({"bolt11": 5}), "bolt11: write a text"),
        (
            "pay_invoice",
            json!({"bolt11": "a", "max_fee_sats": -1}),
            "max_fee_sats: write a whole number",
        ),
        (
            "pay_invoice",
            json!({"bolt11": "a", "max_fee_sats": 1e308}),
            "max_fee_sats: write",
        ),
        (
            "pay_invoice",
            json!({"bolt11": "a", "max_fee_sats": "10 sats"}),
            "max_fee_sats: write",
        ),
        (
            "pay_l402_api",
            json!({"url": "a", "max_payment_sats": 0}),
            "whole number from 1 to 100000",
        ),
        (
            "pay_l402_api",
            json!({"url": "a", "method": "TRACE"}),
            "one of GET, POST, PUT, DELETE",
        ),
        (
            "pay_l402_api",
            json!({"url": "a", "evil\u{202e}\n": 1}),
            "there is no argument evil",
        ),
        ("check_balance", json!({"a": 1}), "call it without any"),
        (
            "keysend",
            json!({"destination": "02", "amount_sats": 1}),
            "ask the payee for an invoice",
        ),
    ]
}

#[tokio::test]
async fn a_wrong_argument_is_named_and_nothing_is_asked() {
    for (name, arguments, told) in mistakes() {
        let bench = Bench::new(Profile::LightningWallet, &done(paid()));
        let answer = bench.call(name, arguments.clone()).await;
        let words = answer.structured["error"].as_str().unwrap();
        assert!(words.contains(told), "{arguments}: {words}");
        assert!(answer.is_error && bench.asked().is_empty());
        assert!(!words.contains(['\u{202e}', '\n']));
        assert!(answer.line.ends_with("nothing was paid"));
    }
    let bench = Bench::new(Profile::Alby, &done(paid()));
    let answer = bench
        .call("pay_invoice", json!({"invoice": "a", "amount_in_sats": 5}))
        .await;
    assert!(
        answer.structured["error"]
            .as_str()
            .unwrap()
            .contains("stands in the invoice")
    );
    assert!(bench.asked().is_empty());
}

#[tokio::test]
async fn readers_are_translated() {
    let listed = json!({
        "receipts": [{
            "payment_hash": "ab", "url": "https://a.example/x", "state": "unknown", "amount_msat": 1500,
            "amount_sat": 2, "fee_msat": 0, "created": "2026-11-30T16:00:00Z",
            "updated": "2026-11-30T16:00:01Z",
        }],
        "count": 3, "paid_msat": 1500, "has_more": true, "error": null, "notes": [],
    });
    let bench = Bench::new(Profile::Lnget, &done(listed.clone()));
    let answer = bench
        .call("events_list", json!({"domain": "a.example"}))
        .await;
    assert_eq!(bench.asked(), [("receipts", json!({"limit": 50}))]);
    let event = &answer.structured["events"][0];
    assert_eq!(
        (&event["domain"], &event["status"]),
        (&json!("a.example"), &json!("pending"))
    );
    assert_eq!(event["amount_sat"], 2);
    let bench = Bench::new(Profile::Alby, &done(listed));
    let answer = bench.call("list_transactions", json!({})).await;
    assert_eq!(
        answer.structured["transactions"][0]["created_at"],
        1_796_054_400
    );

    let status = json!({
        "agent": "shopper", "stopped": false, "error": null, "notes": [],
        "limits": [
            {"which": "per_request", "limit_msat": 1_000_000, "spent_msat": 0, "left_msat": 1_000_000},
            {"which": "per_day", "limit_msat": 500_000, "spent_msat": 120_000, "left_msat": 380_000},
        ],
    });
    let bench = Bench::new(Profile::LightningWallet, &done(status));
    let answer = bench
        .call("get_budget_status", json!({"agent_id": "boss"}))
        .await;
    let result = &answer.structured;
    assert_eq!(
        (&result["budget_limit_sats"], &result["remaining_sats"]),
        (&json!(500), &json!(380))
    );
    assert!(
        result["notes"]
            .to_string()
            .contains("agent of this run alone")
    );
    let answer = bench.call("list_agents", json!({})).await;
    let agent = json!([{"agent_id": "shopper", "name": "shopper", "budget_limit_sats": 500}]);
    assert_eq!(answer.structured["agents"], agent);
}

#[tokio::test]
async fn an_invoice_is_looked_up_by_its_hash() {
    let bench = Bench::new(
        Profile::Alby,
        &done(json!({"payment_hash": "ab", "state": "settled"})),
    );
    let answer = bench
        .call("lookup_invoice", json!({"invoice": "lnbc1"}))
        .await;
    let asked = [
        ("decode_invoice", json!({"invoice": "lnbc1"})),
        ("lookup_payment", json!({"payment_hash": "ab"})),
    ];
    assert_eq!(bench.asked(), asked);
    assert_eq!(answer.structured["state"], "settled");
    let answer = bench.call("lookup_invoice", json!({})).await;
    assert!(answer.is_error);
}

// ATTACKS A-13: what a model reads of a tool comes from our tables alone, the same at each start.
#[test]
fn every_profile_lists_the_same_at_each_start_and_has_resume() {
    let listed = |profile: Profile| {
        let bench = Bench::new(profile, &done(paid()));
        let cards = bench.tools.iter().map(|tool| tool.card());
        cards.map(|card| format!("{card:?}")).collect::<Vec<_>>()
    };
    for profile in Profile::ALL {
        assert_eq!(listed(profile), listed(profile));
        let bench = Bench::new(profile, &done(paid()));
        let names: Vec<_> = bench.tools.iter().map(|tool| tool.card().name).collect();
        assert_eq!(names.last(), Some(&"l402_resume"), "{profile:?}");
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len(), "{profile:?}");
    }
    let bench = Bench::new(Profile::LightningWallet, &done(paid()));
    assert_eq!(bench.tools.len(), 17, "sixteen and l402_resume");
}

#[test]
fn what_is_not_ours_is_in_no_list_and_answers_so() {
    let answer = absent(Profile::LightningWallet, "prediction_place_bet").unwrap();
    assert!(answer.is_error);
    assert!(
        answer.structured["error"]
            .as_str()
            .unwrap()
            .starts_with("not served here: ")
    );
    assert!(absent(Profile::LightningWallet, "rm").is_none());
    assert!(absent(Profile::Alby, "prediction_place_bet").is_none());
}

/// A service behind a Lightning address, which answers the n-th question with the n-th document.
fn service(documents: impl Fn(SocketAddr) -> Vec<Value>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let documents = documents(address);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for (stream, document) in listener.incoming().zip(documents) {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<_> = lines
                .map_while(Result::ok)
                .take_while(|it| !it.is_empty())
                .collect();
            noted.lock().unwrap().push(head[0].clone());
            let body = document.to_string();
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length";
            let _ = write!(stream, "{head}: {}\r\n\r\n{body}", body.len());
        }
    });
    (address, asked)
}

/// An invoice over 2,500,000,000 msat of BOLT 11's own examples.
const INVOICE: &str = "lnbc25m1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5vdhkven9v5sxyetpdeessp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygs9q5sqqqqqqqqqqqqqqqpqsq67gye39hfg3zd8rgc80k32tvy9xk2xunwm5lzexnvpx6fd77en8qaq424dxgt56cag2dpt359k3ssyhetktkpqh24jqnjyw6uqd08sgptq44qu";

fn describing(address: SocketAddr) -> Value {
    json!({
        "tag": "payRequest", "callback": format!("http://{address}/cb?x=1"), "minSendable": 1000,
        "maxSendable": 5_000_000_000_u64, "metadata": "[[\"text/plain\",\"coffee\"]]", "commentAllowed": 5,
    })
}

fn asking(address: SocketAddr, amount: u64, comment: Option<&str>) -> Map<String, Value> {
    let mut arguments = Map::new();
    arguments.insert("address".to_owned(), json!(format!("Ann@{address}")));
    arguments.insert("amount".to_owned(), json!(amount));
    if let Some(comment) = comment {
        arguments.insert("comment".to_owned(), json!(comment));
    }
    arguments
}

#[tokio::test]
async fn an_address_gives_one_invoice_for_the_same_call() {
    let folder = tempfile::tempdir().unwrap();
    let means = means(folder.path());
    let (address, asked) = service(|address| {
        vec![
            describing(address),
            json!({"pr": INVOICE}),
            json!({"pr": "never"}),
        ]
    });
    let addresses = Addresses::new(&means);
    let given = addresses
        .invoice(&asking(address, 2_500_000, Some("hi")))
        .await
        .unwrap();
    assert_eq!(given.invoice, INVOICE);
    let again = addresses
        .invoice(&asking(address, 2_500_000, Some("hi")))
        .await
        .unwrap();
    assert_eq!(again.invoice, INVOICE);
    let asked = asked.lock().unwrap().clone();
    assert_eq!(
        asked,
        [
            "GET /.well-known/lnurlp/ann HTTP/1.1",
            "GET /cb?x=1&amount=2500000000&comment=hi HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn an_address_is_paid_once_by_the_same_call() {
    let (address, _) = service(|address| vec![describing(address), json!({"pr": INVOICE})]);
    let pending = json!({"outcome": "pending", "payment_hash": "cd", "error": null});
    let bench = Bench::new(Profile::LightningWallet, &done(pending));
    let arguments = json!({
        "address": format!("ann@{address}"), "amount_sats": 2_500_000, "idempotency_key": "k",
    });
    for _ in 0..2 {
        let answer = bench.call("pay_lightning_address", arguments.clone()).await;
        assert_eq!(answer.structured["pending"], true);
        let ours = json!({"invoice": INVOICE, "idempotency_key": "k"});
        assert_eq!(bench.asked(), [("pay_invoice", ours)]);
    }
    let (address, _) = service(|address| vec![describing(address), json!({"pr": INVOICE})]);
    let bench = Bench::new(Profile::Alby, &done(paid()));
    let arguments = json!({"lightning_address": format!("ann@{address}"), "amount": 2_500_000});
    let answer = bench.call("request_invoice", arguments).await;
    assert_eq!(answer.structured["paymentRequest"], INVOICE);
    assert_eq!(answer.structured["satoshi"], 2_500_000);
    assert!(bench.asked().is_empty(), "nothing is paid");
}

/// An answer of a service that is not to be used.
struct Lie {
    /// What differs from an honest description.
    altered: (&'static str, Value),
    /// The answer of the callback.
    answer: Value,
    amount: u64,
    comment: Option<&'static str>,
    /// What the model is told.
    told: &'static str,
}

fn lies() -> Vec<Lie> {
    let lie = |answer: Value, amount: u64, told: &'static str| Lie {
        altered: ("x", Value::Null),
        answer,
        amount,
        comment: None,
        told,
    };
    let altered = |key: &'static str, value: &str, told: &'static str| Lie {
        altered: (key, json!(value)),
        ..lie(json!({}), 2, told)
    };
    let error = json!({"status": "ERROR", "reason": "evil words"});
    vec![
        lie(json!({"pr": INVOICE}), 2_000_000, "over another amount"),
        lie(json!({"pr": "lnbc1"}), 2_500_000, "cannot be used"),
        lie(error, 2, "refuses"),
        lie(json!({}), 0, "takes 1 to 5000000 sats"),
        Lie {
            comment: Some("too long"),
            ..lie(json!({}), 2, "at most 5 characters")
        },
        altered("tag", "withdrawRequest", "no description"),
        altered(
            "callback",
            "https://elsewhere.example/",
            "elsewhere.example is not among the hosts",
        ),
        altered("callback", "file:///etc/passwd", "cannot be asked"),
    ]
}

#[tokio::test]
async fn a_service_that_lies_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let means = means(folder.path());
    for lie in lies() {
        let (address, _) = service(|address| {
            let mut described = describing(address);
            described[lie.altered.0] = lie.altered.1.clone();
            vec![described, lie.answer.clone()]
        });
        let addresses = Addresses::new(&means);
        let asked = asking(address, lie.amount, lie.comment);
        let error = addresses.invoice(&asked).await.unwrap_err();
        assert!(error.contains(lie.told), "{}: {error}", lie.told);
        assert!(!error.contains("evil words"));
    }
}

#[tokio::test]
async fn an_address_that_leads_away_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let means = means(folder.path());
    // A model names a private address. That of this machine is one, too, once there is real money.
    let plays_here = false;
    let addresses = Addresses::new(&Means {
        plays_here,
        ..means
    });
    for address in [
        "a@127.0.0.1:1",
        "a@192.168.0.1",
        "a@169.254.169.254",
        "a@localhost",
    ] {
        let mut arguments = asking(([127, 0, 0, 1], 1).into(), 1, None);
        arguments.insert("address".to_owned(), json!(address));
        let error = addresses.invoice(&arguments).await.unwrap_err();
        assert!(error.contains("private address"), "{address}: {error}");
    }
    for address in ["a", "@b", "a@b/../c", "a b@c", "a@b?c", "a@user:x@b"] {
        let mut arguments = asking(([127, 0, 0, 1], 1).into(), 1, None);
        arguments.insert("address".to_owned(), json!(address));
        let error = addresses.invoice(&arguments).await.unwrap_err();
        assert!(
            error.contains("write a Lightning address"),
            "{address}: {error}"
        );
    }
}

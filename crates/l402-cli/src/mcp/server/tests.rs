//! The protocol from outside, as lines of JSON: what clients of both generations are answered.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use l402_host::BoxFuture;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};

use super::approvals::{Approvals, Decision};
use super::handler::McpServer;
use super::stdio::serve_lines;
use crate::mcp::tool::{Call, Card, Hints, Tool, ToolAnswer, Waiting};

/// Long enough for a slow machine; a test that passes never waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

const WAITING: &str = "waiting for approval, id 7";

/// The same as a client reads it.
const WAITING_AT: &str =
    "waiting for approval, id 7; a person can also decide at http://127.0.0.1:9/";

/// A row that a person decides, and the payments that were made.
#[derive(Clone)]
struct World {
    row: Arc<Mutex<Decision>>,
    paid: Arc<AtomicUsize>,
}

impl World {
    fn new() -> Self {
        Self {
            row: Arc::new(Mutex::new(Decision::Waiting)),
            paid: Arc::default(),
        }
    }

    fn decide(&self, decision: Decision) {
        *self.row.lock().unwrap() = decision;
    }

    fn paid(&self) -> usize {
        self.paid.load(Ordering::SeqCst)
    }

    /// Starts a server of this world. `quick` waits for nobody.
    fn serve(&self, agent: &str, quick: bool) -> Session {
        let hints = Hints {
            read_only: false,
            destructive: true,
            idempotent: false,
            open_world: true,
        };
        let card = Card {
            name: "buy",
            title: "Buy",
            description: "Buys.",
            input: json!({ "type": "object" }),
            output: json!({ "type": "object" }),
            hints,
        };
        let free = Card {
            name: "look",
            hints: Hints {
                read_only: true,
                ..hints
            },
            ..card.clone()
        };
        let tool = |card| {
            Arc::new(Buy {
                card,
                world: self.clone(),
            }) as Arc<dyn Tool>
        };
        let page = "http://127.0.0.1:9/".parse().unwrap();
        let tools = vec![tool(card), tool(free)];
        let mut server =
            McpServer::new(agent.to_owned(), tools, Arc::new(self.clone()), page, None).unwrap();
        let shared = Arc::get_mut(&mut server.0).unwrap();
        shared.times.moment = Duration::from_millis(50);
        shared.times.progress = Duration::from_millis(50);
        if quick {
            shared.times.person = Duration::from_millis(50);
        }
        Session::open(server)
    }
}

impl Approvals for World {
    fn decision(&self, approval: i64) -> Decision {
        assert_eq!(approval, 7);
        *self.row.lock().unwrap()
    }
}

/// A tool that pays once the row is approved, or at once without `ask`. It pays as the interface asks: what
/// was begun goes on if the call is dropped.
struct Buy {
    card: Card,
    world: World,
}

impl Tool for Buy {
    fn card(&self) -> &Card {
        &self.card
    }

    fn call(&self, call: Call) -> BoxFuture<'_, ToolAnswer> {
        let pause = |name: &str| {
            let pause = call.arguments.get(name).and_then(Value::as_u64);
            tokio::time::sleep(Duration::from_millis(pause.unwrap_or(0)))
        };
        let (before, during) = (pause("before_ms"), pause("pay_ms"));
        let asks = call.arguments.contains_key("ask");
        Box::pin(async move {
            before.await;
            let is_approved = *self.world.row.lock().unwrap() == Decision::Approved;
            if asks && !is_approved {
                return self.answer(WAITING, true);
            }
            let world = self.world.clone();
            let paying = tokio::spawn(async move {
                during.await;
                world.paid.fetch_add(1, Ordering::SeqCst);
                // A yes is good for one payment.
                world.decide(Decision::Waiting);
            });
            paying.await.unwrap();
            self.answer("paid 1 sat", false)
        })
    }
}

impl Buy {
    fn answer(&self, line: &str, asks: bool) -> ToolAnswer {
        ToolAnswer {
            structured: json!({ "outcome": line }),
            line: line.to_owned(),
            is_error: false,
            parts: Vec::new(),
            waiting: asks.then(|| Waiting {
                approval: 7,
                page: None,
                question: "Pay 200 sat to shop.example?".to_owned(),
            }),
        }
    }
}

/// A client that writes lines and reads lines.
struct Session {
    to: WriteHalf<DuplexStream>,
    from: Lines<BufReader<ReadHalf<DuplexStream>>>,
}

impl Session {
    fn open(server: McpServer) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (input, output) = tokio::io::split(theirs);
        tokio::spawn(serve_lines(server, core::future::pending(), input, output));
        let (from, to) = tokio::io::split(ours);
        Self {
            to,
            from: BufReader::new(from).lines(),
        }
    }

    async fn send(&mut self, message: Value) {
        self.to
            .write_all(format!("{message}\n").as_bytes())
            .await
            .unwrap();
    }

    async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.from.next_line()).await;
        let line = line.expect("an answer in time").unwrap().expect("a line");
        serde_json::from_str(&line).unwrap()
    }

    async fn ask(&mut self, id: u64, method: &str, params: Value) -> Value {
        self.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
            .await;
        let answer = self.next().await;
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    async fn initialize(&mut self, version: &str, capabilities: Value) -> Value {
        let client = json!({ "name": "test", "version": "1" });
        let params = json!({
            "protocolVersion": version, "capabilities": capabilities, "clientInfo": client,
        });
        let answer = self.ask(0, "initialize", params).await;
        self.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))
            .await;
        answer
    }

    /// Calls the tool as a modern client with these capabilities, and returns the result or the error.
    async fn modern(&mut self, capabilities: &Value, call: Value) -> Value {
        let mut params = json!({ "name": "buy", "_meta": modern(capabilities) });
        params
            .as_object_mut()
            .unwrap()
            .extend(call.as_object().unwrap().clone());
        let mut answer = self.ask(1, "tools/call", params).await;
        let answer = answer.as_object_mut().unwrap();
        answer
            .remove("result")
            .or_else(|| answer.remove("error"))
            .unwrap()
    }
}

fn modern(capabilities: &Value) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities,
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
    })
}

fn pages() -> Value {
    json!({ "elicitation": { "url": {} } })
}

fn tasks() -> Value {
    json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } })
}

/// The same call again, with what the client was asked.
fn again(asked: &Value, action: &str) -> Value {
    json!({
        "arguments": { "ask": 1 },
        "requestState": asked["requestState"],
        "inputResponses": { "approval": { "action": action } },
    })
}

fn ask() -> Value {
    json!({ "arguments": { "ask": 1 } })
}

fn line(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn each_generation_is_answered_in_its_form_on_one_connection() {
    let mut session = World::new().serve("scout", true);
    let known = json!([
        "2024-11-05",
        "2025-03-26",
        "2025-06-18",
        "2025-11-25",
        "2026-07-28"
    ]);
    let none = json!({});
    let discovered = session
        .ask(1, "server/discover", json!({ "_meta": modern(&none) }))
        .await;
    assert_eq!(discovered["result"]["supportedVersions"], known);
    assert_eq!(discovered["result"]["resultType"], "complete");
    let listed = session
        .ask(2, "tools/list", json!({ "_meta": modern(&none) }))
        .await;
    let list = &listed["result"];
    assert_eq!(
        list["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
        "l402"
    );
    assert_eq!(
        (&list["resultType"], &list["cacheScope"]),
        (&json!("complete"), &json!("private"))
    );
    assert!(list["ttlMs"].is_u64());
    for version in ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] {
        let answer = session.initialize(version, json!({})).await;
        assert_eq!(answer["result"]["protocolVersion"], version);
        assert_eq!(answer["result"]["capabilities"], json!({ "tools": {} }));
        let legacy = session.ask(3, "tools/list", json!({})).await;
        assert_eq!(legacy["result"]["tools"], list["tools"]);
        for modern in ["resultType", "ttlMs", "cacheScope", "_meta"] {
            assert_eq!(legacy["result"].get(modern), None, "{modern}");
        }
        let called = session
            .ask(4, "tools/call", json!({ "name": "look" }))
            .await;
        assert_eq!(
            called["result"]["structuredContent"],
            json!({ "outcome": "paid 1 sat" })
        );
        assert_eq!(called["result"].get("resultType"), None);
        assert_eq!(session.ask(5, "ping", json!({})).await["result"], json!({}));
    }
    for unknown in ["2026-07-28", "2099-01-01", "x"] {
        let answer = session.initialize(unknown, json!({})).await;
        assert_eq!(
            answer["result"]["protocolVersion"], "2025-11-25",
            "{unknown}"
        );
    }
    // A modern request stands alone, also after all that.
    let called = session.modern(&none, json!({ "arguments": {} })).await;
    assert_eq!(called["resultType"], "complete");
}

/// Requests that are refused, with the code of the error.
fn refused() -> Vec<(&'static str, Value, i64)> {
    let meta = modern(&json!({}));
    vec![
        ("no/such", json!({ "_meta": meta }), -32601),
        ("ping", json!({ "_meta": meta }), -32601),
        (
            "logging/setLevel",
            json!({ "_meta": meta, "level": "debug" }),
            -32601,
        ),
        (
            "subscriptions/listen",
            json!({ "_meta": meta, "notifications": {} }),
            -32601,
        ),
        ("resources/list", json!({ "_meta": meta }), -32601),
        ("prompts/list", json!({ "_meta": meta }), -32601),
        (
            "tools/call",
            json!({ "_meta": meta, "name": "nix" }),
            -32602,
        ),
        ("tools/call", json!({ "_meta": meta, "name": 5 }), -32602),
        ("tools/call", json!({ "_meta": meta }), -32602),
        (
            "tools/call",
            json!({ "_meta": meta, "name": "look", "arguments": "x" }),
            -32602,
        ),
        (
            "tools/list",
            json!({ "_meta": meta, "cursor": "x" }),
            -32602,
        ),
        (
            "tools/list",
            json!({ "_meta": other("2099-01-01") }),
            -32022,
        ),
        (
            "tools/list",
            json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } }),
            -32602,
        ),
        ("server/discover", json!({}), -32602),
        ("tasks/get", json!({ "_meta": meta, "taskId": "x" }), -32021),
        (
            "tasks/get",
            json!({ "_meta": modern(&tasks()), "taskId": "x" }),
            -32602,
        ),
        ("initialize", json!({}), -32602),
        ("initialize", json!({ "protocolVersion": 5 }), -32602),
    ]
}

/// The `_meta` of a client of another version.
fn other(version: &str) -> Value {
    let mut meta = modern(&json!({}));
    meta["io.modelcontextprotocol/protocolVersion"] = version.into();
    meta
}

#[tokio::test]
async fn errors_have_the_codes_of_the_specification() {
    let mut session = World::new().serve("scout", true);
    for (method, params, code) in refused() {
        let answer = session.ask(9, method, params.clone()).await;
        assert_eq!(answer["error"]["code"], code, "{method} {params}: {answer}");
    }
    let unsupported = session
        .ask(9, "tools/list", json!({ "_meta": other("2099-01-01") }))
        .await;
    assert_eq!(unsupported["error"]["data"]["requested"], "2099-01-01");
}

// ATTACKS A-05: a first line of any kind does not end the server.
#[tokio::test]
async fn every_first_line_leaves_the_server_alive() {
    for first in [
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } }),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {} }),
        json!({ "jsonrpc": "2.0", "id": 1, "result": {} }),
        json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": 1, "message": "x" } }),
    ] {
        let mut session = World::new().serve("scout", true);
        session.send(first.clone()).await;
        let answer = session.ask(2, "ping", json!({})).await;
        assert_eq!(answer["result"], json!({}), "{first}");
    }
}

#[tokio::test]
async fn a_modern_client_is_asked_to_show_the_page_and_pays_after_the_yes() {
    let world = World::new();
    let mut session = world.serve("scout", false);
    let asked = session.modern(&pages(), ask()).await;
    assert_eq!(asked["resultType"], "input_required");
    let request = &asked["inputRequests"]["approval"];
    assert_eq!(request["method"], "elicitation/create");
    assert_eq!(request["params"]["mode"], "url");
    assert_eq!(request["params"]["url"], "http://127.0.0.1:9/");
    assert_eq!(request["params"]["message"], "Pay 200 sat to shop.example?");
    let person = world.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        person.decide(Decision::Approved);
    });
    let paid = session.modern(&pages(), again(&asked, "accept")).await;
    assert_eq!((line(&paid), world.paid()), ("paid 1 sat", 1));
    // The same state again buys nothing.
    world.decide(Decision::Approved);
    let replayed = session.modern(&pages(), again(&asked, "accept")).await;
    assert_eq!(
        (&replayed["code"], world.paid()),
        (&json!(-32602), 1),
        "{replayed}"
    );
}

// ATTACKS A-04: neither a model nor its client can say yes in a person's place.
#[tokio::test]
async fn what_a_client_answers_is_not_the_approval() {
    let world = World::new();
    let mut session = world.serve("scout", true);
    for action in ["accept", "decline", "cancel", "approve", ""] {
        let asked = session.modern(&pages(), ask()).await;
        let answer = session.modern(&pages(), again(&asked, action)).await;
        // It is said once more, and the client is not asked again: that would never end.
        assert_eq!(line(&answer), WAITING_AT, "{action}");
        assert_eq!(answer["resultType"], "complete", "{action}");
    }
    let asked = session.modern(&pages(), ask()).await;
    world.decide(Decision::Denied);
    let answer = session.modern(&pages(), again(&asked, "accept")).await;
    assert_eq!(
        (&answer["isError"], world.paid()),
        (&json!(true), 0),
        "{answer}"
    );
    assert!(line(&answer).contains("declined"), "{answer}");
}

#[tokio::test]
async fn a_state_is_good_for_its_call_alone() {
    let world = World::new();
    let mut session = world.serve("scout", true);
    let asked = session.modern(&pages(), ask()).await;
    world.decide(Decision::Approved);
    let mut changed = again(&asked, "accept");
    changed["arguments"]["url"] = "https://evil.example".into();
    let mut other_tool = again(&asked, "accept");
    other_tool["name"] = "look".into();
    let mut forged = again(&asked, "accept");
    forged["requestState"] = format!("{}x", asked["requestState"].as_str().unwrap()).into();
    let mut empty = again(&asked, "accept");
    empty["requestState"] = "".into();
    for attempt in [changed, other_tool, forged, empty] {
        let refused = session.modern(&pages(), attempt.clone()).await;
        assert_eq!(
            (&refused["code"], world.paid()),
            (&json!(-32602), 0),
            "{attempt}"
        );
    }
    // Another agent's server, as after a restart.
    let mut foreign = world.serve("other", true);
    let refused = foreign.modern(&pages(), again(&asked, "accept")).await;
    assert_eq!((&refused["code"], world.paid()), (&json!(-32602), 0));
    assert_eq!(
        line(&session.modern(&pages(), again(&asked, "accept")).await),
        "paid 1 sat"
    );
}

#[tokio::test]
async fn a_client_that_cannot_show_pages_is_answered_at_once() {
    let mut session = World::new().serve("scout", false);
    for capabilities in [
        json!({}),
        json!({ "elicitation": {} }),
        json!({ "elicitation": { "form": {} } }),
    ] {
        let answer = session.modern(&capabilities, ask()).await;
        assert_eq!(line(&answer), WAITING_AT, "{capabilities}");
        session.initialize("2025-11-25", capabilities).await;
        let params = json!({ "name": "buy", "arguments": { "ask": 1 } });
        let legacy = session.ask(2, "tools/call", params).await;
        assert_eq!(line(&legacy["result"]), WAITING_AT);
    }
}

#[tokio::test]
async fn an_earlier_client_is_asked_on_the_connection() {
    for (action, decision, expected) in [
        ("accept", Decision::Approved, "paid 1 sat"),
        ("accept", Decision::Waiting, WAITING),
        ("accept", Decision::Denied, "declined"),
        ("decline", Decision::Waiting, WAITING),
        ("cancel", Decision::Waiting, WAITING),
    ] {
        let world = World::new();
        let mut session = world.serve("scout", true);
        session.initialize("2025-11-25", pages()).await;
        let params = json!({ "name": "buy", "arguments": { "ask": 1 } });
        session
            .send(json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params }))
            .await;
        let request = session.next().await;
        assert_eq!(request["method"], "elicitation/create", "{request}");
        assert_eq!(request["params"]["mode"], "url");
        assert_eq!(request["params"]["url"], "http://127.0.0.1:9/");
        world.decide(decision);
        let result = json!({ "action": action });
        session
            .send(json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }))
            .await;
        let answer = session.next().await;
        assert!(
            line(&answer["result"]).contains(expected),
            "{action} {decision:?}: {answer}"
        );
        assert_eq!(world.paid(), usize::from(decision == Decision::Approved));
    }
}

#[tokio::test]
async fn a_slow_payment_becomes_a_task_if_the_client_has_them() {
    let world = World::new();
    let mut session = world.serve("scout", true);
    let slow = json!({ "arguments": { "pay_ms": 300 } });
    let task = session.modern(&tasks(), slow.clone()).await;
    assert_eq!(
        (&task["resultType"], &task["status"]),
        (&json!("task"), &json!("working"))
    );
    let get = json!({ "_meta": modern(&tasks()), "taskId": task["taskId"] });
    let outcome = loop {
        let mut state = session.ask(2, "tasks/get", get.clone()).await["result"].take();
        if state["status"] != "working" {
            break state["result"].take();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((line(&outcome), world.paid()), ("paid 1 sat", 1));
    // What changes nothing is not worth a task, and a client without tasks waits.
    let look = json!({ "name": "look", "arguments": { "pay_ms": 300 } });
    assert_eq!(
        session.modern(&tasks(), look).await["resultType"],
        "complete"
    );
    assert_eq!(
        session.modern(&json!({}), slow).await["resultType"],
        "complete"
    );
}

#[tokio::test]
async fn a_task_asks_for_a_person_too() {
    let world = World::new();
    let mut session = world.serve("scout", true);
    let mut both = tasks();
    both["elicitation"] = pages()["elicitation"].clone();
    let call = json!({ "arguments": { "ask": 1, "before_ms": 100 } });
    let task = session.modern(&both, call).await;
    let get = json!({ "_meta": modern(&both), "taskId": task["taskId"] });
    let mut update = get.clone();
    update["inputResponses"] = json!({ "approval": { "action": "accept" } });
    let mut seen = Vec::new();
    let outcome = loop {
        let mut state = session.ask(2, "tasks/get", get.clone()).await["result"].take();
        let status = state["status"].as_str().unwrap().to_owned();
        if status == "input_required" && !seen.contains(&status) {
            assert_eq!(state["inputRequests"]["approval"]["params"]["mode"], "url");
            world.decide(Decision::Approved);
            session.ask(3, "tasks/update", update.clone()).await;
        }
        if status == "completed" {
            break state["result"].take();
        }
        seen.push(status);
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(
        (line(&outcome), world.paid()),
        ("paid 1 sat", 1),
        "{seen:?}"
    );
}

// ATTACKS A-15: what a client cancels or leaves is given up before the payment, and finished after its begin.
#[tokio::test]
async fn cancelling_ends_no_payment_and_lets_none_begin() {
    for (pause, paid) in [("before_ms", 0), ("pay_ms", 1)] {
        let world = World::new();
        let mut session = world.serve("scout", true);
        let call = json!({ "name": "buy", "arguments": { pause: 300 } });
        session
            .send(json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": call }))
            .await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let params = json!({ "requestId": 5 });
        session
            .send(
                json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }),
            )
            .await;
        let task = session
            .modern(&tasks(), json!({ "arguments": { pause: 300 } }))
            .await;
        assert_eq!(task["resultType"], "task");
        let get = json!({ "_meta": modern(&tasks()), "taskId": task["taskId"] });
        session.ask(6, "tasks/cancel", get.clone()).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(world.paid(), 2 * paid, "{pause}");
        let state = session.ask(7, "tasks/get", get).await;
        assert_eq!(state["result"]["status"], "cancelled");
        // And the client that goes away.
        let call = json!({ "name": "buy", "arguments": { pause: 300 } });
        session
            .send(json!({ "jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": call }))
            .await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(session);
        tokio::time::sleep(Duration::from_millis(600)).await;
        // Its input has ended, which is no wish to give up: answers are still waited for.
        assert_eq!(world.paid(), 2 * paid + 1, "{pause}");
    }
}

#[tokio::test]
async fn progress_is_told_to_those_who_ask() {
    let mut session = World::new().serve("scout", true);
    let mut params =
        json!({ "name": "buy", "arguments": { "pay_ms": 400 }, "_meta": modern(&json!({})) });
    params["_meta"]["progressToken"] = "p".into();
    session
        .send(json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params }))
        .await;
    let first = session.next().await;
    assert_eq!(first["method"], "notifications/progress", "{first}");
    assert_eq!(
        (
            &first["params"]["progressToken"],
            &first["params"]["progress"]
        ),
        (&json!("p"), &json!(1.0))
    );
}

/// However many calls come at once, no more become tasks than are kept.
#[tokio::test]
async fn tasks_are_bounded_also_if_all_calls_come_at_once() {
    let mut session = World::new().serve("scout", true);
    let count = 100;
    for id in 0..count {
        let params = json!({ "name": "buy", "_meta": modern(&tasks()),
            "arguments": { "before_ms": 200 } });
        session
            .send(json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }))
            .await;
    }
    let (mut kept, mut answered) = (0, 0);
    for _ in 0..count {
        match session.next().await["result"]["resultType"].as_str() {
            Some("task") => kept += 1,
            Some("complete") => answered += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((kept, answered), (64, 36));
}

/// After the end of the input, a task pays nothing that it has not begun to pay.
#[tokio::test]
async fn the_end_gives_up_tasks_that_have_paid_nothing() {
    let world = World::new();
    let mut session = world.serve("scout", true);
    let slow =
        |before: u64, pay: u64| json!({ "arguments": { "before_ms": before, "pay_ms": pay } });
    for call in [slow(1000, 0), slow(0, 1000)] {
        let begun = session.modern(&tasks(), call).await;
        assert_eq!(begun["resultType"], "task", "{begun}");
    }
    session.to.shutdown().await.unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(world.paid(), 1, "the one that was begun goes on");
}

//! A hook that may deny what the limits allow.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode};
use l402::Msat;
use l402_client::hook::{CommandHook, Decision, HttpHook, PaymentHook, Proposal};
use l402_client::{Client, Error, Journal, Outgoing, Refused, State};
use l402_host::BoxFuture;
use l402_testkit::TestServer;
use serde_json::{Value, json};

use crate::world::{Watch, World};

/// Keeps what it is asked, with the states of the journal at that moment.
struct Asked {
    journal: Journal,
    decision: Decision,
    proposals: Mutex<Vec<(Proposal, Vec<State>)>>,
}

impl PaymentHook for Asked {
    fn decide<'a>(&'a self, proposal: &'a Proposal) -> BoxFuture<'a, Decision> {
        let states = self.journal.entries(10).expect("what the test made");
        let states = states.iter().map(|entry| entry.state).collect();
        self.proposals
            .lock()
            .expect("no panic before")
            .push((proposal.clone(), states));
        let decision = self.decision.clone();
        Box::pin(async move { decision })
    }
}

fn asked(world: &World, decision: Decision) -> Arc<Asked> {
    Arc::new(Asked {
        journal: world.journal(),
        decision,
        proposals: Mutex::default(),
    })
}

fn with_hook(world: &World, hook: Arc<dyn PaymentHook>) -> Client {
    world
        .builder()
        .hook(hook)
        .build()
        .expect("what the test made")
}

/// Asserts that the hook denied the purchase and nothing was paid. Returns the text of the error.
async fn denied(world: &World, client: &Client, name: &str) -> String {
    let error = world.fetch(client, "/joke").await.expect_err("a refusal");
    let is_denied = matches!(
        error,
        Error::Refused {
            reason: Refused::DeniedByHook,
            ..
        }
    );
    assert!(is_denied && error.no_money_moved(), "{name}: {error}");
    assert_eq!(world.spent().await, Msat::ZERO, "{name}");
    assert!(
        world.states().iter().all(|state| *state == State::Failed),
        "{name}"
    );
    error.to_string()
}

#[tokio::test]
async fn a_hook_is_asked_between_the_intent_and_the_wallet() {
    let world = World::new().await;
    let hook = asked(&world, Decision::allow());
    let builder = world.builder().hook(hook.clone());
    let client = builder.build().unwrap();
    let mut url = world.server.url("/joke");
    url.set_query(Some("key=secret"));
    crate::world::fetch(&client, url).await.unwrap();
    crate::world::fetch(&client, world.server.url("/other"))
        .await
        .unwrap();
    let asked = hook.proposals.lock().unwrap();
    let [(first, before), (second, _)] = asked.as_slice() else {
        panic!("{}", asked.len());
    };
    assert_eq!(before, &[State::Intent]);
    assert_eq!(first.totals.day, Msat::ZERO);
    let paid = second.totals;
    for sum in [
        paid.hour,
        paid.day,
        paid.origin_day,
        paid.payee_day,
        paid.month,
        paid.in_all,
    ] {
        assert_eq!(sum, Msat::from_sat(50));
    }
    assert_ne!(first.id, second.id);
    let mut told = first.to_json();
    for (name, len) in [("proposal_id", 32), ("payee", 66), ("payment_hash", 64)] {
        let value = told.as_object_mut().unwrap().remove(name).unwrap();
        assert_eq!(value.as_str().unwrap().len(), len, "{name}");
    }
    let expected = json!({
        "agent_id": "default",
        "protocol": "l402",
        "destination_or_url": world.server.url("/joke").as_str(),
        "amount_sats": 50,
        "max_payment_sats": 1000,
        "method": "GET",
        "ts": first.now.to_rfc3339(),
        "amount_msat": 50_000,
        "fee_limit_msat": 10_000,
        "expires_at": first.expires.to_rfc3339(),
        "totals": { "hour_msat": 0, "day_msat": 0, "origin_day_msat": 0, "payee_day_msat": 0,
            "30_days_msat": 0, "in_all_msat": 0 },
    });
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_denial_asks_no_wallet_and_no_person_and_is_shown_escaped() {
    let world = World::new().await;
    let hook = asked(&world, Decision::deny("late\u{1b}[2J", "not\nnow\u{202e}"));
    let watch = Watch::new(true);
    let builder = world.builder().hook(hook).progress(watch.clone());
    let text = denied(&world, &builder.build().unwrap(), "denied").await;
    assert!(text.contains("late") && text.contains("now"), "{text}");
    assert!(!text.contains(['\u{1b}', '\n', '\u{202e}']), "{text:?}");
    let told = watch.told();
    assert!(
        !told
            .iter()
            .any(|it| it.contains("approve") || it == "Paying")
    );
    // What is free asks no hook, and so does what was bought before.
    assert!(world.fetch(&world.client(), "/free").await.is_ok());
}

#[tokio::test]
async fn a_permission_for_less_than_the_cost_is_a_denial() {
    let world = World::new().await;
    // The amount alone, without the 10 sat that routing may cost.
    let hook = asked(&world, Decision::allow_up_to(Msat::new(59_999)));
    let text = denied(&world, &with_hook(&world, hook), "max").await;
    assert!(
        text.contains("59999 msat") || text.contains("59.999"),
        "{text}"
    );
    let hook = asked(&world, Decision::allow_up_to(Msat::new(60_000)));
    world
        .fetch(&with_hook(&world, hook), "/joke")
        .await
        .unwrap();
}

/// Fails in a way of its own.
struct Broken {
    panics: bool,
}

impl PaymentHook for Broken {
    fn decide<'a>(&'a self, _: &'a Proposal) -> BoxFuture<'a, Decision> {
        assert!(!self.panics, "on purpose");
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn silence_and_a_panic_are_denials() {
    let world = World::new().await;
    for panics in [true, false] {
        let builder = world.builder().hook(Arc::new(Broken { panics }));
        let client = builder
            .hook_time(Duration::from_millis(20))
            .build()
            .unwrap();
        denied(&world, &client, "broken").await;
    }
}

type Answer = Response<Full<Bytes>>;

fn answer(status: u16, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = StatusCode::from_u16(status).expect("what the test made");
    answer
}

/// A service that keeps the last question, and answers by the path.
fn service(asked: Arc<Mutex<Value>>) -> TestServer {
    TestServer::start(move |request: Request<hyper::body::Incoming>| {
        let asked = Arc::clone(&asked);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.expect("what the test made").to_bytes();
            let allow = r#"{"decision":"allow"}"#;
            if head.method == hyper::Method::POST {
                *asked.lock().expect("no panic before") =
                    serde_json::from_slice(&body).unwrap_or_default();
            }
            match head.uri.path() {
                "/allow" => answer(200, allow),
                "/deny" => answer(
                    200,
                    r#"{"decision":"deny","reason":{"code":"c","message":"m"}}"#,
                ),
                "/moved" => {
                    let mut moved = answer(307, allow);
                    moved
                        .headers_mut()
                        .insert("location", "/allow".parse().expect("what the test made"));
                    moved
                }
                "/long" => answer(200, format!("{allow}{}", " ".repeat(64 * 1024))),
                "/cut" => answer(200, &allow.as_bytes()[..10]),
                path => answer(path[1..].parse().expect("what the test made"), allow),
            }
        }
    })
}

#[tokio::test]
async fn a_service_is_asked_over_http_and_only_200_allows() {
    let world = World::new().await;
    let question = Arc::new(Mutex::default());
    let service = service(Arc::clone(&question));
    let hook = |path: &str| {
        let url = format!("http://{}{path}", service.address());
        let hook = HttpHook::new(url.parse().unwrap(), &Outgoing::default()).unwrap();
        with_hook(&world, Arc::new(hook))
    };
    for path in [
        "/deny", "/moved", "/long", "/cut", "/201", "/204", "/400", "/402", "/500",
    ] {
        denied(&world, &hook(path), path).await;
    }
    // Nobody listens there.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", nobody.local_addr().unwrap());
    drop(nobody);
    let gone = HttpHook::new(url.parse().unwrap(), &Outgoing::default()).unwrap();
    denied(&world, &with_hook(&world, Arc::new(gone)), "gone").await;
    world.fetch(&hook("/allow"), "/joke").await.unwrap();
    let question = question.lock().unwrap();
    assert_eq!(question["amount_msat"], 50_000, "{question}");
}

#[test]
fn no_service_is_asked_where_others_could_answer() {
    let may = |url: &str| HttpHook::new(url.parse().unwrap(), &Outgoing::default()).is_ok();
    for url in [
        "https://policy.example/",
        "http://127.0.0.1:1/",
        "http://[::1]:1/",
        "http://localhost:1/",
    ] {
        assert!(may(url), "{url}");
    }
    for url in [
        "http://policy.example/",
        "http://10.0.0.1/",
        "http://127.0.0.1.example/",
        "http://policy.onion/",
        "ftp://127.0.0.1/",
        "unix:/run/hook",
    ] {
        assert!(!may(url), "{url}");
    }
}

#[cfg(unix)]
mod command {
    use super::*;

    fn shell(script: &str) -> Arc<CommandHook> {
        Arc::new(CommandHook::new("/bin/sh", ["-c", script]))
    }

    #[tokio::test]
    async fn a_program_reads_the_proposal_and_answers() {
        let world = World::new().await;
        let file = world.home.path().join("asked.json");
        let script = format!(
            "cat > '{}'; echo '{{\"decision\":\"allow\"}}'",
            file.display()
        );
        world
            .fetch(&with_hook(&world, shell(&script)), "/joke")
            .await
            .unwrap();
        let asked: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!(asked["amount_sats"], 50, "{asked}");
    }

    #[tokio::test]
    async fn only_a_program_that_ends_well_allows() {
        let world = World::new().await;
        for (name, script) in [
            ("denies", r#"echo '{"decision":"deny","reason":"no"}'"#),
            ("fails", r#"echo '{"decision":"allow"}'; exit 1"#),
            ("is killed", r#"echo '{"decision":"allow"}'; kill -KILL $$"#),
            ("says nothing", ":"),
            ("says something else", "echo allow"),
            (
                "says too much",
                r#"echo '{"decision":"allow"}'; head -c 70000 /dev/zero | tr '\0' ' '"#,
            ),
            (
                "never ends to speak",
                "while :; do echo '                '; done",
            ),
        ] {
            denied(&world, &with_hook(&world, shell(script)), name).await;
        }
        let missing = Arc::new(CommandHook::new("/no/such/program", [""; 0]));
        denied(&world, &with_hook(&world, missing), "missing").await;
        // It may answer without reading the question.
        let deaf = shell(r#"exec 0<&-; echo '{"decision":"allow"}'"#);
        world
            .fetch(&with_hook(&world, deaf), "/joke")
            .await
            .unwrap();
    }

    /// The program is silent, and so is a child of it that holds its output open.
    #[tokio::test]
    async fn a_program_that_is_late_is_killed_with_what_it_has_started() {
        let world = World::new().await;
        let file = world.home.path().join("pids");
        let script = format!("sleep 1000 & echo $$ $! > '{}'; wait", file.display());
        // Asked again until there was time to start both.
        let pids = loop {
            let builder = world.builder().hook(shell(&script));
            let client = builder
                .hook_time(Duration::from_millis(300))
                .build()
                .unwrap();
            denied(&world, &client, "late").await;
            let pids = std::fs::read_to_string(&file).unwrap_or_default();
            let pids: Vec<i32> = pids
                .split_whitespace()
                .map_while(|it| it.parse().ok())
                .collect();
            if pids.len() == 2 {
                break pids;
            }
        };
        for pid in pids {
            // It may stay a moment as the entry of a dead process, until its parent has seen it.
            let is_alive = || {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
                stat.is_ok_and(|stat| !stat.contains(") Z"))
            };
            let ended = async {
                while is_alive() {
                    tokio::task::yield_now().await;
                }
            };
            let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
            assert!(ended.is_ok(), "{pid} lives on");
        }
    }

    #[test]
    fn debug_shows_no_argument() {
        let hook = CommandHook::new("may-i", ["--token=secret"]);
        assert!(!format!("{hook:?}").contains("secret"));
        let url = "https://me:secret@policy.example/secret".parse().unwrap();
        let hook = HttpHook::new(url, &Outgoing::default()).unwrap();
        assert!(!format!("{hook:?}").contains("secret"));
    }
}

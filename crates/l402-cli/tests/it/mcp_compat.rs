//! `l402 mcp --compat`: an agent that knows another wallet's tools buys from our gateway.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;

use l402_host::SystemClock;
use l402_lightning::sandbox::Sandbox;
use l402_testkit::lnurl::LnurlService;
use serde_json::{Value, json};

use crate::program::{Home, Serving};
use crate::stranger::server;

/// The profiles, and the number of their tools with `l402_resume`.
const PROFILES: [(&str, usize); 4] = [
    ("lightning-wallet", 17),
    ("alby", 12),
    ("lightning-enable", 13),
    ("lnget", 9),
];

/// A server on stdin and stdout, and a client that sends one line after the other.
struct Session {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    next: u64,
}

impl Session {
    fn start(home: &Home, args: &[&str]) -> Self {
        let args = [&["mcp", "--wallet", "sandbox"], args].concat();
        let mut command = home.command(&args);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("it starts");
        let stdin = child.stdin.take().expect("a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        Self {
            child,
            stdin,
            stdout,
            next: 0,
        }
    }

    fn ask(&mut self, method: &str, mut params: Value) -> Value {
        self.next += 1;
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        });
        let line = json!({ "jsonrpc": "2.0", "id": self.next, "method": method, "params": params });
        writeln!(self.stdin, "{line}").expect("it reads");
        loop {
            let mut line = String::new();
            assert_ne!(
                self.stdout.read_line(&mut line).expect("an answer"),
                0,
                "it ended"
            );
            let answer: Value = serde_json::from_str(&line).expect("a message");
            if answer["id"] == self.next {
                assert!(answer.get("error").is_none(), "{answer}");
                return answer["result"].clone();
            }
        }
    }

    /// Calls a tool, and returns its structured result, and whether it is an error.
    fn call(&mut self, name: &str, arguments: &Value) -> (Value, bool) {
        let result = self.ask(
            "tools/call",
            json!({ "name": name, "arguments": arguments }),
        );
        let is_error = result["isError"] == true;
        (result["structuredContent"].clone(), is_error)
    }

    fn end(self) {
        let Self {
            mut child, stdin, ..
        } = self;
        drop(stdin);
        assert_eq!(child.wait().expect("an end").code(), Some(0));
    }
}

/// A shop that sells `joke` for 7 sat.
fn shop(home: &Home) -> Serving {
    let upstream = server(|_| {
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\nconnection: close\r\n\r\nha!\n"
            .to_owned()
    });
    home.sell(&format!("http://{upstream}"))
}

fn paid_msat(home: &Home) -> u64 {
    let payments = home.run(&["payments", "--json"]).expect(0).json();
    let payments = payments.as_array().expect("a list");
    payments
        .iter()
        .filter_map(|payment| payment["paid_msat"].as_u64())
        .sum()
}

#[test]
fn each_profile_buys_under_its_own_names() {
    for (profile, name, url, body, paid) in [
        (
            "lightning-wallet",
            "pay_l402_api",
            "/lw",
            "/data",
            "/amount_paid",
        ),
        ("alby", "fetch_l402", "/alby", "/content", "/amount_in_sats"),
        (
            "lightning-enable",
            "access_l402_resource",
            "/le",
            "/response",
            "/payment/amountSats",
        ),
        (
            "lnget",
            "download",
            "/lnget",
            "/content",
            "/l402_amount_sat",
        ),
    ] {
        let home = Home::new();
        let shop = shop(&home);
        let mut session = Session::start(&home, &["--compat", profile]);
        let (result, is_error) = session.call(name, &json!({ "url": shop.url(url) }));
        assert!(!is_error, "{profile}: {result}");
        assert_eq!(
            result.pointer(body),
            Some(&json!("ha!\n")),
            "{profile}: {result}"
        );
        assert_eq!(result.pointer(paid), Some(&json!(7)), "{profile}: {result}");
        assert_eq!(paid_msat(&home), 7000);
        session.end();
    }
}

// ATTACKS A-12: `set_budget` narrows, and nothing that it says makes more room.
#[test]
fn a_lowered_budget_holds_and_is_not_raised_again() {
    let home = Home::new();
    let shop = shop(&home);
    let mut session = Session::start(&home, &["--compat", "lightning-wallet"]);
    let buy = |session: &mut Session, path: &str| {
        let (result, is_error) = session.call("pay_l402_api", &json!({ "url": shop.url(path) }));
        (result["success"] == true, is_error, result)
    };
    let (bought, _, result) = buy(&mut session, "/1");
    assert!(bought, "{result}");
    let set = |sats: u64| json!({ "agent_id": "me", "budget_limit_sats": sats });
    // Of 20 sats, 7 are spent: one more is within them, and two are not.
    let (result, _) = session.call("set_budget", &set(20));
    assert_eq!(result["new_budget_limit_sats"], 20, "{result}");
    assert!(buy(&mut session, "/2").0);
    let (result, _) = session.call("set_budget", &set(1_000_000));
    assert_eq!(result["new_budget_limit_sats"], 20, "{result}");
    let (result, is_error) = session.call("set_budget", &set(0));
    assert!(
        is_error
            && result["error"]
                .as_str()
                .is_some_and(|it| it.contains("l402 budget set"))
    );
    let (bought, is_error, result) = buy(&mut session, "/3");
    assert!(!bought && is_error, "{result}");
    assert_eq!(result["limit"]["which"], "in_all", "{result}");
    assert_eq!(paid_msat(&home), 14_000);
    session.end();
    // It is this run that was narrowed; what a person has stored is as it was.
    let mut session = Session::start(&home, &["--compat", "lightning-wallet"]);
    assert!(buy(&mut session, "/4").0);
    session.end();
}

// ATTACKS A-04, A-06: what is no approval, and what writes no file.
#[test]
fn arguments_approve_nothing_and_write_nothing() {
    let home = Home::new();
    let upstream = server(|_| {
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok".to_owned()
    });
    let price = [
        "serve",
        "--upstream",
        &format!("http://{upstream}"),
        "--price",
        "150 sat",
    ];
    let dear = home.serve(&[&price[..], &["--listen", "0"]].concat());
    let mut session = Session::start(&home, &["--compat", "lightning-enable"]);
    let arguments = json!({
        "url": dear.url("/"), "confirmed": true, "confirmation_nonce": "A1B2C3", "max_sats": 500,
    });
    let (result, is_error) = session.call("access_l402_resource", &arguments);
    assert!(
        !is_error && result["requiresConfirmation"] == true,
        "{result}"
    );
    assert!(
        result["notes"].to_string().contains("no argument approves"),
        "{result}"
    );
    let (result, is_error) = session.call("confirm_payment", &json!({ "nonce": "A1B2C3" }));
    assert!(is_error, "{result}");
    assert_eq!(paid_msat(&home), 0);
    session.end();

    let shop = shop(&home);
    let file = home.path().join("authorized_keys");
    let mut session = Session::start(&home, &["--compat", "lnget"]);
    let arguments = json!({ "url": shop.url("/"), "output": file });
    let (result, _) = session.call("download", &arguments);
    assert_eq!(result["content"], "ha!\n", "{result}");
    assert!(!file.exists());
    session.end();
}

/// Calls that pay nothing, by profile: the tool, its arguments, and a key of its result.
const READERS: &str = r#"{
    "lightning-wallet": [
        ["check_balance", {}, "/balance_sats"],
        ["get_budget_status", {}, "/remaining_sats"],
        ["get_info", {}, "/max_payment_sats"],
        ["whoami", {}, "/name"],
        ["list_agents", {}, "/agents/0/agent_id"],
        ["get_rate_limits", {}, "/message"],
        ["get_transactions", {}, "/total"],
        ["create_invoice", {"amount_sats": 5, "memo": "m"}, "/bolt11"]
    ],
    "alby": [
        ["get_balance", {}, "/balance_in_sats"],
        ["get_info", {}, "/network"],
        ["get_wallet_service_info", {}, "/version"],
        ["list_transactions", {"type": "outgoing"}, "/transactions"],
        ["make_invoice", {"amount_in_sats": 5, "expiry": null}, "/invoice"],
        ["search_l402_services", {"query": "jokes"}, "/services"]
    ],
    "lightning-enable": [
        ["check_wallet_balance", {}, "/wallet/balanceSats"],
        ["get_all_balances", {}, "/balance_sats"],
        ["get_budget_status", {}, "/limits/per_day"],
        ["get_payment_history", {"since": "2026-01-01"}, "/payments"],
        ["configure_budget", {"per_request": 5, "per_session": 50}, "/limits/per_request"],
        ["create_invoice", {"amount_sats": 5}, "/invoice/bolt11"],
        ["discover_api", {"query": "jokes"}, "/services"]
    ],
    "lnget": [
        ["ln_status", {}, "/balance_sat"],
        ["events_list", {}, "/events"],
        ["events_stats", {}, "/total_spent_sat"],
        ["config_show", {}, "/config/limits"]
    ]
}"#;

#[test]
fn readers_answer_under_each_name() {
    let home = Home::new();
    let calls: Value = serde_json::from_str(READERS).expect("JSON");
    for (profile, _) in PROFILES {
        let mut session = Session::start(&home, &["--compat", profile]);
        for call in calls[profile].as_array().expect("calls") {
            let (name, key) = (&call[0], call[2].as_str().expect("a path"));
            let (result, is_error) = session.call(name.as_str().expect("a name"), &call[1]);
            assert!(!is_error, "{profile} {name}: {result}");
            assert!(result.pointer(key).is_some(), "{profile} {name}: {result}");
        }
        session.end();
    }
    let mut session = Session::start(&home, &["--compat", "alby"]);
    let (made, _) = session.call(
        "make_invoice",
        &json!({ "amount_in_sats": 5, "description": "tea" }),
    );
    let (read, _) = session.call("parse_invoice", &json!({ "invoice": made["invoice"] }));
    assert_eq!(
        (&read["satoshi"], &read["description"]),
        (&json!(5), &json!("tea"))
    );
    assert_eq!(read["paymentHash"], made["payment_hash"]);
    let (found, _) = session.call("lookup_invoice", &json!({ "invoice": made["invoice"] }));
    assert_eq!(
        (&found["type"], &found["state"]),
        (&json!("incoming"), &json!("pending")),
        "{found}"
    );
    session.end();
}

#[test]
fn a_lightning_address_is_paid_once_by_the_same_call() {
    let home = Home::new();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let state = home.path().join("home");
    std::fs::create_dir_all(&state).expect("a folder");
    let service = runtime.block_on(async {
        let sandbox = Sandbox::open(&state, Arc::new(SystemClock::default())).expect("a sandbox");
        LnurlService::start(&sandbox, "tea")
    });
    let address = service.address();
    let address = address.trim_start_matches("lnurl:");
    let mut session = Session::start(&home, &["--compat", "lightning-wallet"]);
    let arguments = json!({ "address": address, "amount_sats": 21 });
    for _ in 0..2 {
        let (result, is_error) = session.call("pay_lightning_address", &arguments);
        assert!(!is_error, "{result}");
        assert_eq!(result["amount_sats"], 21, "{result}");
        assert_eq!(paid_msat(&home), 21_000);
    }
    // ATTACKS A-06: nor by another run, to which the service would give another invoice.
    session.end();
    let mut session = Session::start(&home, &["--compat", "lightning-wallet"]);
    let keyed = json!({ "address": address, "amount_sats": 21, "idempotency_key": "k" });
    for (arguments, paid) in [(&arguments, 21_000), (&keyed, 42_000)] {
        let (result, is_error) = session.call("pay_lightning_address", arguments);
        assert!(!is_error && result["amount_sats"] == 21, "{result}");
        assert_eq!(paid_msat(&home), paid);
    }
    session.end();
    let mut session = Session::start(&home, &["--compat", "lightning-wallet"]);
    for arguments in [&arguments, &keyed] {
        let (result, is_error) = session.call("pay_lightning_address", arguments);
        assert!(!is_error && result["replayed"] == true, "{result}");
        assert_eq!(paid_msat(&home), 42_000);
    }
    let other = json!({ "address": address, "amount_sats": 22, "idempotency_key": "k" });
    let (result, is_error) = session.call("pay_lightning_address", &other);
    assert!(is_error, "{result}");
    assert_eq!(paid_msat(&home), 42_000);
    // Above the threshold a person is asked, and no invoice is paid by the question.
    let arguments = json!({ "address": address, "amount_sats": 500 });
    let (result, is_error) = session.call("pay_lightning_address", &arguments);
    assert!(
        !is_error && result["waiting_for_approval"] == true,
        "{result}"
    );
    assert_eq!(paid_msat(&home), 42_000);
    session.end();
}

#[test]
fn what_is_not_ours_says_so_and_is_in_no_list() {
    let home = Home::new();
    let mut session = Session::start(&home, &["--compat", "lightning-wallet"]);
    let (result, is_error) = session.call("prediction_place_bet", &json!({ "market_id": 1 }));
    let words = result["error"].as_str().unwrap_or_default();
    assert!(
        is_error && words.starts_with("not served here: "),
        "{result}"
    );
    let listed = session.ask("tools/list", json!({}));
    assert!(!listed.to_string().contains("prediction"));
    session.end();
}

const HEAD: &str = "\
# The lists of tools

A model reads the list of tools before anything else, so whoever can change it can speak to the model. Ours come
from the program alone: the same for each connection, agent and wallet, and nothing that a server, a registry or an
invoice says stands in one. `l402 mcp --print-tools` prints the list that a client gets, and the SHA-256 of its JSON
without spaces and with sorted keys. A client that pins the digest sees every change. A test writes this page.

| Command | Tools | SHA-256 |
|---|---:|---|
";

// ATTACKS A-13: the digest of each list is printed, and pinned in the documentation.
#[test]
fn the_lists_of_tools_are_those_of_the_documentation() {
    let home = Home::new();
    let mut page = HEAD.to_owned();
    let default = [("", 11)].into_iter();
    for (profile, count) in default.chain(PROFILES) {
        let compat = if profile.is_empty() {
            vec![]
        } else {
            vec!["--compat", profile]
        };
        let args = [&["mcp", "--print-tools"], &compat[..]].concat();
        let printed = home.run(&args).expect(0).json();
        assert_eq!(
            printed["tools"].as_array().map(Vec::len),
            Some(count),
            "{profile}"
        );
        let mut session = Session::start(&home, &compat);
        assert_eq!(
            session.ask("tools/list", json!({}))["tools"],
            printed["tools"],
            "{profile}"
        );
        session.end();
        let digest = printed["sha256"].as_str().expect("a digest");
        page += &format!("| `l402 {}` | {count} | `{digest}` |\n", args.join(" "));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/mcp-tools.md");
    if std::env::var_os("UPDATE_PAGES").is_some_and(|value| value == "1") {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let on_file = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        on_file == page,
        "UPDATE_PAGES=1 writes docs/mcp-tools.md anew:\n{page}"
    );
}

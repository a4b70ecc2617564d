//! `l402 approve`: what waits, decided at the terminal and on the page.

use std::io::{Read, Write};
use std::net::TcpStream;

use l402::{Msat, PaymentHash};
use l402_client::{ApprovalState, Consent, ConsentRequest, Journal};
use l402_host::{Clock as _, SystemClock};

use crate::operator::{PASSPHRASE, as_model, as_operator, sealed};
use crate::program::{Home, Serving};

fn journal(home: &Home) -> Journal {
    Journal::open(&home.path().join("home/client")).expect("a journal")
}

/// Wants to pay, as a tool does: 200 sat, and at most 2 for routing.
fn wanted(agent: &str) -> ConsentRequest {
    ConsentRequest {
        agent: agent.parse().expect("a name"),
        tool: "l402_fetch".to_owned(),
        arguments: [1; 32],
        payment_hash: PaymentHash::from_bytes([7; 32]),
        amount: Msat::new(199_500),
        fee_limit: Msat::from_sat(2),
        payee: "02".to_owned() + &"ab".repeat(32),
        origin: Some("https://api.example".to_owned()),
        host: None,
        now: SystemClock::default().wall(),
    }
}

fn ask(home: &Home, request: &ConsentRequest) -> i64 {
    match journal(home).consent(request).expect("a decision") {
        Consent::Waiting(id) => id,
        other => panic!("{other:?}"),
    }
}

fn state(home: &Home, id: i64) -> ApprovalState {
    let found = journal(home).approval(id).expect("a journal");
    found.expect("a row").state
}

// ATTACKS A-14: amount, payee and host come first, whatever the texts are.
#[test]
fn what_waits_is_listed_and_decided_by_the_operator_alone() {
    let home = sealed();
    let none = home.run(&["approve"]).expect(0).json();
    assert_eq!(none, serde_json::json!([]));
    let mut request = wanted("ann");
    request.origin = Some("https://api.example/\u{202e}tas\nAmount   1 sat".to_owned());
    let odd = ask(&home, &request);
    let id = ask(&home, &wanted("ann"));
    let list = home.run(&["approve"]).expect(0).json();
    assert_eq!(
        list[0]["host"].as_str().map(str::is_ascii),
        Some(true),
        "{list}"
    );
    let row = &list[1];
    assert_eq!(
        (row["id"].as_i64(), row["amount_msat"].as_u64()),
        (Some(id), Some(199_500))
    );
    assert_eq!(
        (&row["agent"], &row["tool"]),
        (&"ann".into(), &"l402_fetch".into())
    );
    assert_eq!(row["host"], "https://api.example");
    for line in [format!("approve {id}"), format!("approve {id} --deny")] {
        as_model(&home, &line).expect(54);
        assert_eq!(state(&home, id), ApprovalState::Waiting);
    }
    // Whoever starts it may hide its output, but not what is approved.
    let (status, shown) = as_operator(&home, &format!("approve {id} >/dev/null 2>&1"));
    assert_eq!(status, Some(0), "{shown}");
    let asked = shown.find("Operator's passphrase").expect("the question");
    let at = |text: &str| shown.find(text).filter(|at| *at < asked).expect(text);
    let order = [
        "200 sat (199500 msat)",
        "2 sat more",
        "02abab",
        "https://api.example",
        "ann",
    ];
    assert!(order.map(at).is_sorted(), "{shown}");
    assert_eq!(state(&home, id), ApprovalState::Approved);
    let (status, shown) = as_operator(&home, &format!("approve {odd} --deny"));
    assert_eq!(status, Some(0), "{shown}");
    assert!(!shown.contains('\u{202e}'), "{shown}");
    assert_eq!(state(&home, odd), ApprovalState::Denied);
    let consent = journal(&home).consent(&wanted("ann")).expect("a decision");
    assert_eq!(consent, Consent::Approved(id));
    for gone in [format!("approve {id}"), "approve 4711".to_owned()] {
        as_model(&home, &gone).expect(64);
    }
}

/// The page, with raw HTTP.
struct Page {
    address: String,
    _serving: Serving,
}

impl Page {
    fn open(home: &Home) -> Self {
        let serving = home.serve(&["approve", "--page", "--json"]);
        let url = serving.announced["url"].as_str().expect("a URL").to_owned();
        let address = url
            .strip_prefix("http://")
            .and_then(|url| url.strip_suffix('/'));
        Self {
            address: address.expect("nothing but an address").to_owned(),
            _serving: serving,
        }
    }

    fn send(&self, head: &str, body: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).expect("the page");
        let length = body.len();
        let text = format!("{head}connection: close\r\ncontent-length: {length}\r\n\r\n{body}");
        socket.write_all(text.as_bytes()).expect("a request");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        answer
    }

    fn load(&self) -> String {
        self.send(&format!("GET / HTTP/1.1\r\nhost: {}\r\n", self.address), "")
    }

    /// The ticket of the form of one payment.
    fn ticket(&self, id: i64) -> String {
        let page = self.load();
        let form = format!("name=\"id\" value=\"{id}\">");
        let (_, rest) = page.split_once(&form).expect("a form");
        let (_, rest) = rest
            .split_once("name=\"ticket\" value=\"")
            .expect("a ticket");
        rest.split('"').next().expect("a value").to_owned()
    }

    /// Sends a form, and returns the status.
    fn decide(&self, origin: &str, body: &str) -> (u16, String) {
        let host = &self.address;
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\n\
             content-type: application/x-www-form-urlencoded\r\n"
        );
        let answer = self.send(&head, body);
        let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
        (status.expect("a status"), answer)
    }

    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

#[test]
fn the_page_decides_with_the_passphrase() {
    let home = sealed();
    let id = ask(&home, &wanted("ann"));
    let page = Page::open(&home);
    let shown = page.load();
    let lower = shown.to_lowercase();
    for header in [
        "content-security-policy: default-src 'none'; style-src 'sha256-",
        "frame-ancestors 'none'",
        "x-frame-options: deny",
        "cache-control: no-store",
        "referrer-policy: same-origin",
        "x-content-type-options: nosniff",
    ] {
        assert!(lower.contains(header), "{header}: {shown}");
    }
    assert!(
        !lower.contains("<script") && !lower.contains(PASSPHRASE),
        "{shown}"
    );
    let at = |text: &str| shown.find(text).expect(text);
    let order = [
        "200 sat (199500 msat)",
        "02abab",
        "https://api.example",
        "ann, by l402_fetch",
    ];
    assert!(order.map(at).is_sorted(), "{shown}");
    let form = |ticket: &str, decision: &str, passphrase: &str| {
        format!("id={id}&ticket={ticket}&passphrase={passphrase}&decision={decision}")
    };
    let (status, told) = page.decide(
        &page.origin(),
        &form(&page.ticket(id), "approve", "wrong-horse"),
    );
    assert_eq!(status, 403);
    assert!(told.contains("The passphrase is wrong"), "{told}");
    let ticket = page.ticket(id);
    let (status, told) = page.decide(&page.origin(), &form(&ticket, "approve", PASSPHRASE));
    assert_eq!(status, 200, "{told}");
    assert!(told.contains("Approved"), "{told}");
    assert_eq!(state(&home, id), ApprovalState::Approved);
    // The same form again is no second decision.
    let (status, _) = page.decide(&page.origin(), &form(&ticket, "deny", PASSPHRASE));
    assert_eq!(status, 403);
    assert_eq!(state(&home, id), ApprovalState::Approved);
    let id = ask(&home, &wanted("default"));
    let body = format!(
        "id={id}&ticket={}&passphrase={PASSPHRASE}&decision=deny",
        page.ticket(id)
    );
    assert_eq!(page.decide(&page.origin(), &body).0, 200);
    assert_eq!(state(&home, id), ApprovalState::Denied);
}

// ATTACKS A-08: a page of another server, or a name that leads here, decides nothing.
#[test]
fn the_page_takes_no_form_of_another_page() {
    let home = sealed();
    let id = ask(&home, &wanted("ann"));
    let page = Page::open(&home);
    let right =
        |ticket: &str| format!("id={id}&ticket={ticket}&passphrase={PASSPHRASE}&decision=approve");
    for origin in ["http://evil.test", "null", "https://127.0.0.1"] {
        let (status, _) = page.decide(origin, &right(&page.ticket(id)));
        assert_eq!(status, 403, "{origin}");
    }
    for body in [
        right(""),
        right("AAAAAAAAAAAAAAAAAAAAAA"),
        format!("{}&ticket=x", right(&page.ticket(id))),
        format!("id={id}&ticket={}&passphrase={PASSPHRASE}", page.ticket(id)),
        format!("{}&more={}", right(&page.ticket(id)), "x".repeat(9000)),
    ] {
        let (status, told) = page.decide(&page.origin(), &body);
        assert!(matches!(status, 400 | 403), "{status} {told}");
    }
    let rebound = page.send("GET / HTTP/1.1\r\nhost: evil.test\r\n", "");
    assert!(rebound.starts_with("HTTP/1.1 403"), "{rebound}");
    assert!(!rebound.contains("ticket"), "{rebound}");
    let elsewhere = format!("GET /x HTTP/1.1\r\nhost: {}\r\n", page.address);
    assert!(page.send(&elsewhere, "").starts_with("HTTP/1.1 404"));
    assert_eq!(state(&home, id), ApprovalState::Waiting);
}

/// Wrong passphrases of the page and of the terminal are counted together.
#[test]
fn guesses_at_the_page_are_slowed_down() {
    let home = sealed();
    let id = ask(&home, &wanted("ann"));
    let page = Page::open(&home);
    let guess = |passphrase: &str| {
        let ticket = page.ticket(id);
        let body = format!("id={id}&ticket={ticket}&passphrase={passphrase}&decision=approve");
        page.decide(&page.origin(), &body).0
    };
    for number in 0..5 {
        assert_eq!(guess(&format!("guess-{number}")), 403);
    }
    assert_eq!(guess("guess-6"), 429);
    // Not even the right one is looked at now.
    assert_eq!(guess(PASSPHRASE), 429);
    let (status, shown) = as_operator(&home, &format!("approve {id}"));
    assert_eq!(status, Some(54), "{shown}");
    assert_eq!(state(&home, id), ApprovalState::Waiting);
}

/// A home without agents has no passphrase; the form of the page is needed all the same.
#[test]
fn without_agents_the_page_needs_its_own_form_alone() {
    let home = Home::new();
    std::fs::create_dir_all(home.path().join("home")).expect("a folder");
    let id = ask(&home, &wanted("default"));
    let page = Page::open(&home);
    assert!(!page.load().contains("type=\"password\""));
    let body = |ticket: &str| format!("id={id}&ticket={ticket}&decision=approve");
    assert_eq!(page.decide(&page.origin(), &body("x")).0, 403);
    assert_eq!(page.decide(&page.origin(), &body(&page.ticket(id))).0, 200);
    assert_eq!(state(&home, id), ApprovalState::Approved);
    // And the command asks for nothing.
    let other = ask(&home, &{
        let mut other = wanted("default");
        other.arguments = [2; 32];
        other
    });
    as_model(&home, &format!("approve {other}")).expect(0);
    assert_eq!(state(&home, other), ApprovalState::Approved);
}

/// The wallet's own address guard knows the page.
#[test]
fn no_request_goes_to_the_page() {
    let home = sealed();
    let page = Page::open(&home);
    let url = format!("http://{}/", page.address);
    home.run(&["get", &url]).expect(47);
}

//! One probe of one service.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use l402::{Msat, Network, Preimage};
use l402_registry::{Due, Fetcher, Form, Probed, Prober, Reachable, RequestSchema, State};
use l402_testkit::hostile::{Currency, Draft, challenge};
use l402_testkit::{START, clock};
use serde_json::json;

use crate::hostile::due;
use crate::raw_server::{RawServer, answer, path};

/// Returns an invoice of this many satoshi that can be paid.
pub(crate) fn draft(sat: u64) -> Draft {
    Draft {
        currency: Currency::Regtest,
        msat: Some(sat * 1000),
        created: START,
        expiry: 600,
        hash: Preimage::from_bytes([5; 32]).payment_hash(),
    }
}

/// Returns a sound 402.
fn sound(sat: u64) -> Vec<u8> {
    let line = challenge(&draft(sat), START);
    answer(402, &format!("www-authenticate: {line}\r\n"), "")
}

fn prober() -> Prober {
    let fetcher = Fetcher::new(Reachable {
        loopback: true,
        ..Reachable::default()
    });
    let fetcher = fetcher.with_public_url(&"https://registry.example/".parse().expect("a URL"));
    Prober::new(&fetcher, clock(), Duration::from_secs(900))
}

/// Starts a server without rules for robots, with this answer to everything else.
async fn service(make: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> RawServer {
    RawServer::start(move |request| match path(request) {
        "/robots.txt" => answer(404, "", ""),
        _ => make(request),
    })
    .await
}

async fn probe(server: &RawServer) -> Probed {
    let probed = prober().probe(&due(&server.url("/api"), "GET")).await;
    probed.expect("a turn")
}

fn told(probed: &Probed) -> (State, &str) {
    let reason = probed.health.reason.as_ref();
    (
        probed.health.state,
        reason.map_or("", |why| why.code.as_str()),
    )
}

#[tokio::test]
async fn a_sound_402_is_up_and_everything_in_it_is_seen() {
    let server = service(|_| sound(10)).await;
    let probed = probe(&server).await;
    assert_eq!(told(&probed), (State::Up, ""));
    let seen = probed.observed.expect("a 402");
    assert_eq!((seen.at, seen.price), (START, Some(Msat::from_sat(10))));
    assert_eq!(
        (seen.network, seen.expiry_secs),
        (Some(Network::Regtest), Some(600))
    );
    assert_eq!(
        (seen.hash_matches, seen.forms),
        (Some(true), vec![Form::L402])
    );
    assert_eq!(seen.payment_hash, Some(draft(10).hash));
    assert!(seen.node.is_some());
    assert!(
        seen.clients.iter().any(|client| client == "402index"),
        "{:?}",
        seen.clients
    );
    let evidence = seen.evidence;
    assert_eq!((&*evidence.method, evidence.status), ("GET", 402));
    assert_eq!(evidence.invoice, Some(draft(10).sign()));
    let line = challenge(&draft(10), START);
    let token = line.split('"').nth(1).expect("a token");
    assert!(!evidence.challenges[0].contains(token));
    assert!(
        evidence
            .findings
            .iter()
            .any(|(rule, is, _)| rule == "invoice" && is == "sound")
    );
    let asked = server.requests();
    assert_eq!(
        asked.iter().map(|it| path(it)).collect::<Vec<_>>(),
        ["/robots.txt", "/api"]
    );
    let agent = "(+https://registry.example/about)";
    assert!(
        asked[1].contains(agent) && asked[1].contains("accept-authenticate: L402"),
        "{}",
        asked[1]
    );
}

#[tokio::test]
async fn every_form_of_a_402_is_seen() {
    let line = challenge(&draft(10), START);
    let request = json!({ "amount": "10", "currency": "sat", "methodDetails": {
        "invoice": draft(10).sign(), "network": "regtest" } });
    let request = l402::mpp::encode_base64url(request.to_string().as_bytes());
    let charge = format!(
        "Payment id=\"1\", realm=\"x\", method=\"lightning\", intent=\"charge\", request=\"{request}\""
    );
    let rest = line.strip_prefix("L402 ").expect("the scheme");
    let token = line.split('"').nth(1).expect("a token");
    let body = json!({ "macaroon": token, "invoice": draft(10).sign() }).to_string();
    let (lsat, both) = (format!("LSAT {rest}"), format!("{line}, {charge}"));
    for (head, body, forms, told_as) in [
        (both, "", vec![Form::L402, Form::Payment], (State::Up, "")),
        (charge, "", vec![Form::Payment], (State::Up, "")),
        (lsat, "", vec![Form::Lsat], (State::Up, "")),
        (
            "Basic realm=\"x\"\r\ncontent-type: application/json".to_owned(),
            &*body,
            vec![Form::Body],
            (State::Degraded, "body_only"),
        ),
        (
            "x\r\npayment-required: eyJ4NDAyVmVyc2lvbiI6Mn0=".to_owned(),
            "",
            vec![Form::X402],
            (State::Degraded, "nothing_payable"),
        ),
    ] {
        let made = answer(402, &format!("www-authenticate: {head}\r\n"), body);
        let probed = probe(&service(move |_| made.clone()).await).await;
        assert_eq!(told(&probed), told_as, "{head} {probed:?}");
        assert_eq!(probed.observed.expect("a 402").forms, forms, "{head}");
    }
}

#[tokio::test]
async fn what_a_buyer_would_not_pay_is_degraded_with_the_reason() {
    let line = |draft: &Draft| challenge(draft, START);
    let other_hash = {
        let other = Draft {
            hash: Preimage::from_bytes([6; 32]).payment_hash(),
            ..draft(10)
        };
        line(&draft(10)).replace(&draft(10).sign(), &other.sign())
    };
    let ended = Draft {
        created: l402::UnixTime::from_secs(START.secs() - 700),
        ..draft(10)
    };
    let amountless = Draft {
        msat: None,
        ..draft(10)
    };
    for (line, code) in [
        (other_hash, "wrong_hash"),
        (line(&ended), "invoice_expired"),
        (line(&amountless), "amountless"),
        (
            line(&draft(10)).replace(&draft(10).sign(), &draft(10).forge()),
            "invoice_signature",
        ),
        (
            "L402 macaroon=\"AgE\", invoice=\"lnbc1\"".to_owned(),
            "invoice_malformed",
        ),
        ("L402 macaroon=\"".to_owned(), "challenge_malformed"),
    ] {
        let made = answer(402, &format!("www-authenticate: {line}\r\n"), "");
        let probed = probe(&service(move |_| made.clone()).await).await;
        assert_eq!(told(&probed), (State::Degraded, code), "{line}");
        let seen = probed.observed.expect("a 402");
        let matches = (code == "wrong_hash").then_some(false);
        assert_eq!(
            seen.hash_matches.filter(|matches| !matches),
            matches,
            "{line}"
        );
    }
}

#[tokio::test]
async fn an_answer_without_a_402_has_a_state_of_its_own() {
    let cases = [
        (200, State::Not402, "not_402"),
        (304, State::Not402, "not_402"),
        (404, State::Not402, "not_402"),
        (401, State::Degraded, "forbidden"),
        (403, State::Degraded, "forbidden"),
        (405, State::Degraded, "wrong_method"),
        (429, State::Degraded, "too_many_requests"),
        (500, State::Unknown, "server_error"),
        (503, State::Unknown, "server_error"),
    ];
    let probes = cases.map(|(status, state, code)| async move {
        let head = "retry-after: 7200\r\n";
        let server = service(move |_| answer(status, head, "")).await;
        let probed = probe(&server).await;
        assert_eq!(told(&probed), (state, code), "{status}");
        assert_eq!(probed.observed, None);
        // A server that is in trouble, or wants to be left alone, is not asked by a second method.
        let is_last = status == 429 || status >= 500;
        assert_eq!(
            server.requests().len(),
            if is_last { 2 } else { 3 },
            "{status}"
        );
        let wait = probed
            .health
            .next_probe
            .expect("a time")
            .since(START)
            .as_secs();
        assert_eq!(wait >= 6480, status == 429, "{status} {wait}");
    });
    for probe in probes.map(tokio::spawn) {
        probe.await.expect("no panic");
    }
}

#[tokio::test]
async fn the_method_of_the_listing_comes_first_and_its_body_fits_the_schema() {
    let server = service(|request| match request.split(' ').next() {
        Some("POST") if request.contains("content-type: application/json") => sound(21),
        _ => answer(405, "", ""),
    });
    let server = server.await;
    let schema =
        json!({ "required": ["prompt"], "properties": { "prompt": { "const": "a fish" } } });
    let post = Due {
        request_schema: Some(RequestSchema(schema)),
        ..due(&server.url("/api"), "POST")
    };
    let probed = prober().probe(&post).await.expect("a turn");
    let seen = probed.observed.expect("a 402");
    assert_eq!(
        (seen.price, &*seen.evidence.method),
        (Some(Msat::from_sat(21)), "POST")
    );

    let head_only = service(|request| match request.split(' ').next() {
        Some("HEAD") => sound(22),
        _ => answer(405, "", ""),
    });
    let head_only = head_only.await;
    let probed = probe(&head_only).await;
    let seen = probed.observed.expect("a 402");
    assert_eq!(
        (seen.price, &*seen.evidence.method),
        (Some(Msat::from_sat(22)), "HEAD")
    );
    // Nothing is deleted to see what it costs.
    let delete = prober().probe(&due(&head_only.url("/api"), "DELETE")).await;
    assert_eq!(told(&delete.expect("a turn")), (State::Up, ""));
    assert!(
        head_only
            .requests()
            .iter()
            .all(|request| !request.starts_with("DELETE"))
    );
}

#[tokio::test]
async fn robots_txt_is_honoured_and_asked_once() {
    let server = RawServer::start(|request| match path(request) {
        "/robots.txt" => answer(
            200,
            "",
            "User-agent: *\nAllow: /\n\nUser-agent: l402-registry\nDisallow: /api\nAllow: /api/open\n",
        ),
        _ => sound(10),
    });
    let server = server.await;
    let prober = prober();
    let closed = prober
        .probe(&due(&server.url("/api"), "GET"))
        .await
        .expect("a turn");
    assert_eq!(told(&closed), (State::Unknown, "robots"));
    assert!(closed.no_probe && closed.observed.is_none());
    assert!(
        closed.health.next_probe.expect("a time").since(START) > Duration::from_secs(20 * 3600)
    );
    let open = prober
        .probe(&due(&server.url("/api/open"), "GET"))
        .await
        .expect("a turn");
    assert_eq!((told(&open), open.no_probe), ((State::Up, ""), false));
    let paths: Vec<_> = server
        .requests()
        .iter()
        .map(|it| path(it).to_owned())
        .collect();
    assert_eq!(paths, ["/robots.txt", "/api/open"]);
}

#[tokio::test]
async fn a_host_whose_robots_txt_fails_is_left_alone_for_a_while() {
    let patterns = format!("User-agent: *\n{}", "Disallow: /*x$\n".repeat(600));
    for (status, body) in [(503, String::new()), (429, String::new()), (200, patterns)] {
        let server = RawServer::start(move |request| match path(request) {
            "/robots.txt" => answer(status, "", &body),
            _ => sound(10),
        });
        let server = server.await;
        let probed = probe(&server).await;
        assert_eq!(told(&probed), (State::Unknown, "robots"), "{status}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn another_node_is_marked_and_a_body_that_does_not_end_is_a_fault() {
    let server = service(|_| sound(10)).await;
    let changed = Due {
        node: Some([2; 33]),
        ..due(&server.url("/api"), "GET")
    };
    let probed = prober().probe(&changed).await.expect("a turn");
    assert_eq!(told(&probed), (State::Up, ""));
    let findings = probed.observed.expect("a 402").evidence.findings;
    assert!(
        findings
            .iter()
            .any(|(rule, is, _)| rule == "node" && is == "remark"),
        "{findings:?}"
    );

    let line = challenge(&draft(10), START);
    let head = format!("HTTP/1.1 402 X\r\nwww-authenticate: {line}\r\ncontent-length: 9\r\n\r\n");
    let short = service(move |_| head.clone().into_bytes()).await;
    let probed = probe(&short).await;
    assert_eq!(told(&probed), (State::Degraded, "body_broken_off"));
    assert_eq!(
        probed.observed.expect("a 402").price,
        Some(Msat::from_sat(10))
    );
}

#[tokio::test]
async fn a_service_is_down_after_three_failures_in_a_row_and_up_with_the_first_answer() {
    let status = Arc::new(AtomicU16::new(402));
    let read = Arc::clone(&status);
    let server = service(move |_| match read.load(Ordering::SeqCst) {
        402 => sound(10),
        status => answer(status, "", ""),
    });
    let server = server.await;
    let prober = prober();
    let mut due = due(&server.url("/api"), "GET");
    let mut states = Vec::new();
    for next in [402, 503, 500, 502, 402] {
        status.store(next, Ordering::SeqCst);
        let probed = prober.probe(&due).await.expect("a turn");
        states.push((probed.health.state, probed.health.failures));
        due.health = probed.health;
    }
    let up = State::Up;
    assert_eq!(
        states,
        [(up, 0), (up, 1), (up, 2), (State::Down, 3), (up, 0)]
    );
}

// ATTACKS G-08: an open redirect lends its host to a stranger's node.
#[tokio::test]
async fn a_402_of_another_origin_is_not_the_listings() {
    let thief = service(|_| sound(10)).await;
    let to = thief.url("/paid");
    let victim = service(move |request| match path(request) {
        "/here" => answer(307, "location: /paid\r\n", ""),
        "/paid" => sound(10),
        _ => answer(307, &format!("location: {to}\r\n"), ""),
    })
    .await;
    let probed = probe(&victim).await;
    assert_eq!(told(&probed), (State::Not402, "redirects_elsewhere"));
    assert!(probed.observed.is_none());
    let own = prober().probe(&due(&victim.url("/here"), "GET")).await;
    assert_eq!(told(&own.expect("a turn")), (State::Up, ""));
}

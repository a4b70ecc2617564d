//! Answers of foreign servers, as `get` and `doctor` take them: the two agree.

use std::sync::atomic::{AtomicU32, Ordering};

use l402_testkit::macaroon;
use serde_json::Value;

use crate::program::Home;
use crate::stranger::{bought_nothing, server};

/// A server with one answer for every request.
fn always(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    format!("http://{}/", server(move |_| answer.clone()))
}

// FAULTS D3: a dry run that finds neither a price nor a free answer says so.
#[test]
fn a_dry_run_without_a_price_is_no_success() {
    let home = Home::new();
    for status in [400, 403, 404, 429, 500, 302] {
        let url = always(status, "retry-after: 30\r\n", "a page");
        let ran = home.run(&["get", &url, "--dry-run"]).expect(21);
        let quote = ran.json();
        assert_eq!(quote["payment_required"], Value::Null, "{ran:#?}");
        assert_eq!(quote["price_msat"], Value::Null, "{ran:#?}");
        assert_eq!(quote["status"], status);
        assert_eq!(quote["retry_after"], 30);
        for words in ["error[no_price]", "no money moved", "30 s"] {
            assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
        }
    }
    let url = always(500, "", "");
    let quote = home.run(&["get", &url, "--dry-run"]).expect(21).json();
    assert_eq!(quote["retry_after"], Value::Null);
}

// FAULTS D8: a 429 has an exit code of its own, and tells how long to wait.
#[test]
fn a_429_has_its_own_code_and_tells_the_wait() {
    let home = Home::new();
    let url = always(429, "retry-after: 30\r\n", "slow down");
    for more in [&[][..], &["-m", "5"]] {
        let ran = home.run(&[&["get", &url], more].concat()).expect(20);
        assert_eq!(ran.stdout, "slow down");
        for words in ["error[rate_limited]", "429", "30 s", "no money moved"] {
            assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
        }
    }
    home.run(&["get", "--fail", &url]).expect(22);
    let ran = home.run(&["get", &always(429, "", "")]).expect(20);
    assert!(ran.stderr.contains("does not say how long"), "{ran:#?}");
}

#[test]
fn a_429_is_waited_for_within_the_time_that_was_given() {
    let home = Home::new();
    let asked = AtomicU32::new(0);
    let address =
        server(move |_| {
            match asked.fetch_add(1, Ordering::SeqCst) {
        0 => "HTTP/1.1 429 X\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        _ => "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nhere",
    }
    .to_owned()
        });
    let url = format!("http://{address}/");
    let ran = home.run(&["get", "-m", "30", &url]).expect(0);
    assert_eq!(ran.stdout, "here");
    assert!(ran.stderr.contains("asking again in 1 s"), "{ran:#?}");
}

// FAULTS D4: a challenge in the body alone, told by the doctor and paid where that was asked for.
#[test]
fn a_challenge_in_the_body_is_explained_and_paid_if_asked_for() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let (token, invoice) = bought_nothing(demo.address(), "/api/l402/joke");
    let body = serde_json::json!({ "macaroon": token, "invoice": invoice }).to_string();
    let url = always(402, "content-type: application/json\r\n", &body);
    let ran = home.run(&["get", &url, "--dry-run"]).expect(39);
    assert!(ran.stderr.contains("--accept-body-challenge"), "{ran:#?}");
    let ran = home.run(&["doctor", &url]).expect(18);
    assert!(ran.stdout.contains("--accept-body-challenge"), "{ran:#?}");
    let flag = "--accept-body-challenge";
    let quote = home.run(&["get", &url, "--dry-run", flag]).expect(0).json();
    assert_eq!(quote["price_msat"], 50_000);
    let report = home.run(&["doctor", &url, flag]).expect(0).json();
    assert_eq!(report["healthy"], true);
}

// FAULTS D2: an invoice that is written as a link.
#[test]
fn an_invoice_written_as_a_link_is_read_everywhere() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let (token, invoice) = bought_nothing(demo.address(), "/api/l402/joke");
    let link = format!("LIGHTNING:{invoice}");
    let headers = format!("www-authenticate: L402 macaroon=\"{token}\", invoice=\"{link}\"\r\n");
    let url = always(402, &headers, "");
    let quote = home.run(&["get", &url, "--dry-run"]).expect(0).json();
    assert_eq!(quote["price_msat"], 50_000);
    let report = home.run(&["doctor", &url]).expect(0).json();
    assert_eq!(report["bolt11"], invoice);
    let report = home.run(&["token", "inspect", &link]).expect(0).json();
    assert_eq!(report["kind"], "invoice");
    assert_eq!(report["invoice"]["amount_msat"], 50_000);
    let paid = home.run(&["wallet", "pay", &link]).expect(0).json();
    assert_eq!(paid["status"], "settled");
}

// FAULTS D1: `get` and `doctor` read a server with an invoice for each scheme alike.
#[test]
fn an_invoice_for_each_scheme_is_payable_and_healthy() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let (token, invoice) = bought_nothing(demo.address(), "/api/l402/joke");
    let (_, of_payment) = bought_nothing(demo.address(), "/api/l402/fortune");
    let with_price = |sat: u32| {
        let request = serde_json::json!({ "amount": sat.to_string(), "currency": "sat",
            "methodDetails": { "paymentHash": "4d".repeat(32) } });
        let own = serde_json::json!({ "amount": "50", "methodDetails": { "invoice": of_payment } });
        let line = |request: Value| {
            let request = url_base64(request.to_string().as_bytes());
            format!(
                "www-authenticate: Payment id=\"1\", realm=\"x\", method=\"lightning\", \
                 intent=\"charge\", request=\"{request}\"\r\n"
            )
        };
        let l402 = format!("L402 macaroon=\"{token}\", invoice=\"{invoice}\"");
        let headers = format!("www-authenticate: {l402}\r\n{}{}", line(request), line(own));
        always(402, &headers, "")
    };
    for (sat, get, doctor) in [(50, 0, 0), (60, 0, 0), (49, 42, 18)] {
        let url = with_price(sat);
        home.run(&["get", &url, "--dry-run"]).expect(get);
        let report = home.run(&["doctor", &url]).expect(doctor).json();
        let checks = report["checks"].as_array().expect("checks").iter();
        let check = checks
            .clone()
            .find(|check| check["check"] == "payment challenge");
        let detail = check.expect("a check")["detail"].as_str().expect("text");
        assert_eq!(
            detail.contains(&format!("{sat} sat")),
            sat != 50,
            "{detail}"
        );
    }
}

fn url_base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

// FAULTS D6: a folded header line is read as one with a space; an unreadable challenge is told as such.
#[test]
fn a_folded_challenge_is_read_and_a_broken_one_is_called_unreadable() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let (token, invoice) = bought_nothing(demo.address(), "/api/l402/joke");
    let folded =
        format!("www-authenticate: L402 macaroon=\"{token}\",\r\n  invoice=\"{invoice}\"\r\n");
    let url = always(402, &folded, "");
    let quote = home.run(&["get", &url, "--dry-run"]).expect(0).json();
    assert_eq!(quote["price_msat"], 50_000);
    home.run(&["doctor", &url]).expect(0);
    let url = always(402, "www-authenticate: L402 macaroon=\"AgEE\r\n", "");
    let ran = home.run(&["get", &url]).expect(41);
    assert!(ran.stderr.contains("cannot be read"), "{ran:#?}");
}

/// The limit of the HTTP library. An answer beyond it is told as one that is too large.
#[test]
fn an_answer_has_at_most_a_hundred_headers() {
    let home = Home::new();
    // `content-length` and `connection` count as well.
    let url = always(200, &"x: y\r\n".repeat(98), "here");
    assert_eq!(home.run(&["get", &url]).expect(0).stdout, "here");
    let url = always(200, &"x: y\r\n".repeat(99), "here");
    for (command, status) in [("get", 33), ("doctor", 18)] {
        let ran = home.run(&[command, &url]).expect(status);
        assert!(ran.stderr.contains("more than 100 headers"), "{ran:#?}");
    }
}

#[test]
fn what_is_free_needs_no_wallet_and_a_price_does() {
    let home = Home::new();
    let gone = home.path().join("gone").display().to_string();
    let gone = format!("lnd://127.0.0.1:1?tls_cert={gone}&macaroon={gone}&network=regtest");
    let get = |url: &str| home.run(&["get", url, "--wallet", &gone]);
    assert_eq!(get(&always(200, "", "free")).expect(0).stdout, "free");
    let ran = get(&always(402, "", "no challenge")).expect(74);
    for words in [
        "error[wallet]",
        "no money moved",
        "check the files of the wallet",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
    }
    // A mistake of the command line is told before anybody is asked.
    let ran = home
        .run(&["get", &always(200, "", "free"), "--wallet", "nobody"])
        .expect(64);
    assert!(ran.stderr.contains("nobody"), "{ran:#?}");
}

// FAULTS C17: a wallet whose macaroon can do more than pay is used, with a warning that names the least.
#[test]
fn a_mighty_macaroon_is_warned_of() {
    let home = Home::new();
    let rw: &[&str] = &["read", "write"];
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let certificate = home.file("tls.cert", &certificate.expect("a certificate").cert.pem());
    for (name, ops, warns) in [
        ("admin", &[("offchain", rw), ("onchain", rw)][..], true),
        ("router", &[("offchain", rw)], false),
    ] {
        let path = home.path().join(name);
        let bytes = macaroon(ops);
        std::fs::write(&path, &bytes).expect("a file");
        let (path, certificate) = (path.display(), certificate.display());
        let wallet =
            format!("lnd://127.0.0.1:1?tls_cert={certificate}&macaroon={path}&network=regtest");
        // Nobody listens there: the warning comes first, once there is a price to pay.
        let url = always(402, "", "no challenge");
        let ran = home.run(&["get", &url, "--wallet", &wallet]).expect(39);
        assert_eq!(ran.stderr.contains("lncli bakemacaroon"), warns, "{ran:#?}");
        assert_eq!(ran.stderr.contains("onchain:write"), warns, "{ran:#?}");
        let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!ran.stderr.contains(&secret[..40]), "{ran:#?}");
    }
}

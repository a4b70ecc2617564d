//! `l402 doctor`.

use crate::program::Home;
use crate::stranger::{bought_nothing, server};

#[test]
fn our_own_challenge_is_healthy_and_read_by_all() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let report = home
        .run(&["doctor", &demo.url("/api/l402/joke")])
        .expect(0)
        .json();
    assert_eq!(report["healthy"], true);
    assert_eq!(report["status"], 402);
    for check in report["checks"].as_array().expect("checks") {
        assert_eq!(check["ok"], true, "{check}");
    }
    let clients = report["clients"].as_array().expect("clients");
    assert_eq!(clients.len(), 9);
    for client in clients {
        assert_eq!(client["reads"], true, "{client}");
    }
    assert_eq!(report["invoice"]["amount_msat"], 50_000);
}

#[test]
fn an_answer_that_is_no_challenge_has_its_own_code() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let report = home
        .run(&["doctor", &demo.url("/health")])
        .expect(18)
        .json();
    assert_eq!(report["healthy"], false);
    assert_eq!(report["free"], true);
    let missing = home.run(&["doctor", &demo.url("/none")]).expect(18);
    assert_eq!(missing.json()["free"], false);
    let ran = home.run(&["doctor", "http://127.0.0.1:1/"]).expect(69);
    assert_eq!(ran.json()["error"], "transport");
}

#[test]
fn a_rule_that_no_buyer_insists_on_is_a_remark() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let healthy = home.run(&["doctor", &demo.url("/api/l402/joke")]).expect(0);
    let bolt11 = healthy.json()["bolt11"]
        .as_str()
        .expect("an invoice")
        .to_owned();
    // FAULTS D7: what is payable is healthy, with remarks; so also where only `no-store` is missing.
    for (headers, remarked) in [
        ("", &["cache", "payment hash", "problem document"][..]),
        (
            "content-type: application/problem+json\r\n",
            &["cache", "payment hash", "problem status"],
        ),
        (
            "cache-control: no-store\r\n",
            &["payment hash", "problem document"],
        ),
    ] {
        let bolt11 = bolt11.clone();
        let address = server(move |_| {
            format!(
                "HTTP/1.1 402 Payment Required\r\n{headers}www-authenticate: L402 \
                 macaroon=\"opaque\", invoice=\"{bolt11}\"\r\ncontent-length: 0\r\n\
                 connection: close\r\n\r\n"
            )
        });
        let url = format!("http://{address}/");
        let report = home.run(&["doctor", &url]).expect(0).json();
        assert_eq!(report["healthy"], true);
        let checks = report["checks"].as_array().expect("checks").iter();
        let remarks: Vec<_> = checks.filter(|check| check["ok"] == false).collect();
        let names: Vec<_> = remarks.iter().map(|check| &check["check"]).collect();
        assert_eq!(names, remarked);
        assert!(remarks.iter().all(|check| check["required"] == false));
    }
}

#[test]
fn a_head_that_no_buyer_reads_is_no_challenge() {
    let home = Home::new();
    let long = "x".repeat(1024 * 1024);
    let address = server(move |_| {
        format!(
            "HTTP/1.1 402 Payment Required\r\nwww-authenticate: L402 macaroon=\"{long}\"\r\n\
             content-length: 0\r\nconnection: close\r\n\r\n"
        )
    });
    let ran = home
        .run(&["doctor", &format!("http://{address}/")])
        .expect(18);
    assert_eq!(ran.json()["error"], "challenge_too_large");
}

// FAULTS D5: a body that never comes counts as empty, as it does for a buyer.
#[test]
fn a_body_that_hangs_does_not_hide_a_challenge() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let (token, invoice) = bought_nothing(demo.address(), "/api/l402/joke");
    let address = server(move |_| {
        format!(
            "HTTP/1.1 402 Payment Required\r\ncontent-length: 9\r\nwww-authenticate: L402 \
             macaroon=\"{token}\", invoice=\"{invoice}\"\r\n\r\nhalf"
        )
    });
    let url = format!("http://{address}/");
    home.run(&["doctor", &url]).expect(0);
    home.run(&["get", &url, "--dry-run"]).expect(0);
}

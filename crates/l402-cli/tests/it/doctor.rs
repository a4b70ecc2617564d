//! `l402 doctor`.

use crate::program::Home;

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
    let ran = home.run(&["doctor", "http://127.0.0.1:1/"]).expect(69);
    assert_eq!(ran.json()["error"], "transport");
}

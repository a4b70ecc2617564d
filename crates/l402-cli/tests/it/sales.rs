//! `l402 sales` and `l402 books verify`, beside a gateway that sells and after it.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::program::{Home, Serving};
use crate::selling::{ask, credential};

/// The looks that the gateway gets to write what it has sold, each of them a process.
const LOOKS: usize = 400;

/// Starts a gateway that sells a request, three uses, and an hour.
fn shop(home: &Home) -> Serving {
    let upstream = crate::stranger::server(|_| {
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
    });
    let routes = [
        ("one", "7001 msat", "request"),
        ("three", "10000 msat", "uses=3"),
        ("hour", "5003 msat", "time=1h"),
    ]
    .map(|(name, price, policy)| {
        format!(
            "[[route]]\npath = \"/{name}/{{id}}\"\nupstream = \"http://{upstream}\"\n\
             service = \"{name}\"\nprice = \"{price}\"\npolicy = \"{policy}\"\n"
        )
    });
    let file = home.file("l402.toml", &routes.concat());
    let file = file.to_str().expect("a path");
    home.serve(&["serve", "--config", file, "--listen", "127.0.0.1:0"])
}

/// Shows a credential, which opens.
fn used(shop: &Serving, path: &str, credential: &str) {
    let answer = ask(shop, path, credential);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

fn sales(home: &Home, options: &[&str]) -> Value {
    let ran = home.run(&[&["sales"][..], options].concat());
    ran.expect(0).json()
}

/// Looks until the gateway has written this many payments and uses.
fn written(home: &Home, payments: u64, uses: u64) {
    let sum = |rows: &Value, name: &str| -> u64 {
        let rows = rows["sales"].as_array().expect("rows").iter();
        rows.map(|row| row[name].as_u64().expect("a number")).sum()
    };
    let mut seen = Value::Null;
    for _ in 0..LOOKS {
        let ran = home.run(&["sales", "--json"]);
        if ran.status != Some(0) {
            // Not there yet.
            continue;
        }
        seen = ran.json();
        if (sum(&seen, "payments"), sum(&seen, "uses")) == (payments, uses) {
            return;
        }
    }
    panic!("not written: {seen:#}");
}

/// A row of `l402 sales`: key, payments, uses, sold, spent, unspent.
fn row(by: &str, key: &str, values: [u64; 5]) -> Value {
    let [payments, uses, sold, spent, unspent] = values;
    json!({
        by: key, "payments": payments, "uses": uses, "given_back": 0, "sold_msat": sold,
        "spent_msat": spent, "unspent_msat": unspent, "expired_msat": 0,
    })
}

/// Verifies the books, which add up to the millisatoshi.
fn exact(home: &Home, [sold, spent]: [u64; 2]) {
    let report = home.run(&["books", "verify", "--json"]).expect(0).json();
    assert_eq!(report["exact"], true, "{report:#}");
    for (name, msat) in [
        ("received_msat", sold),
        ("sold_msat", sold),
        ("spent_msat", spent),
        ("unspent_msat", sold - spent),
        ("expired_msat", 0),
        ("unattributed_msat", 0),
    ] {
        assert_eq!(report[name], msat, "{name}: {report:#}");
    }
    assert_eq!(report["not_compared"], json!([]));
}

/// Two requests, of which one is used; two of three uses; and an hour, used twice.
fn sold() -> (Home, Serving) {
    let home = Home::new();
    let shop = shop(&home);
    let [one, three, hour] =
        ["/one/a", "/three/a", "/hour/a"].map(|path| credential(&home, &shop, path));
    credential(&home, &shop, "/one/b");
    used(&shop, "/one/a", &one);
    for _ in 0..2 {
        used(&shop, "/three/a", &three);
        used(&shop, "/hour/a", &hour);
    }
    written(&home, 4, 4);
    (home, shop)
}

const ONE: [u64; 5] = [2, 1, 14_002, 7001, 7001];
const THREE: [u64; 5] = [1, 2, 10_000, 6666, 3334];
/// The first use of an hour alone is written down.
const HOUR: [u64; 5] = [1, 1, 5003, 5003, 0];

#[test]
fn what_was_sold_is_shown_to_the_millisatoshi_and_the_books_add_up() {
    let (home, mut shop) = sold();
    for (by, keys) in [
        ("route", ["/hour/{id}", "/one/{id}", "/three/{id}"]),
        ("service", ["hour", "one", "three"]),
    ] {
        let [hour, one, three] = keys;
        let rows = [(hour, HOUR), (one, ONE), (three, THREE)];
        let rows = rows.map(|(key, values)| row(by, key, values));
        let shown = sales(&home, &["--by", by]);
        assert_eq!(shown, json!({ "by": by, "sales": rows }));
    }
    for by in ["day", "hour"] {
        let shown = sales(&home, &["--by", by]);
        let rows = shown["sales"].as_array().expect("rows");
        let sum = |name: &str| {
            let values = rows.iter().map(|row| row[name].as_u64().expect("a number"));
            values.sum::<u64>()
        };
        // Midnight may lie between two sales.
        assert!((1..=2).contains(&rows.len()), "{shown:#}");
        assert_eq!((sum("sold_msat"), sum("spent_msat")), (29_005, 18_670));
    }
    let csv = home.run(&["sales", "--csv"]).expect(0).stdout;
    let lines: Vec<_> = csv.split("\r\n").collect();
    assert_eq!(lines[2], "/one/{id},2,1,0,14002,7001,7001,0", "{csv}");
    assert_eq!(lines.len(), 5, "a header, three rows, and the end: {csv}");

    let unserved = sales(&home, &["--unserved"]);
    let [unused] = &unserved["unserved"].as_array().expect("rows")[..] else {
        panic!("one was never used: {unserved:#}");
    };
    assert_eq!(
        (&unused["service"], &unused["received_msat"]),
        (&json!("one"), &json!(7001))
    );

    exact(&home, [29_005, 18_670]);
    shop.end();
    exact(&home, [29_005, 18_670]);
    a_change_is_found(&home);
}

/// Changes one row by hand.
fn a_change_is_found(home: &Home) {
    let books = Connection::open(home.path().join("home/books.db")).expect("the books");
    let (writer, number): (i64, i64) = books
        .query_row(
            "UPDATE entries SET msat = msat + 1 WHERE kind = 2 AND msat = 10000 \
             RETURNING writer, number",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .expect("a row");
    let report = home.run(&["books", "verify", "--json"]).expect(28).json();
    assert_eq!(report["exact"], false);
    let named = format!("entry {number} of writer {writer}: its seal does not fit");
    let findings = report["findings"].as_array().expect("findings");
    assert!(
        findings
            .iter()
            .any(|found| found.as_str().expect("text").starts_with(&named)),
        "{named}: {report:#}"
    );
}

#[test]
fn what_was_paid_while_the_gateway_was_dead_is_in_the_books_after_its_start() {
    let home = Home::new();
    let mut first = shop(&home);
    let answer = ask(&first, "/one/a", "");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let body: Value = serde_json::from_str(body).expect("JSON");
    // As by `kill -9`.
    first.end();
    let invoice = body["invoice"].as_str().expect("an invoice");
    let paid = home.run(&["wallet", "pay", invoice]).expect(0).json();
    let second = shop(&home);
    written(&home, 1, 0);
    let unserved = sales(&home, &["--unserved"]);
    // The process that knew what it was for is gone, until the first use tells.
    assert_eq!(unserved["unserved"][0]["service"], "unattributed");
    assert_eq!(unserved["unserved"][0]["received_msat"], 7001);
    let [token, preimage] =
        [&body["token"], &paid["preimage"]].map(|text| text.as_str().expect("text"));
    let credential = format!("authorization: L402 {token}:{preimage}\r\n");
    used(&second, "/one/a", &credential);
    written(&home, 1, 1);
    exact(&home, [7001, 7001]);
}

#[test]
fn what_the_demo_has_sold_is_shown() {
    let home = Home::new();
    // It has bought a joke itself.
    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let joke = demo.url("/api/l402/joke");
    home.run(&["get", &joke, "--wallet", "sandbox"]).expect(0);
    written(&home, 2, 2);
    let shown = sales(&home, &["--by", "route"]);
    let expected = row("route", "/api/l402/joke", [2, 2, 100_000, 100_000, 0]);
    assert_eq!(shown["sales"], json!([expected]));
    exact(&home, [100_000, 100_000]);
}

#[test]
fn books_that_cannot_be_opened_stop_no_sale_and_lose_no_payment() {
    let home = Home::new();
    drop(shop(&home));
    let books = ["books.db", "books.db-wal", "books.db-shm"].map(|name| {
        let path = home.path().join("home").join(name);
        // The logs go with a clean end alone.
        let _ = std::fs::remove_file(&path);
        path
    });
    std::fs::write(&books[0], [b'?'; 4096]).expect("a file");
    let shop = shop(&home);
    let one = credential(&home, &shop, "/one/a");
    used(&shop, "/one/a", &one);
    shop.until("payments are not written down");
    std::fs::remove_file(&books[0]).expect("a file");
    written(&home, 1, 1);
    exact(&home, [7001, 7001]);
}

//! `l402 payments`.

use l402_lightning::sandbox::{Fault, Sandbox};
use rusqlite::{Connection, params};

use crate::program::Home;
use crate::seller::Seller;

/// Writes served purchases of 1 sat into the journal of this home.
fn bought(home: &Home, count: u32) {
    home.run(&["payments"]).expect(0);
    let file = home.path().join("home/client/client.db");
    let mut db = Connection::open(file).expect("the journal");
    let tx = db.transaction().expect("a transaction");
    for row in 0..count {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&row.to_be_bytes());
        let sql = "INSERT INTO purchase (payment_hash, origin, path, state, amount_msat, paid_msat, \
                   fee_msat, created, updated, paid_at, expires, note, network, invoice, scheme, \
                   token, live) VALUES (?1, 'https://a.example', '/x', 'served', 1000, 1000, 0, ?2, \
                   ?2, ?2, ?2, '', 'regtest', 'i', 'L402', 't', 0)";
        tx.execute(sql, params![hash, 1_790_000_000 + row])
            .expect("a row");
    }
    tx.commit().expect("rows");
}

// FAULTS T1: the sum over the rows of a list is the sum of all.
#[test]
fn a_program_gets_all_rows_and_a_part_is_marked() {
    let home = Home::new();
    bought(&home, 120);
    let sum = |args: &[&str]| {
        let ran = home.run(args).expect(0);
        let rows = ran.json();
        let rows = rows.as_array().expect("rows").iter();
        let sum: u64 = rows
            .map(|row| row["paid_msat"].as_u64().expect("msat"))
            .sum();
        (sum, ran.stderr)
    };
    for args in [
        &["payments"][..],
        &["payments", "--json"],
        &["payments", "--all"],
        &["payments", "--state", "served"],
        &["payments", "--limit", "120"],
    ] {
        assert_eq!(sum(args), (120_000, String::new()), "{args:?}");
    }
    // Who asks for a part is told that it is one.
    for args in [
        &["payments", "--limit", "7"][..],
        &["payments", "--json", "--limit", "7"],
        &["payments", "--limit", "7", "--state", "served"],
    ] {
        let (sum, told) = sum(args);
        assert_eq!(sum, 7000, "{args:?}");
        assert!(told.contains("newest 7 of 120"), "{args:?}: {told}");
    }
    home.run(&["payments", "--limit", "7", "--all"]).expect(64);
}

#[test]
fn payments_add_up_by_day_and_by_origin() {
    let home = Home::new();
    bought(&home, 120);
    let totals = home.run(&["payments", "--totals"]).expect(0).json();
    assert_eq!(
        (&totals["purchases"], &totals["paid_msat"]),
        (&120.into(), &120_000.into())
    );
    assert_eq!(totals["days"][0]["day"], "2026-09-21");
    assert_eq!(totals["days"][0]["paid_msat"], 120_000);
    assert_eq!(totals["origins"][0]["origin"], "https://a.example");
    for (args, count) in [
        (&["--origin", "a.example"][..], 120),
        (&["--origin", "https://A.example/"], 120),
        (&["--origin", "http://a.example"], 0),
        (&["--since", "2026-09-21"], 120),
        (&["--since", "2026-09-21T14:15:10Z"], 10),
        (&["--since", "2099-01-01"], 0),
        (&["--unserved"], 0),
    ] {
        let args = [&["payments"][..], args].concat();
        let rows = home.run(&args).expect(0).json();
        assert_eq!(rows.as_array().expect("rows").len(), count, "{args:?}");
        let args = [&args[..], &["--totals"]].concat();
        let totals = home.run(&args).expect(0).json();
        assert_eq!(totals["purchases"], count, "{args:?}");
    }
    home.run(&["payments", "--since", "yesterday"]).expect(64);
}

#[test]
fn a_list_longer_than_a_part_is_whole_json() {
    let home = Home::new();
    bought(&home, 2500);
    let rows = home.run(&["payments"]).expect(0).json();
    let rows = rows.as_array().expect("rows");
    let mut hashes: Vec<_> = rows
        .iter()
        .map(|row| row["payment_hash"].to_string())
        .collect();
    hashes.sort();
    hashes.dedup();
    assert_eq!((rows.len(), hashes.len()), (2500, 2500));
}

/// ATTACKS C-19: an outcome that nobody knows is asked for, and not paid again.
#[test]
fn what_is_unknown_is_resolved_by_the_wallet_that_began_it() {
    let home = Home::new();
    let seller = Seller::open(&home, "HTTP/1.1 200 OK\r\n", b"an answer");
    let url = seller.url("/x");
    let none = home.run(&["payments", "resolve"]).expect(0).json();
    assert_eq!(none, serde_json::json!([]));
    let mut faulty = home.serve(&[
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--fault",
        "ends-mid-payment",
    ]);
    home.run(&["get", &url, "--wallet", "sandbox"]).expect(14);
    faulty.end();
    // Without a wallet nobody can be asked.
    let ran = home.run(&["payments", "resolve"]).expect(14);
    assert_eq!(ran.json()[0]["state"], "unknown");
    assert!(ran.stderr.contains("nothing is paid"), "{ran:#?}");
    let resolve = ["payments", "resolve", "--wallet", "sandbox"];
    let ran = home.run(&resolve).expect(0).json();
    assert_eq!(
        (&ran[0]["before"], &ran[0]["state"]),
        (&"unknown".into(), &"paid".into())
    );
    let unserved = home.run(&["payments", "--unserved"]).expect(0).json();
    let id = unserved[0]["payment_hash"].as_str().expect("a hash");
    let ran = home.run(&["payments", "resume", id, "--url", &seller.url("/other")]);
    let refused = ran.expect(64).stderr;
    assert!(
        refused.contains("not paid for GET, HEAD, DELETE"),
        "{refused}"
    );
    let ran = home.run(&["payments", "resume", id]).expect(0);
    assert_eq!(ran.stdout, "an answer");
    assert_eq!((seller.seen(), seller.income()), ((1, 1), 50_000));
    let ran = home.run(&["payments", "resume", id]).expect(64);
    assert!(ran.stderr.contains("waits for no answer"), "{ran:#?}");
}

/// Pays by `l402 get` with these flags, without an answer, and returns the id of the purchase.
fn unserved(home: &Home, url: &str, flags: &[&str]) -> String {
    let clock = std::sync::Arc::new(l402_host::SystemClock::default());
    let sandbox = Sandbox::open(&home.path().join("home"), clock).expect("a sandbox");
    sandbox.set_fault(Fault::EndsMidPayment).expect("the file");
    let get = [&["get", url, "--wallet", "sandbox"], flags].concat();
    home.run(&get).expect(14);
    sandbox.set_fault(Fault::None).expect("the file");
    home.run(&["payments", "resolve", "--wallet", "sandbox"])
        .expect(0);
    let unserved = home.run(&["payments", "--unserved"]).expect(0).json();
    let id = unserved[0]["payment_hash"].as_str();
    id.expect("a hash").to_owned()
}

#[test]
fn a_request_of_any_method_is_resumed_if_it_is_the_one_that_was_paid_for() {
    let home = Home::new();
    let seller = Seller::open(&home, "HTTP/1.1 200 OK\r\n", b"an answer");
    let file = home.path().join("data");
    std::fs::write(&file, "two\nlines").expect("a file");
    let data = format!("@{}", file.display());
    let put = ["-X", "PUT", "--data-binary", &data];
    let cases = [
        // Without data no flag is needed.
        (&["-X", "DELETE"][..], &[][..], &[][..], "an answer"),
        (
            &["-d", "a=1"],
            &[&["-d", "a=2"][..], &[], &["-X", "PUT", "-d", "a=1"]],
            &["--data-raw", "a=1"],
            "an answer",
        ),
        // `-d` drops the ends of lines.
        (&put, &[&["-X", "PUT", "-d", &data]], &put, "an answer"),
        (
            &["--json", "{}"],
            &[&["--json", "[]"]],
            &["--json", "{}"],
            "an answer",
        ),
        (&["-I"], &[&["-X", "GET"]], &[], "HTTP/1.1 200 OK"),
    ];
    for (at, (bought, others, same, answer)) in cases.into_iter().enumerate() {
        // A token is good for the whole of its path.
        let url = seller.url(&format!("/{at}"));
        let (id, before) = (unserved(&home, &url, bought), seller.seen());
        for other in others {
            let ran = home.run(&[&["payments", "resume", &id], *other].concat());
            let refused = ran.expect(64).stderr;
            assert!(refused.contains("it was not paid for"), "{refused}");
        }
        assert_eq!(seller.seen(), before, "nothing is sent: {bought:?}");
        let ran = home.run(&[&["payments", "resume", &id], same].concat());
        let ran = ran.expect(0);
        assert!(ran.stdout.starts_with(answer), "{bought:?}: {ran:#?}");
        assert_eq!(seller.seen(), (before.0, before.1 + 1));
    }
    assert_eq!(seller.income(), 5 * 50_000);
}

/// A server that does not look into the second header would refuse what was paid for, and after two
/// refusals the purchase would be lost.
#[test]
fn a_purchase_is_not_presented_where_nobody_may_read_it() {
    let home = Home::new();
    let seller = Seller::open(&home, "HTTP/1.1 200 OK\r\n", b"an answer");
    let id = unserved(&home, &seller.url("/x"), &[]);
    let before = seller.seen();
    let own = ["payments", "resume", &id, "-H", "Authorization: Bearer x"];
    let ran = home.run(&own).expect(46);
    assert!(
        ran.stderr.contains("error[authorization_taken]"),
        "{ran:#?}"
    );
    assert_eq!(seller.seen(), before, "nothing is sent");
    let ran = home.run(&["payments", "resume", &id]).expect(0);
    assert_eq!(ran.stdout, "an answer");
}

//! `l402 wallet pay`: the limits, the hook and the journal of every payment.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::Value;

use crate::program::{Home, Ran, Serving};
use crate::stranger::server;

/// A seller whose invoices ask this much.
fn seller(home: &Home, price: &str) -> Serving {
    let upstream = server(|_| "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned());
    let upstream = format!("http://{upstream}");
    let args = ["serve", "--upstream", &upstream, "--price", price];
    home.serve(&[&args[..], &["--listen", "127.0.0.1:0"]].concat())
}

/// The invoice of a fresh challenge.
fn invoice(home: &Home, seller: &Serving) -> String {
    let report = home.run(&["doctor", &seller.url("/x")]).expect(0).json();
    report["bolt11"].as_str().expect("an invoice").to_owned()
}

fn pay(home: &Home, invoice: &str, more: &[&str]) -> Ran {
    home.run(&[&["wallet", "pay", invoice][..], more].concat())
}

fn balance(home: &Home) -> u64 {
    let json = home.run(&["wallet", "balance"]).expect(0).json();
    json["balance_msat"].as_u64().expect("a balance")
}

fn payments(home: &Home) -> Vec<Value> {
    let rows = home.run(&["payments"]).expect(0).json();
    rows.as_array().expect("rows").clone()
}

fn configure(home: &Home, text: &str) {
    std::fs::create_dir_all(home.path().join("home")).expect("a folder");
    let path = home.file("home/client.toml", text);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
}

#[test]
fn an_invoice_by_hand_keeps_the_limits() {
    let home = Home::new();
    let (dear, fair) = (seller(&home, "1200 sat"), seller(&home, "900 sat"));
    let (dear, fair) = (invoice(&home, &dear), invoice(&home, &fair));
    let before = balance(&home);
    let ran = pay(&home, &dear, &[]).expect(11);
    for words in ["per_request", "no money moved", "--max-price"] {
        assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
    }
    assert_eq!(ran.json()["which"], "per_request");
    let ran = pay(&home, &fair, &["--max-per-day", "899 sat"]).expect(11);
    assert_eq!(ran.json()["which"], "per_day");
    let ran = pay(&home, &fair, &["--budget", "nobody"]).expect(64);
    assert!(ran.stderr.contains("there are: default"), "{ran:#?}");
    assert_eq!((balance(&home), payments(&home).len()), (before, 0));

    home.run(&["budget", "set", "ann", "--per-payee", "1000 sat"])
        .expect(0);
    pay(&home, &fair, &["--budget", "ann"]).expect(0);
    let ran = pay(
        &home,
        &dear,
        &["--budget", "ann", "--max-price", "2000 sat"],
    );
    assert_eq!(ran.expect(11).json()["which"], "per_payee");
    // What is spent by hand is spent for every call.
    let shown = home.run(&["budget", "show", "default"]).expect(0).json();
    assert_eq!(shown["limits"]["per_day"]["spent_msat"], 900_000);
    pay(&home, &dear, &["--max-price", "2000 sat"]).expect(0);
    assert_eq!(balance(&home), before - 2_100_000);

    home.run(&["budget", "stop"]).expect(0);
    let another = invoice(&home, &seller(&home, "1 sat"));
    let ran = pay(&home, &another, &[]).expect(49);
    assert!(ran.stderr.contains("budget resume"), "{ran:#?}");
    // A stop hides nothing that was paid before.
    pay(&home, &fair, &[]).expect(0);
}

#[test]
fn an_invoice_by_hand_keeps_client_toml_and_asks_the_hook() {
    let home = Home::new();
    let seller = seller(&home, "20 sat");
    let bolt11 = invoice(&home, &seller);
    configure(&home, "[limits]\nper_request = \"19 sat\"\n");
    let ran = pay(&home, &bolt11, &["--max-price", "500 sat"]).expect(11);
    assert!(ran.stderr.contains("client.toml"), "{ran:#?}");
    let asked = home.path().join("asked");
    let hook = |answer: &str| {
        let text = format!("#!/bin/sh\ncat > {}\necho '{answer}'\n", asked.display());
        let hook = home.file("hook", &text);
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o700)).expect("a mode");
        configure(
            &home,
            &format!("[hook]\ncommand = [\"{}\"]\n", hook.display()),
        );
    };
    hook(r#"{"decision":"deny","reason":"not today"}"#);
    let ran = pay(&home, &bolt11, &[]).expect(50);
    for words in ["not today", "no money moved"] {
        assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
    }
    let proposal = std::fs::read_to_string(&asked).expect("it was asked");
    let proposal: Value = serde_json::from_str(&proposal).expect("JSON");
    assert_eq!(proposal["protocol"], "invoice");
    let payee = proposal["payee"].as_str().expect("a key");
    assert_eq!(proposal["destination_or_url"], format!("lightning:{payee}"));
    hook(r#"{"decision":"allow"}"#);
    pay(&home, &bolt11, &[]).expect(0);
}

/// A row like any other, without a token and without an answer.
#[test]
fn an_invoice_by_hand_stands_in_the_journal() {
    let home = Home::new();
    let bolt11 = invoice(&home, &seller(&home, "30 sat"));
    let paid = pay(&home, &bolt11, &[]).expect(0);
    let again = pay(&home, &bolt11, &[]).expect(0);
    assert_eq!(paid.json(), again.json());
    assert!(again.stderr.contains("paid before"), "{again:#?}");
    assert!(!paid.stderr.contains("paid before"), "{paid:#?}");
    let rows = payments(&home);
    let [row] = rows.as_slice() else {
        panic!("{rows:?}");
    };
    let origin = row["origin"].as_str().expect("a place");
    assert!(
        origin.starts_with("lightning:0") && origin.len() == 76,
        "{row}"
    );
    assert_eq!(
        (&row["url"], &row["path"], &row["state"], &row["paid_msat"]),
        (&row["origin"], &"".into(), &"served".into(), &30_000.into())
    );
    let preimage = paid.json()["preimage"].as_str().expect("hex").to_owned();
    assert!(!row.to_string().contains(&preimage));
    let id = row["payment_hash"].as_str().expect("a hash");
    let tokens = home.run(&["tokens", "list", "--ended"]).expect(0);
    assert_eq!(tokens.json(), Value::Array(Vec::new()));
    for args in [&["tokens", "show", id][..], &["tokens", "export", id]] {
        let ran = home.run(args).expect(64);
        assert!(ran.stderr.contains("no token comes of one"), "{ran:#?}");
    }
    let ran = home.run(&["payments", "resume", id]).expect(64);
    assert!(ran.stderr.contains("nothing to fetch"), "{ran:#?}");
    home.run(&["replay", id]).expect(74);
}

/// ATTACKS C-19, for an invoice.
#[test]
fn an_unknown_invoice_is_resolved_and_not_paid_again() {
    let home = Home::new();
    let bolt11 = invoice(&home, &seller(&home, "30 sat"));
    let before = balance(&home);
    let mut faulty = home.serve(&[
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--fault",
        "ends-mid-payment",
    ]);
    let ran = pay(&home, &bolt11, &[]).expect(14).json();
    assert_eq!(
        (&ran["status"], &ran["paid_msat"]),
        (&"unknown".into(), &0.into())
    );
    assert_eq!(payments(&home)[0]["state"], "unknown");
    faulty.end();
    let resolve = ["payments", "resolve", "--wallet", "sandbox"];
    let ran = home.run(&resolve).expect(0).json();
    assert_eq!(ran[0]["state"], "served");
    assert_eq!(
        pay(&home, &bolt11, &[]).expect(0).json()["status"],
        "settled"
    );
    assert_eq!(balance(&home), before - 30_000);
}

#[test]
fn a_preimage_that_proves_nothing_is_printed_for_a_claim() {
    let home = Home::new();
    let bolt11 = invoice(&home, &seller(&home, "30 sat"));
    let _faulty = home.serve(&[
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--fault",
        "lies-about-preimage",
    ]);
    for _ in 0..2 {
        let ran = pay(&home, &bolt11, &[]).expect(16).json();
        assert_eq!(ran["status"], "settled_without_proof");
        assert_eq!(ran["preimage"].as_str().map(str::len), Some(64));
        assert_eq!(ran["paid_msat"], 30_000);
    }
}

/// Four processes, one invoice, at the same time.
#[test]
fn processes_that_pay_the_same_invoice_pay_it_once() {
    let home = Home::new();
    let seller = seller(&home, "30 sat");
    let before = balance(&home);
    for round in 1..=3 {
        let bolt11 = invoice(&home, &seller);
        let started: Vec<_> = (0..4)
            .map(|_| {
                let mut command = home.command(&["wallet", "pay", &bolt11]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                command.spawn().expect("the program starts")
            })
            .collect();
        let ended = started.into_iter().map(|child| {
            let ran = Ran::of(child.wait_with_output().expect("it ends"));
            ran.expect(0).json()["preimage"].clone()
        });
        let mut preimages: Vec<_> = ended.map(|preimage| preimage.to_string()).collect();
        preimages.dedup();
        assert_eq!(preimages.len(), 1);
        assert_eq!(balance(&home), before - 30_000 * round);
    }
    assert_eq!(payments(&home).len(), 3);
}

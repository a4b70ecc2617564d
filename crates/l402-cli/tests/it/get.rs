//! `l402 get`: curl's flags, and money.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use serde_json::Value;

use crate::program::{Home, Serving};

fn demo(home: &Home) -> Serving {
    home.serve(&["demo", "--listen", "127.0.0.1:0"])
}

fn balance(home: &Home) -> u64 {
    let json = home.run(&["wallet", "balance"]).expect(0).json();
    json["balance_msat"].as_u64().expect("a balance")
}

#[test]
fn without_a_wallet_it_says_what_to_type_and_moves_no_money() {
    let home = Home::new();
    let demo = demo(&home);
    let (url, before) = (demo.url("/api/l402/joke"), balance(&home));
    let ran = home.run(&["get", &url]).expect(10);
    assert!(ran.stdout.is_empty(), "{ran:#?}");
    for words in [
        "50 sat",
        "no money moved",
        &format!("get {url} --wallet sandbox"),
    ] {
        assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
    }
    assert_eq!(balance(&home), before);
    // Also those who want silence hear about money.
    let ran = home.run(&["get", "-s", &url]).expect(10);
    assert!(ran.stderr.contains("--wallet sandbox"), "{ran:#?}");
}

#[test]
fn with_a_wallet_the_body_and_nothing_else_goes_to_stdout() {
    let home = Home::new();
    let demo = demo(&home);
    let before = balance(&home);
    let receipt = home.path().join("receipt.json");
    let receipt_path = receipt.to_str().expect("a path");
    let url = demo.url("/api/l402/joke");
    let ran = home
        .run(&[
            "get",
            &url,
            "--wallet",
            "sandbox",
            "--receipt",
            receipt_path,
        ])
        .expect(0);
    assert!(ran.json()["joke"].is_string());
    assert!(ran.stderr.contains("paid 50 sat"), "{ran:#?}");
    let spent = before - balance(&home);
    assert!(spent >= 50_000);
    let receipt: Value =
        serde_json::from_str(&std::fs::read_to_string(receipt).expect("a receipt")).expect("JSON");
    assert_eq!(receipt["price_msat"], 50_000);
    assert_eq!(receipt["url"], url);
    let listed = home.run(&["payments", "--limit", "1"]).expect(0).json();
    assert_eq!(listed[0]["payment_hash"], receipt["payment_hash"]);
    assert_eq!(listed[0]["paid_msat"], spent);
    assert_eq!(listed[0]["state"], "served");
    let unknown = home
        .run(&["payments", "--state", "unknown"])
        .expect(0)
        .json();
    assert_eq!(unknown, serde_json::json!([]));
}

#[test]
fn a_dry_run_shows_the_price_and_pays_nothing() {
    let home = Home::new();
    let demo = demo(&home);
    let before = balance(&home);
    let quote = home
        .run(&["get", &demo.url("/api/l402/quote"), "--dry-run"])
        .expect(0)
        .json();
    assert_eq!(quote["price_msat"], 10_000);
    assert_eq!(quote["payment_required"], true);
    assert_eq!(quote["within_max_price"], true);
    let free = home
        .run(&["get", &demo.url("/health"), "--dry-run"])
        .expect(0)
        .json();
    assert_eq!(free["payment_required"], false);
    assert_eq!(balance(&home), before);
}

#[test]
fn beyond_a_limit_nothing_is_paid() {
    let home = Home::new();
    let demo = demo(&home);
    let (url, before) = (demo.url("/api/l402/joke"), balance(&home));
    for limit in [["--max-price", "49 sat"], ["--max-per-day", "49 sat"]] {
        let args = [&["get", &url, "--wallet", "sandbox"][..], &limit].concat();
        let ran = home.run(&args).expect(11);
        assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
        assert!(ran.stderr.contains(limit[0]), "{ran:#?}");
    }
    assert_eq!(balance(&home), before);
}

#[test]
fn a_failing_wallet_costs_nothing_and_has_its_own_code() {
    let home = Home::new();
    let demo = demo(&home);
    let url = demo.url("/api/l402/joke");
    let _faulty = home.serve(&["sandbox", "--listen", "127.0.0.1:0", "--fault", "fails"]);
    let ran = home.run(&["get", &url, "--wallet", "sandbox"]).expect(13);
    assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
}

#[test]
fn a_payment_nobody_knows_about_is_not_made_twice() {
    let home = Home::new();
    let demo = demo(&home);
    let (url, before) = (demo.url("/api/l402/joke"), balance(&home));
    let faulty = home.serve(&[
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--fault",
        "ends-mid-payment",
    ]);
    let args = [
        "get",
        &url,
        "--wallet",
        "sandbox",
        "--payment-timeout",
        "1s",
    ];
    let first = home.run(&args);
    assert!(matches!(first.status, Some(0 | 14)), "{first:#?}");
    drop(faulty);
    home.run(&["get", &url, "--wallet", "sandbox"]).expect(0);
    let spent = before - balance(&home);
    let once = if first.status == Some(14) {
        50_000..100_000
    } else {
        100_000..150_000
    };
    assert!(once.contains(&spent), "{spent}");
}

#[test]
fn the_flags_of_curl_mean_what_they_mean_to_curl() {
    let home = Home::new();
    let demo = demo(&home);
    let (free, missing) = (demo.url("/health"), demo.url("/nothing-here"));
    let ran = home.run(&["get", "-i", &free]).expect(0);
    assert!(ran.stdout.starts_with("HTTP/1.1 200 OK\r\n"), "{ran:#?}");
    let (head, body) = ran.stdout.split_once("\r\n\r\n").expect("head and body");
    assert!(head.contains("content-type: application/json"), "{head}");
    let size = body.len().to_string();

    let out = home.path().join("out");
    let path = out.to_str().expect("a path");
    let format = "%{http_code} %{size_download} %{content_type} %{url_effective}\\n";
    let ran = home
        .run(&["get", "-s", "-o", path, "-w", format, &free])
        .expect(0);
    assert_eq!(ran.stdout, format!("200 {size} application/json {free}\n"));
    assert!(ran.stderr.is_empty(), "{ran:#?}");
    assert_eq!(std::fs::read_to_string(&out).expect("the file"), body);

    let ran = home.run(&["get", &missing]).expect(0);
    assert!(ran.stdout.contains("no_route"), "{ran:#?}");
    let ran = home.run(&["get", "--fail", &missing]).expect(22);
    assert!(
        ran.stdout.is_empty() && ran.stderr.contains("404"),
        "{ran:#?}"
    );
    let ran = home.run(&["get", "--fail", "-s", &missing]).expect(22);
    assert!(ran.stderr.is_empty(), "{ran:#?}");
    // The method is what the flags say: the free page takes no POST.
    let ran = home
        .run(&["get", "-d", "x", "-w", "%{http_code}", &free])
        .expect(0);
    assert!(ran.stdout.ends_with("405"), "{ran:#?}");
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let home = Home::new();
    // Port 1 of this machine: nobody listens there.
    let ran = home.run(&["get", "http://127.0.0.1:1/"]).expect(69);
    assert!(ran.stderr.starts_with("error[transport]: "), "{ran:#?}");
    let out = home.path().join("out");
    home.run(&[
        "get",
        "-o",
        out.to_str().expect("a path"),
        "http://127.0.0.1:1/",
    ])
    .expect(69);
    assert!(!out.exists());
}

#[test]
fn files_that_cannot_be_written_are_found_before_money_moves() {
    let home = Home::new();
    let demo = demo(&home);
    let (url, before) = (demo.url("/api/l402/joke"), balance(&home));
    for flag in ["-o", "--receipt"] {
        let path = home.path().join("no/such/folder/file");
        let path = path.to_str().expect("a path");
        home.run(&["get", &url, "--wallet", "sandbox", flag, path])
            .expect(74);
    }
    assert_eq!(balance(&home), before);
}

#[test]
fn a_failure_leaves_the_old_file_as_it_was() {
    let home = Home::new();
    let demo = demo(&home);
    let missing = demo.url("/nothing-here");
    let old = home.file("old", "before");
    let new = home.path().join("new");
    for path in [&old, &new] {
        let path = path.to_str().expect("a path");
        home.run(&["get", "--fail", "-o", path, &missing])
            .expect(22);
    }
    assert_eq!(std::fs::read_to_string(old).expect("the file"), "before");
    assert!(!new.exists());
}

#[test]
fn a_hyphen_is_stdout() {
    let home = Home::new();
    let demo = demo(&home);
    let free = demo.url("/health");
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = home.command(&["get", "-o", "-", &free]);
    let output = command.current_dir(folder.path()).output();
    let output = output.expect("the program starts");
    assert!(
        output.status.success() && !output.stdout.is_empty(),
        "{output:?}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).expect("it").count(), 0);
}

#[test]
fn a_failure_that_was_paid_for_is_told_even_to_who_wants_silence() {
    let home = Home::new();
    let demo = demo(&home);
    let upstream = demo.url("");
    let shop = home.serve(&[
        "serve",
        "--upstream",
        &upstream,
        "--price",
        "7 sat",
        "--listen",
        "127.0.0.1:0",
    ]);
    let url = shop.url("/nothing-here");
    let ran = home
        .run(&["get", "-sf", &url, "--wallet", "sandbox"])
        .expect(22);
    for words in ["404", "7 sat", "does not pay twice"] {
        assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
    }
    assert!(!ran.stderr.contains("no money moved"), "{ran:#?}");
    let before = balance(&home);
    // The second run pays nothing, so there is nothing to tell.
    let ran = home
        .run(&["get", "-sf", &url, "--wallet", "sandbox"])
        .expect(22);
    assert!(ran.stderr.is_empty(), "{ran:#?}");
    assert_eq!(balance(&home), before);
}

/// Takes one request, answers it, and returns its body.
fn take_one(listener: &TcpListener) -> Vec<u8> {
    let (mut socket, _) = listener.accept().expect("a request");
    let mut reader = BufReader::new(socket.try_clone().expect("a socket"));
    let (mut len, mut line) = (0, String::new());
    while reader.read_line(&mut line).expect("a line") > 2 {
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            len = text.trim().parse().expect("a length");
        }
        line.clear();
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body).expect("the body");
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    socket.write_all(answer).expect("a client");
    body
}

#[test]
fn a_long_body_comes_from_a_file_or_stdin_and_is_not_kept() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let text = "a long line\r\n".repeat(250_000);
    let file = home.path().join("body");
    std::fs::write(&file, &text).expect("a file");
    let named = format!("@{}", file.display());
    for (flags, expected) in [
        (["--json", "@-"], text.clone()),
        (["--json", &named], text.clone()),
        (["-d", &named], text.replace("\r\n", "")),
    ] {
        let (args, body) = std::thread::scope(|scope| {
            let taken = scope.spawn(|| take_one(&listener));
            let args = [&["get", &url], &flags[..]].concat();
            home.run_with_stdin(&args, if flags[1] == "@-" { &text } else { "" })
                .expect(0);
            (args, taken.join().expect("a body"))
        });
        assert!(body == expected.as_bytes(), "{args:?}: {}", body.len());
    }
    let kept = home.path().join("home/client/spool").read_dir();
    assert_eq!(kept.expect("the spool was used").count(), 0);
}

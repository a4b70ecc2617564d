//! Where the answer of `get` goes, how an error is told, and where flags may come from.

use std::path::Path;

use serde_json::Value;

use crate::program::{Home, Ran, Serving};
use crate::stranger::server;

/// A shop for 7 sat. Its answer wants to be saved as `name`.
fn sell(home: &Home, name: &'static str) -> Serving {
    let upstream = server(move |_| {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-disposition: attachment; filename=\"{name}\"\r\n\
             content-length: 4\r\nconnection: close\r\n\r\nhere"
        )
    });
    home.sell(&format!("http://{upstream}"))
}

fn balance(home: &Home) -> Value {
    home.run(&["wallet", "balance"]).expect(0).json()["balance_msat"].clone()
}

fn run_in(home: &Home, folder: &Path, args: &[&str]) -> Ran {
    let mut command = home.command(args);
    Ran::of(command.current_dir(folder).output().expect("it starts"))
}

/// ATTACKS C-28.
#[test]
fn a_name_of_a_paid_answer_overwrites_nothing_and_the_answer_is_kept() {
    let home = Home::new();
    let shop = sell(&home, "../../a.txt");
    let (folder, other) = (tempfile::tempdir(), tempfile::tempdir());
    let (folder, other) = (folder.expect("a folder"), other.expect("a folder"));
    std::fs::write(folder.path().join("a.txt"), "mine").expect("a file");
    let get = ["get", "-OJ", &shop.url("/x"), "--wallet", "sandbox"];
    let ran = run_in(&home, folder.path(), &get).expect(74);
    assert!(ran.stderr.contains("a.txt cannot be written"), "{ran:#?}");
    assert!(!ran.stderr.contains("no money moved"), "{ran:#?}");
    let held = std::fs::read_to_string(folder.path().join("a.txt"));
    assert_eq!(held.expect("the file"), "mine");
    let paid = balance(&home);
    let ran = run_in(&home, other.path(), &get).expect(0);
    assert!(ran.stderr.contains("saved as a.txt"), "{ran:#?}");
    let held = std::fs::read_to_string(other.path().join("a.txt"));
    assert_eq!(held.expect("the file"), "here");
    assert_eq!(balance(&home), paid);
}

#[test]
fn a_paid_answer_that_is_too_long_is_had_by_the_next_run() {
    let home = Home::new();
    let shop = sell(&home, "x");
    let url = shop.url("/x");
    let get = |most: &str| home.run(&["get", "--max-filesize", most, &url, "--wallet", "sandbox"]);
    let ran = get("3").expect(15);
    assert!(ran.stderr.contains("--max-filesize"), "{ran:#?}");
    assert!(
        ran.stdout.is_empty() && !ran.stderr.contains("no money moved"),
        "{ran:#?}"
    );
    let paid = balance(&home);
    assert_eq!(get("4").expect(0).stdout, "here");
    assert_eq!(balance(&home), paid);
}

#[test]
fn a_body_without_a_length_is_cut_at_the_longest() {
    let home = Home::new();
    let url = server(|_| "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhere".to_owned());
    let url = format!("http://{url}/");
    let ran = home.run(&["get", "--max-filesize", "3", &url]).expect(74);
    assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
    home.run(&["get", "--max-filesize", "4", &url]).expect(0);
}

#[test]
fn folders_that_are_made_for_an_answer_are_gone_without_one() {
    let home = Home::new();
    let path = home.path().join("a/b/c");
    let path = path.to_str().expect("a path");
    let get = ["get", "--create-dirs", "-o", path, "http://127.0.0.1:1/"];
    home.run(&get).expect(69);
    assert!(!home.path().join("a").exists());
}

fn error(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stderr).unwrap_or_else(|_| panic!("not JSON alone: {ran:#?}"))
}

#[test]
fn an_error_is_told_as_json_where_that_is_wanted() {
    let home = Home::new();
    let shop = sell(&home, "x");
    let url = shop.url("/x");
    let json = ["get", "-s", "--error-format", "json", &url];
    let run = |flags: &[&str]| home.run(&[&json[..], flags].concat());
    let ran = run(&["--wallet", "sandbox", "--max-price", "5 sat"]).expect(11);
    let told = error(&ran);
    assert_eq!(told["error"], "over_budget");
    assert_eq!(told["exit_code"], 11);
    assert_eq!(told["no_money_moved"], true);
    assert_eq!(told["which"], "per_request");
    assert_eq!(told["limit"], "5 sat");
    assert_eq!(told["limit_msat"], 5000);
    assert_eq!(told["spent_msat"], 0);
    assert_eq!(told["frees"], Value::Null);
    assert!(ran.stdout.is_empty(), "{ran:#?}");
    // What is spent, and when it frees.
    run(&["--wallet", "sandbox"]).expect(0);
    let day = [
        "--wallet",
        "sandbox",
        "--max-per-day",
        "20 sat",
        "--max-fee",
        "0 sat",
    ];
    run(&day).expect(0);
    let told = error(&run(&day).expect(11));
    assert_eq!(told["which"], "per_day");
    assert_eq!(told["spent_msat"], 14_000);
    assert_eq!(told["limit_msat"], 20_000);
    assert!(
        told["frees"].as_str().is_some_and(|at| at.ends_with('Z')),
        "{told}"
    );
    // Every kind of error, those of the command line included.
    let told = error(
        &home
            .run(&["get", "--error-format=json", "http://127.0.0.1:1/"])
            .expect(69),
    );
    assert_eq!(told["error"], "transport");
    let told = error(&run(&["--nonsense"]).expect(64));
    assert_eq!(told["error"], "usage");
    let text = home.run(&["get", "http://127.0.0.1:1/"]).expect(69);
    assert!(text.stderr.starts_with("error[transport]: "), "{text:#?}");
}

#[test]
fn flags_come_from_a_file_and_from_stdin() {
    let home = Home::new();
    let url = server(|asked| {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{asked}",
            asked.len()
        )
    });
    let flags = format!("# a remark\nurl = \"http://{url}/x\"\nrequest: PUT\n");
    let ran = home.run_with_stdin(&["get", "-K", "-"], &flags).expect(0);
    assert_eq!(ran.stdout, "PUT /x");
    // Of a flag that is given twice, the last counts.
    let file = home.file("flags", &flags);
    let file = file.to_str().expect("a path");
    assert_eq!(
        home.run(&["get", "-K", file, "-X", "DELETE"])
            .expect(0)
            .stdout,
        "DELETE /x"
    );
    assert_eq!(
        home.run(&["get", "-X", "DELETE", "-sK", file])
            .expect(0)
            .stdout,
        "PUT /x"
    );
    for (text, words) in [("hedaer = \"a: secret\"", "hedaer"), ("next", "next")] {
        let ran = home.run_with_stdin(&["get", "-K", "-"], text).expect(64);
        assert!(
            ran.stderr.contains(words) && !ran.stderr.contains("secret"),
            "{ran:#?}"
        );
    }
    let ran = home.run(&["get", "-K", "/no/such/file"]).expect(74);
    assert!(
        ran.stderr.contains("/no/such/file cannot be read"),
        "{ran:#?}"
    );
}

#[test]
fn a_flag_of_curl_that_is_not_built_has_a_way_round() {
    let home = Home::new();
    for (flag, words) in [
        ("-Z", "one URL a call"),
        ("--socks5-hostname=h:1", "`-x` takes every kind of proxy"),
        ("--ntlm", "Authorization"),
    ] {
        let ran = home.run(&["get", flag, "http://127.0.0.1:1/"]).expect(64);
        let hint = ran.stderr.lines().find(|line| line.starts_with("hint: "));
        assert!(hint.is_some_and(|hint| hint.contains(words)), "{ran:#?}");
    }
    let ran = home
        .run(&["get", "--nonsense", "http://127.0.0.1:1/"])
        .expect(64);
    assert!(!ran.stderr.contains("curl"), "{ran:#?}");
}

#[test]
fn the_log_has_a_flag_of_its_own_on_every_command() {
    let home = Home::new();
    let url = server(|_| "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned());
    let url = format!("http://{url}/");
    for args in [
        &["--log", "error", "wallet", "list"][..],
        &["get", &url, "--log", "info"],
    ] {
        home.run(args).expect(0);
    }
    for args in [
        &["wallet", "list", "-v"][..],
        &["wallet", "list", "--log", "loud"],
    ] {
        home.run(args).expect(64);
    }
}

//! `l402 get` with a login of the caller's own, where money is asked.

use std::process::Command;
use std::sync::{Arc, Mutex};

#[cfg(target_os = "linux")]
use crate::program::{AtTerminal, copy_environment};
use crate::program::{Home, Ran};
use crate::seller::Seller;
use crate::stranger::{server, server_of_heads};

const WALLET: [&str; 2] = ["--wallet", "sandbox"];

const LOGIN: &str = "Basic bWU6aHVzaA==";

/// Each way to have a login, for a server on this machine.
fn ways(home: &Home) -> Vec<Vec<String>> {
    let netrc = home.file("netrc", "machine 127.0.0.1 login me password hush\n");
    let netrc = netrc.to_str().expect("a path");
    [
        &["-u", "me:hush"][..],
        &["--netrc-file", netrc],
        &["-H", "Authorization: Basic bWU6aHVzaA=="],
    ]
    .iter()
    .map(|flags| flags.iter().map(|flag| (*flag).to_owned()).collect())
    .collect()
}

#[test]
fn a_login_stays_and_the_credential_goes_beside_it() {
    let home = Home::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = Arc::clone(&heard);
    let upstream = server_of_heads(move |head| {
        hearing.lock().expect("no panic").push(head.to_owned());
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nhere".to_owned()
    });
    let upstream = format!("http://{upstream}");
    let shop = home.sell(&upstream);
    for (at, way) in ways(&home).iter().enumerate() {
        let way: Vec<_> = way.iter().map(String::as_str).collect();
        let url = shop.url(&format!("/{at}"));
        let ran = home.run(&[&["get", &url][..], &WALLET, &way].concat());
        let ran = ran.expect(0);
        assert_eq!(ran.stdout, "here");
        assert!(!ran.stderr.contains("hush"), "{ran:#?}");
        let heads = std::mem::take(&mut *heard.lock().expect("no panic"));
        assert_eq!(heads.len(), 1, "{heads:?}");
        assert!(heads[0].contains(LOGIN), "{heads:?}");
        assert!(!heads[0].to_lowercase().contains("l402 "), "{heads:?}");
    }
    let paid = home.run(&["payments"]).expect(0).json();
    assert_eq!(paid.as_array().expect("rows").len(), 3, "{paid}");
}

#[test]
fn a_seller_who_would_not_read_it_is_not_paid() {
    let home = Home::new();
    let seller = Seller::open(&home, "HTTP/1.1 200 OK\r\n", b"an answer");
    let url = seller.url("/x");
    for way in ways(&home) {
        let way: Vec<_> = way.iter().map(String::as_str).collect();
        for price in [&[][..], &["--dry-run"]] {
            let ran = home.run(&[&["get", &url][..], &WALLET, &way, price].concat());
            let ran = ran.expect(46);
            for words in ["authorization_taken", "no money moved", "-u, -n"] {
                assert!(ran.stderr.contains(words), "{words}: {ran:#?}");
            }
        }
    }
    assert_eq!((seller.seen(), seller.income()), ((6, 0), 0));
    // What was bought without a login is not presented in its place.
    let bare = [&["get", &url][..], &WALLET].concat();
    assert_eq!(home.run(&bare).expect(0).stdout, "an answer");
    home.run(&[&bare[..], &["-u", "me:hush"]].concat())
        .expect(46);
    assert_eq!((seller.seen().1, seller.income()), (1, 50_000));
}

/// A pipe is no terminal, and what comes through it is no password.
#[cfg(target_os = "linux")]
#[test]
fn a_password_is_asked_for_at_a_terminal_alone() {
    let home = Home::new();
    let heard = Arc::new(Mutex::new(String::new()));
    let hearing = Arc::clone(&heard);
    let address = server_of_heads(move |head| {
        *hearing.lock().expect("no panic") = head.to_owned();
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
    });
    let url = format!("http://{address}/");
    let args = ["get", "-u", "me", &url];
    let program = home.command(&args);
    // In a session of its own, a process has no terminal.
    let mut alone = Command::new("setsid");
    alone.arg("--wait").arg(program.get_program()).args(args);
    copy_environment(&program, &mut alone);
    let ran = Ran::of(
        alone
            .stdin(std::process::Stdio::null())
            .output()
            .expect("setsid"),
    );
    let ran = ran.expect(64);
    assert!(ran.stderr.contains("-u NAME:PASSWORD"), "{ran:#?}");
    assert!(heard.lock().expect("no panic").is_empty());
    let mut terminal = AtTerminal::start(&home, &args);
    // The echo is off once the question stands there.
    terminal.answer("user 'me':", "hush");
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(0), "{shown}");
    assert!(!shown.contains("hush"), "{shown}");
    let head = heard.lock().expect("no panic").clone();
    assert!(head.contains(LOGIN), "{head}");
}

/// ATTACKS C-12.
#[test]
fn a_login_does_not_go_to_another_origin() {
    let home = Home::new();
    let heard = Arc::new(Mutex::new(String::new()));
    let hearing = Arc::clone(&heard);
    let other = server_of_heads(move |head| {
        *hearing.lock().expect("no panic") = head.to_owned();
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nhere".to_owned()
    });
    let first = server(move |_| {
        format!(
            "HTTP/1.1 302 Found\r\nlocation: http://{other}/\r\ncontent-length: 0\r\n\
             set-cookie: a=1\r\nconnection: close\r\n\r\n"
        )
    });
    let url = format!("http://{first}/");
    for way in ways(&home) {
        let way: Vec<_> = way.iter().map(String::as_str).collect();
        let args = [&["get", "-L", "-b", "t=2", &url][..], &way].concat();
        assert_eq!(home.run(&args).expect(0).stdout, "here");
        let head = heard.lock().expect("no panic").to_lowercase();
        assert!(!head.contains("authorization"), "{head}");
        // Another port of the same host is another origin, and a text of `-b` is for the first.
        assert!(!head.contains("t=2"), "{head}");
    }
}

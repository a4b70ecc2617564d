//! `l402 get` where it should do what curl does.

mod answers;
mod parity;
mod rows_request;
mod rows_transport;
mod server;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

#[cfg(unix)]
use crate::program::copy_environment;
use crate::program::{Home, Ran};
use crate::stranger::server;

/// Runs `get` with these flags, and returns the head of its request in lower case.
fn heard(flags: &[&str]) -> String {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let taken = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a request");
        let mut reader = BufReader::new(socket.try_clone().expect("a socket"));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head).expect("a line");
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        socket.write_all(answer).expect("a client");
        head
    });
    let args = [&["get", &url], flags].concat();
    home.run(&args).expect(0);
    taken.join().expect("a head").to_lowercase()
}

// FAULTS T5: of a flag that is given twice the last one counts.
#[test]
fn the_last_of_a_flag_counts() {
    let head = heard(&[
        "-s", "-s", "-L", "-L", "-X", "PUT", "-X", "DELETE", "-A", "a", "-A", "b",
    ]);
    assert!(head.starts_with("delete / "), "{head}");
    assert!(head.contains("\r\nuser-agent: b\r\n"), "{head}");
    // But what may be given several times is joined.
    let head = heard(&["-d", "a", "-d", "b", "-H", "x-a: 1", "-H", "x-a: 2"]);
    assert!(head.contains("\r\ncontent-length: 3\r\n"), "{head}");
    assert_eq!(head.matches("\r\nx-a: ").count(), 2, "{head}");
    // A limit, too: an alias may set one, and who types another means it.
    heard(&[
        "--max-price",
        "1 sat",
        "--max-price",
        "2 sat",
        "-m",
        "0.001",
        "-m",
        "60",
    ]);
}

// FAULTS T6: "Name:" takes a header away.
#[test]
fn a_default_header_is_taken_away() {
    let plain = heard(&[]);
    for (flag, name) in [
        ("User-Agent:", "\r\nuser-agent:"),
        ("Accept-Authenticate:", "\r\naccept-authenticate:"),
    ] {
        assert!(plain.contains(name), "{plain}");
        let head = heard(&["-H", flag]);
        assert!(!head.contains(name), "{head}");
    }
    // Sent as what it means: anything is taken.
    assert!(heard(&["--json", "{}", "-H", "Accept:"]).contains("\r\naccept: */*\r\n"));
}

// FAULTS T8: empty values mean what they mean to curl.
#[test]
fn empty_values_are_those_of_curl() {
    let head = heard(&["-d", ""]);
    assert!(head.starts_with("post / "), "{head}");
    assert!(head.contains("\r\ncontent-length: 0\r\n"), "{head}");
    assert!(!heard(&["-A", ""]).contains("\r\nuser-agent:"));
    assert!(heard(&["-H", "X-Empty;"]).contains("\r\nx-empty: \r\n"));
    // No limit of time.
    heard(&["-m", "0"]);
}

#[test]
fn a_variable_that_there_is_not_is_told() {
    let home = Home::new();
    let address = server(|_| "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned());
    let url = format!("http://{address}/");
    let format = "%{nothing}%{http_code}%{no}";
    let ran = home.run(&["get", "-s", &url, "-w", format]).expect(0);
    assert_eq!(ran.stdout, "200");
    for name in ["nothing", "no"] {
        let line = format!("unknown --write-out variable: '{name}'\n");
        assert!(ran.stderr.contains(&line), "{ran:#?}");
    }
}

// FAULTS T7: heads as they came, of redirects, too.
#[test]
fn heads_are_shown_as_they_came() {
    let home = Home::new();
    let address = server(|asked| match asked {
        "GET /old" => "HTTP/1.1 302 Moved For Now\r\nLocation: /new\r\ncontent-length: 5\r\n\
                       connection: close\r\n\r\nmoved"
            .to_owned(),
        _ => "HTTP/1.1 200 Fine\r\nX-B: 1\r\nX-B: 2\r\ncontent-length: 4\r\nconnection: close\r\n\
              \r\nhere"
            .to_owned(),
    });
    let url = format!("http://{address}/old");
    let ran = home.run(&["get", "-iL", &url]).expect(0);
    let new = "HTTP/1.1 200 Fine\r\nx-b: 1\r\nx-b: 2\r\ncontent-length: 4\r\nconnection: close\r\n\
               \r\nhere";
    let old = "HTTP/1.1 302 Moved For Now\r\nlocation: /new\r\ncontent-length: 5\r\n\
               connection: close\r\n\r\n";
    assert_eq!(ran.stdout, format!("{old}{new}"));
    let ran = home.run(&["get", "-i", &url]).expect(0);
    assert_eq!(ran.stdout, format!("{old}moved"));
}

/// Each failure of a run that paid nothing.
fn failures(home: &Home) -> Vec<Ran> {
    let address = server(|asked| {
        match asked {
            "GET /half" => "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nhalf",
            _ => "HTTP/1.1 404 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        }
        .to_owned()
    });
    let half = format!("http://{address}/half");
    let none = format!("http://{address}/none");
    let missing = home.path().join("no/such/file");
    let missing = missing.to_str().expect("a path");
    let body = format!("@{missing}");
    let lines: [&[&str]; 8] = [
        &["get", &none, "-o", missing],
        &["get", &none, "--receipt", missing],
        &["get", &none, "-d", &body],
        &["get", &none, "-H", &body],
        &["get", &none, "-f"],
        &["get", &half],
        &["get", "http://127.0.0.1:1/"],
        &["get", &none, "-X", "A B"],
    ];
    lines.into_iter().map(|args| home.run(args)).collect()
}

// FAULTS T9: where no money moved, the documented words say so.
#[test]
fn each_failure_without_a_payment_says_that_no_money_moved() {
    let home = Home::new();
    let expected = [74, 74, 74, 74, 22, 69, 69, 64];
    for (ran, status) in failures(&home).into_iter().zip(expected) {
        let ran = ran.expect(status);
        assert_eq!(ran.stderr.matches("no money moved").count(), 1, "{ran:#?}");
    }
    // A file in the place of the home folder.
    std::fs::remove_dir_all(home.path().join("home")).expect("a folder");
    home.file("home", "");
    let ran = home.run(&["get", "http://127.0.0.1:1/"]).expect(74);
    assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
}

// FAULTS T10: a paid answer that breaks off says once that it was paid.
#[test]
fn a_paid_answer_that_breaks_off_says_so_once() {
    let home = Home::new();
    let upstream = server(|_| {
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nhalf".to_owned()
    });
    let upstream = format!("http://{upstream}");
    let shop = home.sell(&upstream);
    let ran = home.run(&["get", &shop.url("/x"), "--wallet", "sandbox"]);
    let ran = ran.expect(15);
    assert_eq!(ran.stderr.matches("but not served").count(), 1, "{ran:#?}");
    assert!(!ran.stderr.contains("paid, but"), "{ran:#?}");
    assert!(ran.stderr.contains("does not pay twice"), "{ran:#?}");
}

// FAULTS T20: nothing is bought for a stdout that was closed, and nothing bought before is lost.
#[cfg(unix)]
#[test]
fn nothing_is_bought_for_a_closed_stdout() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let home = Home::new();
    let breaks = std::sync::Arc::new(AtomicBool::new(false));
    let breaking = breaks.clone();
    let upstream = server(move |_| {
        let body = if breaking.load(Ordering::SeqCst) {
            "he"
        } else {
            "here"
        };
        format!("HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\n{body}")
    });
    let upstream = format!("http://{upstream}");
    let shop = home.sell(&upstream);
    let (url, free) = (shop.url("/x"), format!("{upstream}/"));
    let program = home.command(&[]).get_program().to_owned();
    let run_url = |url: &str, redirect: &str| {
        let mut shell = home.command(&[]);
        let line = format!("exec \"$0\" get {url} --wallet sandbox {redirect}");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &line]).arg(&program);
        copy_environment(shell.env("x", ""), &mut command);
        Ran::of(command.output().expect("a shell"))
    };
    let run = |redirect: &str| run_url(&url, redirect);
    let balance = || home.run(&["wallet", "balance"]).expect(0).json()["balance_msat"].clone();
    let before = balance();
    for closed in [">&-", "1<>/dev/null"] {
        let ran = run(closed).expect(74);
        assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
        assert!(ran.stderr.contains("-o /dev/null"), "{ran:#?}");
        assert_eq!(balance(), before);
    }
    // What was bought before and not had stays to be had.
    breaks.store(true, Ordering::SeqCst);
    run("").expect(15);
    breaks.store(false, Ordering::SeqCst);
    let paid = balance();
    run(">&-").expect(74);
    assert_eq!(run("").expect(0).stdout, "here");
    assert_eq!(balance(), paid);
    // What costs nothing is as before, and so is what is thrown away on purpose.
    assert_eq!(run_url(&free, ">&-").status, Some(0));
    run(">/dev/null").expect(0);
    run("-o /dev/null >&-").expect(0);
}

//! The traces of a call that ends before its time: by Ctrl-C, by `-m`, or at a question that nobody
//! answers.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use l402_client::{Client, Journal, Progress, Quote, Request};
use l402_host::SystemClock;
use l402_lightning::{Node, Open};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::program::{Home, Serving};
use crate::stranger::server;

fn demo(home: &Home) -> Serving {
    home.serve(&["demo", "--listen", "127.0.0.1:0"])
}

/// A person who is asked, and never answers.
struct Unanswered(UnboundedSender<()>);

impl Progress for Unanswered {
    fn approve(&self, _quote: &Quote) -> bool {
        let _ = self.0.send(());
        loop {
            std::thread::park();
        }
    }
}

/// Leaves in the journal what a program leaves that is ended while it asks.
fn abandon_the_question(home: &Home, url: &str) {
    let state = home.path().join("home");
    let (asked, mut question) = unbounded_channel();
    let call = async {
        let clock = Arc::new(SystemClock::default());
        let wallet = Node::Sandbox.wallet(Open::new(&state, clock)).await;
        let journal = Journal::open(&state.join("client")).expect("a journal");
        let client = Client::builder(journal)
            .wallet(wallet.expect("a wallet").pay)
            .progress(Arc::new(Unanswered(asked)))
            .build()
            .expect("a client");
        client.send(Request::get(url.parse().expect("a url"))).await
    };
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime");
    runtime.block_on(async {
        tokio::select! {
            outcome = call => panic!("it did not ask: {outcome:?}"),
            asked = question.recv() => asked.expect("it asked"),
        }
    });
    runtime.shutdown_background();
    let left = home.run(&["payments", "--state", "intent"]).expect(0);
    assert_eq!(left.json().as_array().expect("rows").len(), 1, "{left:#?}");
}

#[test]
fn an_abandoned_question_does_not_use_up_the_day() {
    let home = Home::new();
    let demo = demo(&home);
    abandon_the_question(&home, &demo.url("/api/l402/joke"));
    let fortune = demo.url("/api/l402/fortune");
    let limit = ["--max-per-day", "100 sat"];
    let get = ["get", &fortune, "--wallet", "sandbox"];
    home.run(&[&get[..], &limit].concat()).expect(0);
    // What was really paid counts.
    home.run(&[&get[..], &limit].concat()).expect(11);
}

#[test]
fn an_abandoned_question_leaves_the_price_as_it_was_without_a_wallet() {
    let home = Home::new();
    let demo = demo(&home);
    let joke = demo.url("/api/l402/joke");
    abandon_the_question(&home, &joke);
    let ran = home.run(&["get", &joke]).expect(10);
    assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
    home.run(&["get", &joke, "--wallet", "sandbox"]).expect(0);
}

/// A purchase whose wallet takes its time. Ends with the test.
struct Slow {
    child: Child,
    /// The lines on stderr from now on.
    lines: Box<dyn Iterator<Item = String>>,
}

impl Slow {
    /// Returns once the wallet was asked.
    fn purchase(home: &Home, url: &str) -> Self {
        let mut command = home.command(&["get", url, "--wallet", "sandbox"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stderr = child.stderr.take().expect("a pipe");
        let lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let mut this = Self {
            child,
            lines: Box::new(lines),
        };
        assert!(this.lines.any(|line| line == "paying"));
        this
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SLOW: &[&str] = &[
    "sandbox",
    "--listen",
    "127.0.0.1:0",
    "--fault",
    "slow=50000",
];

#[test]
fn the_time_given_bounds_the_payment_and_nothing_is_lost() {
    let home = Home::new();
    let demo = demo(&home);
    let joke = demo.url("/api/l402/joke");
    let mut slow = home.serve(SLOW);
    let get = ["get", &joke, "--wallet", "sandbox"];
    let ran = home.run(&[&get[..], &["-m", "2"]].concat()).expect(14);
    assert!(ran.stderr.contains("not over after 2s"), "{ran:#?}");
    assert!(!ran.stderr.contains("no money moved"), "{ran:#?}");
    slow.end();
    home.run(&get).expect(0);
    let rows = home.run(&["payments"]).expect(0).json();
    let joke = |row: &&serde_json::Value| row["path"] == "/api/l402/joke";
    let jokes: Vec<_> = rows.as_array().expect("rows").iter().filter(joke).collect();
    assert_eq!(jokes.len(), 2, "the demo's own, and the one: {rows}");
}

// FAULTS C14: the words and the code of 14, for Ctrl-C and for SIGTERM.
#[cfg(unix)]
#[test]
fn a_signal_during_a_payment_says_that_nobody_knows() {
    for name in ["INT", "TERM"] {
        let home = Home::new();
        let seller = crate::seller::Seller::open(&home, "HTTP/1.1 200 OK\r\n", b"an answer");
        let url = seller.url("/x");
        let mut slow = home.serve(SLOW);
        let mut purchase = Slow::purchase(&home, &url);
        // The sandbox moves the money, and then waits. A wallet that was killed before it wrote the
        // payment down has no record, and the next run could not go on yet.
        let is_recorded = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            seller.income() == 50_000
        });
        assert!(is_recorded, "{name}: the wallet was not asked");
        crate::program::signal(name, purchase.child.id());
        let status = purchase.child.wait().expect("it ends");
        let stderr: Vec<String> = purchase.lines.by_ref().collect();
        let stderr = stderr.join("\n");
        assert_eq!(status.code(), Some(14), "{name}: {stderr}");
        for words in ["nobody knows", "do not pay again by other means"] {
            assert!(stderr.contains(words), "{words}: {stderr}");
        }
        assert!(!stderr.contains("no money moved"), "{stderr}");
        // The payment itself is made, or found out, by the next run.
        slow.end();
        home.run(&["get", &url, "--wallet", "sandbox"]).expect(0);
        assert_eq!(seller.income(), 50_000);
    }
}

// FAULTS C14: before a payment, the status of shells and no doubt about money.
#[cfg(unix)]
#[test]
fn a_signal_before_a_payment_says_that_no_money_moved() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let home = Home::new();
        let (asked, request) = std::sync::mpsc::channel();
        let address = server(move |_| {
            let _ = asked.send(());
            loop {
                std::thread::park();
            }
        });
        let url = format!("http://{address}/");
        let mut command = home.command(&["get", &url, "--wallet", "sandbox"]);
        let child = command.stderr(Stdio::piped()).spawn();
        let child = child.expect("the program starts");
        request.recv().expect("it asked");
        crate::program::signal(name, child.id());
        let ended = child.wait_with_output().expect("it ends");
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains("no money moved"), "{stderr}");
    }
}

#[test]
fn waiting_for_another_purchase_is_told_and_bounded() {
    let home = Home::new();
    let demo = demo(&home);
    let joke = demo.url("/api/l402/joke");
    let _slow = home.serve(SLOW);
    let _other = Slow::purchase(&home, &joke);
    let get = ["get", &joke, "--wallet", "sandbox", "-m", "3"];
    let ran = home.run(&get).expect(69);
    assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
    assert!(ran.stderr.contains("another purchase"), "{ran:#?}");
}

#[test]
fn the_time_given_bounds_head_and_body() {
    let home = Home::new();
    let halting = server(|_| "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_owned());
    let silent = server(|_| {
        loop {
            std::thread::park();
        }
    });
    let url = format!("http://{halting}/");
    let ran = home.run(&["get", &url, "-m", "1"]).expect(69);
    assert!(ran.stderr.contains("not over after 1s"), "{ran:#?}");
    assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
    let url = format!("http://{silent}/");
    let ran = home.run(&["get", &url, "-m", "1"]).expect(69);
    assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_no_empty_file() {
    let home = Home::new();
    let (asked, request) = std::sync::mpsc::channel();
    let address = server(move |_| {
        let _ = asked.send(());
        loop {
            std::thread::park();
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let (url, out) = (format!("http://{address}/"), folder.path().join("out"));
    let receipt = folder.path().join("receipt");
    let (out, receipt) = (out.to_str().expect("text"), receipt.to_str().expect("text"));
    let mut command = home.command(&["get", &url, "-o", out, "--receipt", receipt]);
    let mut child = command.spawn().expect("the program starts");
    request.recv().expect("it asked");
    crate::program::signal("INT", child.id());
    assert!(!child.wait().expect("it ends").success());
    let left = std::fs::read_dir(folder.path()).expect("a folder");
    assert_eq!(left.count(), 0);
}

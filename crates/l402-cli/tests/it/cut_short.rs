//! The traces of a call that ends before its time: by Ctrl-C, by `-m`, or at a question that nobody
//! answers.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::Arc;

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
struct Slow(Child);

impl Slow {
    /// Returns once the wallet was asked.
    fn purchase(home: &Home, url: &str) -> Self {
        let mut command = home.command(&["get", url, "--wallet", "sandbox"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stderr = child.stderr.take().expect("a pipe");
        let this = Self(child);
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        assert!(lines.any(|line| line == "paying"));
        this
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
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

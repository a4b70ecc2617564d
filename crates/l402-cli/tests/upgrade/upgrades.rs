//! Upgrades under load, and processes that are killed in the middle of one.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use crate::exchange::Connection;
use crate::load::{Load, Setup};
use crate::program::{Serving, signal};
use crate::run::{alone, number, report, seed};

/// Streams that are open from the beginning on, and more of them before each upgrade.
const STREAMS: usize = 20;
const MORE_STREAMS: usize = 2;

/// Answers between two upgrades.
const BETWEEN: usize = 10;

/// What a process says that was taken over from.
const TAKEN_OVER: &str = "another process has taken over";

fn address(gateway: &Serving) -> SocketAddr {
    gateway.address().parse().expect("an address")
}

#[test]
fn upgrades_under_load_fail_no_request_and_cut_no_stream() {
    let _alone = alone();
    let count = number("L402_UPGRADES", 5);
    let setup = Setup::new();
    let mut running = setup.start("127.0.0.1:0");
    let listen = running.address().to_owned();
    let mut load = Load::start(&setup, address(&running));
    load.open_streams(&setup, STREAMS);
    let mut ending = Vec::new();
    for turn in 0..count {
        load.wait_for(BETWEEN);
        load.open_streams(&setup, MORE_STREAMS);
        let workers = (turn % 3 + 1).to_string();
        let args = [&setup.serve(&listen, &workers)[..], &["--upgrade"]].concat();
        let next = setup.home.serve(&args);
        assert_eq!(next.address(), listen);
        running.until(TAKEN_OVER);
        ending.push(running);
        running = next;
    }
    load.wait_for(BETWEEN);
    let streams = STREAMS + MORE_STREAMS * count;
    let bought = load.end(&setup.upstream);
    // Each old process ends by itself, once its streams have.
    for old in &mut ending {
        assert_eq!(old.wait(), Some(0));
    }
    let delivered = setup.upstream.delivered();
    let verify = ["books", "verify", "--json", "--config", setup.config()];
    let books = setup.home.run(&verify).expect(0).json();
    report(&json!({
        "machine": "upgrades", "upgrades": count, "bought": bought, "streams": streams,
        "delivered": delivered.len(), "payments": books["payments"],
    }));
    assert!(delivered.values().all(|&times| times == 1), "each use once");
    assert_eq!(delivered.len(), bought + streams);
    assert_eq!(books["exact"], true, "{books:#}");
    assert_eq!(books["payments"], bought + streams);
    signal("TERM", running.pid());
    assert_eq!(running.wait(), Some(0));
}

#[test]
fn a_process_that_is_killed_in_an_upgrade_leaves_the_other_one_serving() {
    let _alone = alone();
    let mut rng = fastrand::Rng::with_seed(seed("upgrade kills"));
    let setup = Setup::new();
    let mut running = setup.start("127.0.0.1:0");
    let (to, listen) = (address(&running), running.address().to_owned());
    let (mut before, mut after) = (0, 0);
    for _ in 0..number("L402_UPGRADE_KILLS", 8) {
        let args = [&setup.serve(&listen, "2")[..], &["--upgrade"]].concat();
        let mut command = setup.home.command(&args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut next = command.spawn().expect("it starts");
        std::thread::sleep(Duration::from_millis(rng.u64(0..400)));
        next.kill().expect("it can be killed");
        next.wait().expect("it has ended");
        // Connected is enough for a queue; an answer says that somebody accepts.
        let answer = Connection::open(to).and_then(|mut open| open.get("/one/0", None));
        if let Ok(answer) = answer {
            assert_eq!(answer.status, 402);
            before += 1;
        } else {
            // It was killed as the one that serves: the old one had been told, and ends.
            running.until(TAKEN_OVER);
            assert_eq!(running.wait(), Some(0));
            running = setup.start(&listen);
            after += 1;
        }
    }
    report(&json!({ "machine": "upgrade kills", "before": before, "after": after }));
    // What was killed is no hindrance for one that is not.
    let next = setup
        .home
        .serve(&[&setup.serve(&listen, "2")[..], &["--upgrade"]].concat());
    assert_eq!(running.wait(), Some(0));
    assert_eq!(next.address(), listen);
}

#[test]
fn a_start_that_fails_leaves_the_running_gateway_as_it_is() {
    let setup = Setup::new();
    let args = [&setup.serve("127.0.0.1:0", "1")[..], &["--upgrade"]].concat();
    let none = setup.home.run_start(&args).expect(69);
    assert!(none.stderr.contains("without --upgrade"), "{}", none.stderr);

    let running = setup.start("127.0.0.1:0");
    let ask = || {
        let answer =
            Connection::open(address(&running)).and_then(|mut open| open.get("/one/0", None));
        assert_eq!(answer.expect("an answer").status, 402);
    };
    setup.write("colour = 1\n");
    setup.home.run_start(&args).expect(78);
    ask();
    setup.write("");
    // A node that is not there.
    let node = [
        &args[..],
        &[
            "--node",
            "lnd://127.0.0.1:1?tls_cert=/no/file&macaroon=/no/file",
        ],
    ]
    .concat();
    let failed = setup.home.run_start(&node);
    assert_ne!(failed.status, Some(0), "{failed:?}");
    ask();
}

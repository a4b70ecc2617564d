//! Key numbers begin while four gateways on one database serve: no request fails, and no token is lost.

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::exchange::Connection;
use crate::fleet::{Fleet, GATEWAYS, Store, Ticket};
use crate::run::{alone, report, wait_until};

/// Tokens of each number that are used up after the last number has begun.
const KEPT: usize = 8;

/// Asks one gateway after another, until it is over: with a token for a time, and without any.
fn load(addresses: &[SocketAddr], lasting: &Ticket, is_over: &AtomicBool, asked: &AtomicUsize) {
    let open = |&to: &SocketAddr| Connection::open(to).expect("a gateway");
    let mut open: Vec<Connection> = addresses.iter().map(open).collect();
    while !is_over.load(Ordering::SeqCst) {
        for gateway in &mut open {
            let paid = gateway.get(&lasting.path, Some(&lasting.authorization));
            assert_eq!(paid.expect("an answer").status, 200);
            let challenge = gateway.get("/one/load", None).expect("an answer");
            assert_eq!(challenge.status, 402, "{}", challenge.body);
            asked.fetch_add(2, Ordering::SeqCst);
        }
    }
}

/// Returns the state of a number, as `keys list` says it beside the first gateway.
fn state(fleet: &Fleet, number: u64) -> Value {
    let listed = fleet.run(0, &["keys", "list"]).expect(0).json();
    let lines = listed["keys"].as_array().expect("a list");
    let line = lines.iter().find(|line| line["number"] == number);
    line.expect("the number").clone()
}

fn until_it_mints(fleet: &Fleet, number: u64) {
    wait_until("the number mints", || {
        state(fleet, number)["state"] == "mints"
    });
}

/// Begins a number with a key of its own, and carries its file from gateway to gateway. It waits for the last one.
fn new_master(fleet: &Fleet, number: u64) {
    let begun = fleet.run(0, &["keys", "rotate", "--new-master"]);
    let begun = begun.expect(0).json();
    assert_eq!(begun["number"], number);
    let file = begun["file"].as_str().expect("a file");
    let name = format!("master-{number}.key");
    for gateway in 1..GATEWAYS {
        let lacked_by = || {
            let state = state(fleet, number);
            let lacked = state["lacked_by"].as_array().map(Vec::len);
            (state["state"].as_str().map(str::to_owned), lacked)
        };
        let expected = (Some("waits".to_owned()), Some(GATEWAYS - gateway));
        wait_until("it is missed at the others alone", || {
            lacked_by() == expected
        });
        fs::copy(file, fleet.folder(gateway).join(&name)).expect("a key");
    }
    until_it_mints(fleet, number);
}

/// Shows what is counted once at each gateway in turn, then once more.
fn used_up(fleet: &Fleet, tickets: &[Ticket]) {
    for (turn, ticket) in tickets.iter().enumerate() {
        let got = fleet.show(turn % GATEWAYS, ticket).expect("an answer");
        assert_eq!(got.status, 200, "{}: {}", ticket.path, got.body);
        let again = fleet.show((turn + 1) % GATEWAYS, ticket);
        let again = again.expect("an answer");
        // Its commit may be on the way still.
        assert!([402, 409].contains(&again.status), "{}", again.body);
    }
}

#[test]
fn numbers_begin_under_load_and_tokens_of_earlier_ones_work() {
    let _alone = alone();
    let mut fleet = Fleet::start(Store::Postgres);
    let lasting = fleet.buy("time");
    let mut kept: Vec<Ticket> = (0..KEPT).map(|_| fleet.buy("one")).collect();
    let (is_over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let addresses = fleet.addresses.clone();
    std::thread::scope(|scope| {
        let over = OverAtEnd(&is_over);
        for _ in 0..2 {
            scope.spawn(|| load(&addresses, &lasting, &is_over, &asked));
        }
        let begun = fleet.run(0, &["keys", "rotate"]).expect(0).json();
        assert_eq!(begun["number"], 2);
        until_it_mints(&fleet, 2);
        kept.extend((0..KEPT).map(|turn| fleet.buy_at(turn % GATEWAYS, "one")));
        new_master(&fleet, 3);
        kept.extend((0..KEPT).map(|turn| fleet.buy_at(turn % GATEWAYS, "one")));
        used_up(&fleet, &kept);
        drop(over);
    });
    let asked = asked.into_inner();
    report(&json!({ "machine": "rotation", "asked": asked, "failed": 0 }));
    assert!(asked > 0);
}

/// Ends the load also if the test fails: else the scope would wait for it for ever.
struct OverAtEnd<'a>(&'a AtomicBool);

impl Drop for OverAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

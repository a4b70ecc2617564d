//! Each single-use token is served once, however often it is shown, and to whom.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::exchange::Connection;
use crate::fleet::{Fleet, GATEWAYS, Store, Ticket};
use crate::run::{alone, number, report};
use crate::upstream::answer;

/// Requests at once.
const BUYERS: usize = 32;

/// The tokens that are shown 100 times each. A program that is not optimised takes several times as long.
const TOKENS: usize = if cfg!(debug_assertions) { 300 } else { 1000 };

/// Counts of answers, by what they said.
#[derive(Debug, Default)]
struct Counts {
    served: AtomicUsize,
    in_use: AtomicUsize,
    consumed: AtomicUsize,
}

/// Shows every ticket so many times, all at once and to all gateways in turn.
fn show_at_once(fleet: &Fleet, tickets: &[Ticket], times: usize) -> Counts {
    let addresses = &fleet.addresses;
    let counts = Counts::default();
    let next = AtomicUsize::new(0);
    let served = Mutex::new(vec![0_usize; tickets.len()]);
    std::thread::scope(|scope| {
        for _ in 0..BUYERS {
            scope.spawn(|| {
                let mut connections: Vec<Connection> = addresses
                    .iter()
                    .map(|&to| Connection::open(to).expect("a gateway"))
                    .collect();
                loop {
                    let turn = next.fetch_add(1, Ordering::SeqCst);
                    let Some(ticket) = tickets.get(turn / times) else {
                        return;
                    };
                    let to = &mut connections[turn % GATEWAYS];
                    let got = to.get(&ticket.path, Some(&ticket.authorization));
                    let got = got.expect("an answer");
                    let count = match got.status {
                        200 => {
                            assert_eq!(got.body, answer(&ticket.path));
                            served.lock().expect("no panic")[turn / times] += 1;
                            &counts.served
                        }
                        409 => &counts.in_use,
                        402 if got.body.contains("consumed") => &counts.consumed,
                        status => panic!("{status}: {}", got.body),
                    };
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    let served = served.into_inner().expect("no panic");
    assert!(
        served.iter().all(|&count| count == 1),
        "each once: {served:?}"
    );
    counts
}

fn one_token_shown_often(store: Store) {
    let _alone = alone();
    let mut fleet = Fleet::start(store);
    let ticket = fleet.buy("one");
    let times = number("L402_SCALE_SHOWN", 10_000);
    let counts = show_at_once(&fleet, &[ticket], times);
    report(
        &json!({ "machine": "one token", "store": format!("{store:?}"), "counts": format!("{counts:?}") }),
    );
    assert_eq!(fleet.upstream.delivered(), 1, "{counts:?}");
}

fn many_tokens_shown_often(store: Store) {
    let _alone = alone();
    let mut fleet = Fleet::start(store);
    let count = number("L402_SCALE_TOKENS", TOKENS);
    let tickets: Vec<Ticket> = (0..count).map(|_| fleet.buy("one")).collect();
    let counts = show_at_once(&fleet, &tickets, 100);
    report(
        &json!({ "machine": "many tokens", "store": format!("{store:?}"), "counts": format!("{counts:?}") }),
    );
    assert_eq!(fleet.upstream.delivered(), count, "{counts:?}");
}

#[test]
fn one_token_at_four_gateways_on_one_file_is_served_once() {
    one_token_shown_often(Store::File);
}

#[test]
fn one_token_at_four_gateways_on_one_database_is_served_once() {
    one_token_shown_often(Store::Postgres);
}

#[test]
fn each_of_many_tokens_at_four_gateways_on_one_file_is_served_once() {
    many_tokens_shown_often(Store::File);
}

#[test]
fn each_of_many_tokens_at_four_gateways_on_one_database_is_served_once() {
    many_tokens_shown_often(Store::Postgres);
}

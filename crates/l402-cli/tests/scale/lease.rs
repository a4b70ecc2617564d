//! A gateway that stands still or is cut off in mid-answer loses its lease, and each use is had once.

use std::sync::mpsc;

use crate::exchange::Connection;
use crate::fleet::{Fleet, Store};
use crate::program::signal;
use crate::run::{alone, wait_until};
use crate::upstream::answer;

/// Stops the first gateway in mid-answer in some way, until another one serves the use; then lets it go on.
fn stopped_in_mid_answer(stop: impl Fn(&Fleet), go_on: impl Fn(&Fleet)) {
    let _alone = alone();
    let mut fleet = Fleet::start(Store::Postgres);
    let ticket = fleet.buy("gated");
    let (had, first) = mpsc::channel();
    let (to, shown) = (fleet.addresses[0], ticket.clone());
    std::thread::spawn(move || {
        let mut connection = Connection::open(to).expect("a gateway");
        let got = connection.get(&shown.path, Some(&shown.authorization));
        // The test may have failed.
        let _ = had.send(got.map(|got| (got.status, got.body)));
    });
    wait_until("the answer has begun", || fleet.upstream.held() == 1);
    let busy = fleet.show(1, &ticket).expect("an answer");
    assert_eq!(busy.status, 409, "{}", busy.body);
    stop(&fleet);
    let mut second = None;
    wait_until("another gateway serves the use", || {
        let got = fleet.show(1, &ticket).expect("an answer");
        assert!(
            [200, 409].contains(&got.status),
            "{}: {}",
            got.status,
            got.body
        );
        second = (got.status == 200).then_some(got.body);
        second.is_some()
    });
    assert_eq!(second.as_deref(), Some(&*answer(&ticket.path)));
    go_on(&fleet);
    fleet.upstream.let_go();
    let first = first.recv().expect("the buyer has ended");
    assert!(
        !matches!(&first, Ok((200, _))),
        "the same use was had in full at the first gateway too: {first:?}"
    );
    wait_until("the first gateway serves again", || {
        let got = fleet.show(0, &ticket);
        got.is_ok_and(|got| got.status == 402 && got.body.contains("consumed"))
    });
    assert_eq!(
        fleet.upstream.delivered(),
        2,
        "once in part, and once in full"
    );
}

#[test]
fn a_gateway_that_was_frozen_serves_nothing_that_another_has_served() {
    stopped_in_mid_answer(
        |fleet| signal("STOP", fleet.gateways[0].pid()),
        |fleet| signal("CONT", fleet.gateways[0].pid()),
    );
}

#[test]
fn a_gateway_that_is_cut_off_its_database_serves_nothing_that_another_has_served() {
    let close = |fleet: &Fleet, closed| {
        fleet.proxy.as_ref().expect("a proxy").close(closed);
    };
    stopped_in_mid_answer(|fleet| close(fleet, true), |fleet| close(fleet, false));
}

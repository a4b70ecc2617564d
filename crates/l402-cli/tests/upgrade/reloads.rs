//! Reloads under load.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;

use crate::load::{Load, Setup};
use crate::program::signal;
use crate::run::{alone, millis, number, report};

/// Answers before the reloads, whose times are compared with those of the reloads.
const BEFORE: usize = 200;

/// The most that a reload may add to the time of an answer.
const ADDED_MAX: Duration = Duration::from_millis(50);

/// The number of reloads from which on times are asserted: a run that has the machine for itself.
const LONG: usize = 1000;

/// Returns the time below which so many of a thousand are.
fn of_thousand(times: &[Duration], count: usize) -> Duration {
    times[(times.len() - 1) * count / 1000]
}

#[test]
fn reloads_under_load_fail_no_request_and_cut_no_stream() {
    let _alone = alone();
    let count = number("L402_RELOADS", 50);
    let streams = number("L402_RELOAD_STREAMS", 30);
    let setup = Setup::new();
    let gateway = setup.start("127.0.0.1:0");
    let address: SocketAddr = gateway.address().parse().expect("an address");
    let mut load = Load::start(&setup, address);
    load.open_streams(&setup, streams);
    load.take_times();
    load.wait_for(BEFORE);
    let before = load.take_times();
    for turn in 0..count {
        // Another table each time.
        let upstream = setup.upstream.address;
        let more = format!(
            "[[route]]\npath = \"/{turn}\"\nupstream = \"http://{upstream}\"\nfree = true\n"
        );
        setup.write(&more);
        signal("HUP", gateway.pid());
        gateway.until("reloaded");
        load.wait_for(1);
    }
    let during = load.take_times();
    let bought = load.end(&setup.upstream);
    let times = |times: &[Duration]| {
        let of = |count| millis(of_thousand(times, count));
        json!({ "answers": times.len(), "p50_ms": of(500), "p99_ms": of(990), "max_ms": of(1000) })
    };
    report(&json!({
        "machine": "reloads", "reloads": count, "streams": streams, "bought": bought,
        "before": times(&before), "during": times(&during),
    }));
    assert_eq!(setup.upstream.delivered().len(), bought + streams);
    if count >= LONG {
        let added = of_thousand(&during, 990).saturating_sub(of_thousand(&before, 990));
        assert!(added <= ADDED_MAX, "{added:?} more");
    }
}

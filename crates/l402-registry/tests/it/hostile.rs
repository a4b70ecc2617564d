//! Hostile services against the prober: none makes it ask a forbidden address, wait for ever or panic, and
//! each ends with a state and a reason.
//!
//! `L402_HOSTILE` says how many, `L402_SEED` from which seed; with `--nocapture` the test prints what became
//! of each trick. `tests/long.sh hostile` runs 500.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use l402_registry::{Due, Fetcher, Health, ListingId, Own, Probed, Prober, Reachable, State};
use l402_testkit::hostile::{Harm, HostileService, Trick};
use l402_testkit::{START, clock};
use tokio::task::JoinSet;

use crate::raw_server::{RawServer, answer};

/// The services, unless the environment says otherwise: each trick three times and more.
const SERVICES: u64 = 100;

/// The longest time of one request: short, so that those who wait for it end soon.
const TIMEOUT: Duration = Duration::from_millis(700);

/// The longest time of a probe: three requests, and turns between them.
const BOUND: Duration = Duration::from_secs(20);

/// The probes at once.
const AT_ONCE: usize = 64;

fn number(name: &str) -> Option<u64> {
    let value = std::env::var_os(name)?;
    Some(value.to_str()?.parse().expect("a number"))
}

/// Returns what a schedule knows of a new listing.
pub(crate) fn due(url: &str, method: &str) -> Due {
    let url = url.parse().expect("a URL");
    Due {
        id: ListingId::of(&url),
        url,
        method: method.to_owned(),
        request_schema: None,
        health: Health {
            state: State::Unknown,
            reason: None,
            since: START,
            failures: 0,
            last_probe: None,
            next_probe: Some(START),
        },
        node: None,
    }
}

/// Returns the tricks behind which no sound offer stands, so that the service is never up.
fn is_unsound(trick: Trick) -> bool {
    // A form that a client reads is up: what lies about it is nobody's harm.
    let may_be_sound = matches!(
        trick,
        Trick::BrokenMacaroon | Trick::GzipBomb | Trick::OtherNetwork | Trick::Scripts
    );
    !may_be_sound
}

fn complaints(trick: Trick, probed: &Probed) -> Vec<String> {
    let health = &probed.health;
    let mut found = Vec::new();
    if health.state == State::Up && is_unsound(trick) {
        found.push(format!("{trick:?} is up"));
    }
    if health.state != State::Up && health.reason.is_none() {
        found.push(format!("{trick:?} is {:?} without a reason", health.state));
    }
    if health.next_probe.is_none_or(|next| next <= START) {
        found.push(format!("{trick:?} is never probed again"));
    }
    let mut texts: Vec<&str> = health.reason.iter().map(|why| why.text.as_str()).collect();
    if let Some(seen) = &probed.observed {
        let evidence = &seen.evidence;
        texts.extend(evidence.findings.iter().map(|(_, _, text)| text.as_str()));
        texts.extend(evidence.challenges.iter().map(String::as_str));
        texts.push(&evidence.url);
        if evidence.challenges.iter().any(|line| line.len() > 400) {
            found.push(format!("{trick:?} has a long line"));
        }
    }
    let is_bad = |text: &&str| text.contains(char::is_control) || text.len() > 2048;
    if let Some(text) = texts.into_iter().find(is_bad) {
        found.push(format!("{trick:?} is told as {text:?}"));
    }
    found
}

// ATTACKS G-01, G-02 and G-05, all together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_hostile_service_harms_the_registry_or_its_neighbours() {
    let seed = number("L402_SEED").unwrap_or(402);
    let count = number("L402_HOSTILE").unwrap_or(SERVICES);
    // One listens where nobody may ask, and one at a port of our own where others may be asked.
    let elsewhere = "127.0.0.2:0".parse().expect("an address");
    let elsewhere = RawServer::start_at(elsewhere, |_| answer(200, "", "secret")).await;
    let elsewhere = elsewhere.expect("a port");
    let own = RawServer::start(|_| answer(200, "", "secret")).await;
    let harm = Harm {
        forbidden: vec![elsewhere.address, own.address],
        now: START,
    };
    let own_port = own.address.port();
    let fetcher = Fetcher::new(Reachable {
        allowed: vec!["127.0.0.1".parse().expect("an address")],
        own: Own(Arc::new(move || vec![("127.0.0.1".to_owned(), own_port)])),
        ..Reachable::default()
    });
    let prober = Prober::new(&fetcher, clock(), Duration::from_secs(900)).with_timeout(TIMEOUT);

    let mut tricks = Trick::ALL.iter().copied().cycle();
    let (mut running, mut tally, mut faults) = (JoinSet::new(), BTreeMap::new(), Vec::new());
    for at in 0..count {
        let trick = tricks.next().expect("a trick");
        let service = HostileService::start(trick, seed.wrapping_add(at), &harm).await;
        let prober = prober.clone();
        running.spawn(async move {
            let method = ["GET", "POST", "DELETE"][usize::try_from(at % 3).unwrap_or_default()];
            let due = due(&service.url(), method);
            let probed = prober.probe(&due);
            (trick, tokio::time::timeout(BOUND, probed).await)
        });
        while running.len() >= AT_ONCE || (at + 1 == count && !running.is_empty()) {
            let ended = running.join_next().await.expect("one is running");
            let (trick, probed) = ended.expect("no panic");
            let Ok(Ok(probed)) = probed else {
                faults.push(format!("{trick:?} did not end: {probed:?}"));
                continue;
            };
            faults.extend(complaints(trick, &probed));
            let code = probed.health.reason.as_ref().map_or("", |why| &why.code);
            let key = format!("{trick:?}: {} {code}", probed.health.state.name());
            *tally.entry(key).or_insert(0_u32) += 1;
        }
    }
    eprintln!("{count} services from seed {seed}");
    tally
        .iter()
        .for_each(|(what, times)| eprintln!("{times:>4}  {what}"));
    assert_eq!(faults, [""; 0]);
    assert_eq!(
        (elsewhere.requests(), own.requests()),
        (Vec::new(), Vec::new())
    );
}

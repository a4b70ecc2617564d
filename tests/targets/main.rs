//! Request targets from a grammar, sent byte for byte against the gateway, with one question: what
//! did the upstream really serve, and was it paid for?
//!
//! A table of routes is drawn, and used if `--check` would accept it. Then plain paths are asked for
//! and paid, which shows what is sold and for how much. Then thousands of other spellings are asked
//! for without payment, or with a token of the cheapest service. Whatever of the sold things comes
//! back is a way around the price.
//!
//! `OURS` are upstreams in this process, each of which reads a path in one way of its own. The
//! foreign ones (nginx, Express, Python) are started by `tests/interop/targets.sh`. The number of
//! targets is `L402_TARGETS` for each upstream; the seed is `L402_SEED`, and is the same each time.

mod exempt;
mod foreign;
mod grammar;
mod ours;
mod random;
mod raw;
mod shop;
mod table;
mod trial;

use foreign::Foreign;
use ours::{OURS, Reader};
use trial::{Report, Trial};

/// The seed of every run, unless the environment says another.
const SEED: u64 = 402;

/// Targets for each upstream in a run of CI.
const TARGETS: usize = 1500;

/// Reads a number from the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "tests/long.sh scales the count, and this is the one place that reads it"
)]
fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

fn run(name: &str, upstream: std::net::SocketAddr) -> Report {
    let targets = number("L402_TARGETS", TARGETS as u64);
    let seed = number("L402_SEED", SEED);
    let targets = usize::try_from(targets).expect("a count");
    Trial::new(name, upstream, seed).run(targets)
}

/// Prints what was done, and fails if anything was had for less than its price.
fn judge(reports: Vec<Report>) {
    let mut findings = Vec::new();
    for report in reports {
        eprintln!("{report}");
        // A run in which nothing is sold or served proves nothing.
        assert!(report.sold > 0 && report.served > 0, "{report}");
        findings.extend(report.findings);
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// FAULTS S4, S5, S6, G6. ATTACKS H-01, H-06, H-08, H-09, H-11, H-40.
#[test]
fn no_target_is_a_way_around_a_price_at_upstreams_of_ours() {
    let reports = OURS.iter().map(|(name, reader): &(&str, Reader)| {
        let upstream = ours::start(*reader);
        run(name, upstream)
    });
    judge(reports.collect());
}

/// The same at servers that others wrote.
#[test]
#[ignore = "needs nginx, Express and Python; run tests/interop/targets.sh"]
fn no_target_is_a_way_around_a_price_at_upstreams_that_others_wrote() {
    let folder = tempfile::tempdir().expect("a folder");
    let reports = Foreign::ALL.iter().map(|kind| {
        let upstream = kind.start(folder.path());
        run(kind.name(), upstream.address())
    });
    judge(reports.collect());
}

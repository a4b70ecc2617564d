//! The parts that both crash tests share: one run at a time, seeds, time, and the line of results.

use std::io::Write;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use l402_host::{Clock, SystemClock};
use serde_json::Value;

/// Long enough for a slow machine; a run that passes never waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The price of every answer, the least that leaves room for a fee.
pub(crate) const PRICE_MSAT: u64 = 1000;

/// The head of a configuration: as many challenges as are asked for.
pub(crate) const NO_LIMITS: &str = "[challenges]
per_peer_per_second = 0
per_peer_burst = 0
per_prefix_per_second = 0
per_prefix_burst = 0
total_per_second = 0
total_burst = 0
";

/// A route that sells at the price.
pub(crate) fn route(path: &str, upstream: SocketAddr, service: &str, policy: &str) -> String {
    format!(
        "[[route]]\npath = \"{path}\"\nupstream = \"http://{upstream}\"\n\
         service = \"{service}\"\nprice = \"{PRICE_MSAT} msat\"\npolicy = \"{policy}\"\n"
    )
}

static MACHINE: Mutex<()> = Mutex::new(());

/// Both machines measure, and neither measures the other.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number from the environment, or what is usual.
pub(crate) fn number<T: FromStr>(variable: &str, usual: T) -> T {
    let Some(text) = std::env::var_os(variable) else {
        return usual;
    };
    let number = text.to_str().and_then(|text| text.parse().ok());
    number.unwrap_or_else(|| panic!("{variable} is not a number"))
}

/// The seed of this run, told before anything can fail.
pub(crate) fn seed(machine: &str) -> u64 {
    let seed = number("CRASH_SEED", fastrand::u64(..));
    tell(&format!("{machine}: CRASH_SEED={seed}"));
    seed
}

/// To stderr itself: the harness of tests keeps back what the macros print.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The one line for machines.
pub(crate) fn report(results: &Value) {
    tell(&format!("crash-results {results}"));
}

/// Looks again and again, for a bounded time, whether it is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let clock = SystemClock::default();
    while !is_so() {
        assert!(
            clock.monotonic() < PATIENCE,
            "it did not come to this: {what}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whole milliseconds, for people.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

//! Amounts and times in the units that people read, exactly.

use l402::Msat;

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    Days,
    Hours,
    Minutes,
    Seconds,
}

/// The units of a time, the longest first, in seconds.
const UNITS: [(u64, TimeUnit); 3] = [
    (24 * 3600, TimeUnit::Days),
    (3600, TimeUnit::Hours),
    (60, TimeUnit::Minutes),
];

/// Returns an amount in satoshi, exactly: `50`, `1.5`.
pub(crate) fn sat_text(amount: Msat) -> String {
    let (sat, part) = (amount.msat() / 1000, amount.msat() % 1000);
    if part == 0 {
        return sat.to_string();
    }
    let text = format!("{sat}.{part:03}");
    text.trim_end_matches('0').to_owned()
}

/// Returns a number of seconds in the largest unit that it is a multiple of.
pub(crate) fn in_largest_unit(secs: u64) -> (u64, TimeUnit) {
    let exact = UNITS.iter().find(|(unit, _)| secs.is_multiple_of(*unit));
    exact.map_or((secs, TimeUnit::Seconds), |&(unit, name)| {
        (secs / unit, name)
    })
}

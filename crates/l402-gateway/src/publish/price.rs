//! Prices and policies in words.

use l402::{Msat, Policy};
use l402_server::Priced;

/// The units of a time, the longest first, in seconds.
const UNITS: [(u64, &str); 4] = [
    (24 * 3600, "day"),
    (3600, "hour"),
    (60, "minute"),
    (1, "second"),
];

/// Returns what is sold for how much, such as `50 sat for one answer`.
pub(super) fn terms(sold: &Priced) -> String {
    let price = sat_text(sold.price);
    format!("{price} sat for {}", goods(sold.policy))
}

/// Returns an amount in satoshi, exactly: `50`, `1.5`.
pub(super) fn sat_text(amount: Msat) -> String {
    let (sat, rest) = (amount.msat() / 1000, amount.msat() % 1000);
    if rest == 0 {
        return sat.to_string();
    }
    let text = format!("{sat}.{rest:03}");
    text.trim_end_matches('0').to_owned()
}

fn goods(policy: Policy) -> String {
    match policy.uses().map(|uses| uses.get()) {
        Some(1) => "one answer".to_owned(),
        Some(uses) => format!("{uses} answers"),
        None => {
            let secs = policy.lifetime().as_secs();
            let exact = UNITS.iter().find(|(unit, _)| secs.is_multiple_of(*unit));
            let (unit, name) = exact.copied().unwrap_or((1, "second"));
            let count = secs / unit;
            let plural = if count == 1 { "" } else { "s" };
            format!("{count} {name}{plural} of answers")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_and_goods_are_said_exactly() {
        for (price, policy, said) in [
            ("50 sat", "request", "50 sat for one answer"),
            ("1500 msat", "uses=10", "1.5 sat for 10 answers"),
            ("1 msat", "time=1h", "0.001 sat for 1 hour of answers"),
            ("2 sat", "time=90m", "2 sat for 90 minutes of answers"),
            ("2 sat", "time=2d", "2 sat for 2 days of answers"),
            ("2 sat", "uses=1", "2 sat for one answer"),
        ] {
            let mut sold = Priced::new("s".parse().unwrap(), price.parse().unwrap());
            sold.policy = policy.parse().unwrap();
            assert_eq!(terms(&sold), said);
        }
    }
}

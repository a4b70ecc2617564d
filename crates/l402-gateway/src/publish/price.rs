//! Prices and policies in words.

use l402::Policy;
use l402_server::Priced;

use crate::amount::{TimeUnit, in_largest_unit, sat_text};

/// Returns what is sold for how much, such as `50 sat for one answer`.
pub(super) fn terms(sold: &Priced) -> String {
    let price = sat_text(sold.price);
    format!("{price} sat for {}", goods(sold.policy))
}

fn goods(policy: Policy) -> String {
    match policy.uses().map(|uses| uses.get()) {
        Some(1) => "one answer".to_owned(),
        Some(uses) => format!("{uses} answers"),
        None => {
            let (count, unit) = in_largest_unit(policy.lifetime().as_secs());
            let name = match unit {
                TimeUnit::Days => "day",
                TimeUnit::Hours => "hour",
                TimeUnit::Minutes => "minute",
                TimeUnit::Seconds => "second",
            };
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

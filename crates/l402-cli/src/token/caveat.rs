//! The meaning of a caveat, in words.

use l402::{Msat, Policy, UnixTime};

use crate::text::when;

/// Returns the caveat as it may be shown. A preimage among the caveats is hidden like any other.
pub(super) fn shown(caveat: &str) -> String {
    match caveat.split_once('=') {
        Some(("preimage", _)) => "preimage=(hidden)".to_owned(),
        _ => caveat.to_owned(),
    }
}

/// Returns the restriction that the caveat makes, in words.
pub(super) fn meaning(caveat: &str, now: UnixTime) -> String {
    let Some((condition, value)) = caveat.split_once('=') else {
        return foreign();
    };
    match condition {
        "services" | "service" => services(value),
        "capabilities" => format!("only for: {value}"),
        "expiry" => until(value, now),
        "payment_hash" => "for this payment only".to_owned(),
        "preimage" => "the proof of payment, as some clients carry it".to_owned(),
        // The name of a service holds no underscore, so it ends at the first.
        _ => match condition.split_once('_') {
            Some((service, kind)) => of_service(service, kind, value, now),
            None => foreign(),
        },
    }
}

fn of_service(service: &str, kind: &str, value: &str, now: UnixTime) -> String {
    match kind {
        "capabilities" => format!("of {service}, only for: {value}"),
        "network" => format!("{service} was paid for on {value}"),
        "policy" => value
            .parse()
            .map_or_else(|_| unreadable(), |policy| bought(service, policy)),
        "price_msat" => value.parse().map_or_else(
            |_| unreadable(),
            |msat| format!("{service} was bought for {}", Msat::new(msat)),
        ),
        "valid_until" => until(value, now),
        _ => foreign(),
    }
}

fn services(value: &str) -> String {
    let names = value.split(',').map(|entry| match entry.split_once(':') {
        // Tier 0 is the base tier of every service, so it says nothing.
        Some((name, "0")) => name.to_owned(),
        Some((name, tier)) => format!("{name} (tier {tier})"),
        None => entry.to_owned(),
    });
    format!("good for: {}", names.collect::<Vec<_>>().join(", "))
}

fn bought(service: &str, policy: Policy) -> String {
    match policy {
        Policy::Request => format!("one served answer of {service}"),
        Policy::Uses(n) => format!("{n} served answers of {service}"),
        Policy::Time(time) => {
            format!(
                "any number of answers of {service} for {}",
                when::span(time)
            )
        }
        _ => format!("{service}: {policy}"),
    }
}

fn until(value: &str, now: UnixTime) -> String {
    value.parse().map_or_else(
        |_| unreadable(),
        |secs| {
            let end = UnixTime::from_secs(secs);
            format!("until {} UTC ({})", when::utc(end), when::left(end, now))
        },
    )
}

fn unreadable() -> String {
    "not readable: a server that knows this condition refuses the token".to_owned()
}

fn foreign() -> String {
    "not of the published vocabulary: a server may skip it".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_2026(caveat: &str) -> String {
        meaning(caveat, UnixTime::from_secs(1_790_000_000))
    }

    #[test]
    fn our_own_vocabulary_is_explained() {
        for (caveat, words) in [
            ("services=joke:0", "good for: joke"),
            ("services=a:0,b:2", "good for: a, b (tier 2)"),
            ("service=joke", "good for: joke"),
            ("joke_price_msat=50000", "joke was bought for 50 sat"),
            ("joke_policy=request", "one served answer of joke"),
            ("joke_policy=uses=10", "10 served answers of joke"),
            (
                "joke_policy=time=3600",
                "any number of answers of joke for 60 min",
            ),
            ("joke_network=regtest", "joke was paid for on regtest"),
            (
                "joke_valid_until=1790000060",
                "until 2026-09-21 14:14:20 UTC (in 60 s)",
            ),
            (
                "expiry=1790000000",
                "until 2026-09-21 14:13:20 UTC (expired)",
            ),
            ("my-joke_capabilities=a,b", "of my-joke, only for: a,b"),
        ] {
            assert_eq!(at_2026(caveat), words, "{caveat}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_explained_away() {
        for caveat in [
            "joke_price_msat=x",
            "joke_valid_until=-1",
            "expiry=",
            "joke_policy=free",
        ] {
            assert_eq!(at_2026(caveat), unreadable(), "{caveat}");
        }
        for caveat in ["account = 7", "ip=1.2.3.4", "joke_colour=red", ""] {
            assert_eq!(at_2026(caveat), foreign(), "{caveat}");
        }
    }

    #[test]
    fn a_preimage_is_not_shown() {
        assert_eq!(shown("preimage=00ff"), "preimage=(hidden)");
        assert_eq!(shown("services=joke:0"), "services=joke:0");
    }
}

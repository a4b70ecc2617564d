//! Reading of one caveat on behalf of one service.

use core::str;

use super::Condition;
use crate::amount::Msat;
use crate::network::Network;
use crate::preimage::{PaymentHash, Preimage};
use crate::time::UnixTime;
use crate::token::{Policy, Service};

/// The meaning of a caveat for the service of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading<'a> {
    /// A condition of our vocabulary about another service. Changes nothing for this service.
    OtherService,
    /// A condition that is not in our vocabulary.
    Foreign,
    /// A condition of our vocabulary whose value breaks its grammar.
    Malformed,
    /// A condition of our vocabulary about the token or this service.
    Own(Term<'a>),
}

/// A condition with its value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Term<'a> {
    Capabilities(Vec<&'a str>),
    Lookup,
    Network(Network),
    PaymentHash(PaymentHash),
    Policy(Policy),
    Preimage(Preimage),
    PriceMsat(Msat),
    /// One service, at any tier.
    Service(&'a str),
    Services(Vec<(&'a str, u8)>),
    ValidUntil(UnixTime),
}

impl Term<'_> {
    /// Returns the condition without its value.
    pub(crate) const fn condition(&self) -> Condition {
        match self {
            Self::Capabilities(_) => Condition::Capabilities,
            Self::Lookup => Condition::Lookup,
            Self::Network(_) => Condition::Network,
            Self::PaymentHash(_) => Condition::PaymentHash,
            Self::Policy(_) => Condition::Policy,
            Self::Preimage(_) => Condition::Preimage,
            Self::PriceMsat(_) => Condition::PriceMsat,
            Self::Service(_) | Self::Services(_) => Condition::Services,
            Self::ValidUntil(_) => Condition::ValidUntil,
        }
    }
}

/// Reads a caveat. The name of a condition is compared byte for byte: `Services` and `services `
/// are foreign conditions, as they are to Aperture.
pub(crate) fn read<'a>(caveat: &'a [u8], service: &Service) -> Reading<'a> {
    let Some(split) = caveat.iter().position(|byte| *byte == b'=') else {
        return Reading::Foreign;
    };
    let (name, value) = caveat.split_at(split);
    let value = value.strip_prefix(b"=").unwrap_or(value);
    if let Some(condition) = Condition::of_token(name) {
        return own(condition, name == b"service", value);
    }
    match of_service(name) {
        Some((owner, condition)) if owner == service.as_str().as_bytes() => {
            own(condition, false, value)
        }
        // An owner that cannot be a service is foreign, so that the strict setting refuses it.
        Some((owner, _)) if is_service(owner) => Reading::OtherService,
        _ => Reading::Foreign,
    }
}

/// Splits `<service>_<condition>`. The name of a service never holds an underscore.
fn of_service(name: &[u8]) -> Option<(&[u8], Condition)> {
    let split = name.iter().position(|byte| *byte == b'_')?;
    let (service, rest) = name.split_at(split);
    Some((service, Condition::of_service(rest.strip_prefix(b"_")?)?))
}

/// Returns true if the bytes are a valid name of a service.
fn is_service(name: &[u8]) -> bool {
    str::from_utf8(name).is_ok_and(|name| name.parse::<Service>().is_ok())
}

/// Reads the value of a condition. A value that breaks the grammar is `Malformed`.
fn own(condition: Condition, one_service: bool, value: &[u8]) -> Reading<'_> {
    // ASCII only, since digits of other scripts would be a second spelling (ATTACKS T-09).
    let text = str::from_utf8(value).ok().filter(|text| text.is_ascii());
    let term = text.and_then(|text| match condition {
        Condition::Capabilities => list(text, capability).map(Term::Capabilities),
        Condition::Lookup => is_visible(text).then_some(Term::Lookup),
        Condition::Network => text.parse().ok().map(Term::Network),
        Condition::PaymentHash => text.parse().ok().map(Term::PaymentHash),
        Condition::Policy => policy(text).map(Term::Policy),
        Condition::Preimage => text.parse().ok().map(Term::Preimage),
        Condition::PriceMsat => number(text).map(Msat::new).map(Term::PriceMsat),
        Condition::Services if one_service => is_name(text).then_some(Term::Service(text)),
        Condition::Services => list(text, pair).map(Term::Services),
        Condition::ValidUntil => number(text).map(UnixTime::from_secs).map(Term::ValidUntil),
    });
    // Never `Foreign`: that would be skipped, and with it a limit that cannot be read.
    term.map_or(Reading::Malformed, Reading::Own)
}

/// Reads items between commas. Empty text is the empty list, which denies everything.
fn list<'a, T>(text: &'a str, item: impl Fn(&'a str) -> Option<T>) -> Option<Vec<T>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split(',').map(item).collect()
}

/// Reads `name:tier`.
fn pair(text: &str) -> Option<(&str, u8)> {
    let (name, tier) = text.split_once(':')?;
    // `00` would be a second spelling of tier 0 (ATTACKS T-28).
    let digits = tier.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (tier == "0" || !tier.starts_with('0'));
    (is_name(name) && canonical).then(|| tier.parse().ok().map(|tier| (name, tier)))?
}

/// Returns true for a name of any software: visible ASCII without the delimiters `,`, `:` and `=`.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b',' | b':' | b'=');
    !text.is_empty() && text.bytes().all(plain)
}

/// Reads a capability of any software: visible ASCII.
fn capability(text: &str) -> Option<&str> {
    is_visible(text).then_some(text)
}

/// Returns true for visible ASCII that is not empty.
fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns true if the mint would write this capability: `[a-z0-9_-]+`.
pub(crate) fn is_capability(text: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    !text.is_empty() && text.bytes().all(plain)
}

/// Reads a policy in the spelling of the mint. `time=1h` is for configuration only.
fn policy(text: &str) -> Option<Policy> {
    let written = match text.split_once('=') {
        Some((_, amount)) => number(amount).is_some(),
        None => true,
    };
    text.parse().ok().filter(|_| written)
}

/// Reads `[1-9][0-9]{0,15}`, the only spelling of a positive number (ATTACKS T-09).
fn number(text: &str) -> Option<u64> {
    let canonical = text.len() <= 16
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && !text.starts_with('0');
    canonical.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(caveat: &str) -> Reading<'_> {
        read(caveat.as_bytes(), &"api".parse().unwrap())
    }

    #[test]
    fn reads_both_dialects() {
        let until = Term::ValidUntil(UnixTime::from_secs(1000));
        assert_eq!(reading("api_valid_until=1000"), Reading::Own(until));
        let until = Term::ValidUntil(UnixTime::from_secs(1000));
        assert_eq!(reading("expiry=1000"), Reading::Own(until));
        for capabilities in ["capabilities=a,b_c", "api_capabilities=a,b_c"] {
            let term = Term::Capabilities(vec!["a", "b_c"]);
            assert_eq!(reading(capabilities), Reading::Own(term));
        }
        assert_eq!(reading("service=api"), Reading::Own(Term::Service("api")));
        let pairs = Term::Services(vec![("api", 0), ("Other_1", 255)]);
        assert_eq!(reading("services=api:0,Other_1:255"), Reading::Own(pairs));
        assert_eq!(reading("services="), Reading::Own(Term::Services(vec![])));
        assert_eq!(
            reading("api_price_msat=50000"),
            Reading::Own(Term::PriceMsat(Msat::new(50_000)))
        );
        assert_eq!(
            reading("api_policy=request"),
            Reading::Own(Term::Policy(Policy::Request))
        );
        assert_eq!(
            reading("api_network=mainnet"),
            Reading::Own(Term::Network(Network::Bitcoin))
        );
        let lookup = reading("api_lookup=https://a.example/?id=1");
        assert_eq!(lookup, Reading::Own(Term::Lookup));
    }

    /// ATTACKS T-06 (d), T-12.
    #[test]
    fn another_spelling_of_a_condition_is_foreign() {
        for caveat in [
            "foo=bar",
            "no-equals-sign",
            "",
            "=1",
            "Services=api:0",
            " services=api:0",
            "services =api:0",
            "api_valid_until = 1",
            "api_Valid_until=1",
            "_valid_until=1",
            "API_valid_until=1",
            "api_out_valid_until=1",
            "api_services=api:0",
            "api_preimage=00",
            "valid_until=1",
            "s\u{435}rvices=api:0",
            "services\0=api:0",
        ] {
            assert_eq!(reading(caveat), Reading::Foreign, "{caveat:?}");
        }
        assert_eq!(
            read(b"\xff\xfe=1", &"api".parse().unwrap()),
            Reading::Foreign
        );
    }

    #[test]
    fn another_service_is_elsewhere() {
        for caveat in [
            "other_valid_until=1",
            "other_policy=nonsense",
            "api2_price_msat=x",
        ] {
            assert_eq!(reading(caveat), Reading::OtherService, "{caveat:?}");
        }
    }

    /// ATTACKS T-09, T-28.
    #[test]
    fn a_value_has_one_spelling() {
        let numbers = [
            "99999999999999999999",
            "12345678901234567",
            "1000 ",
            " 1000",
            "-1",
            "+1",
        ];
        let odd = ["1e9", "0x10", "٣", "", "0", "01", "1_000", "1\r\n", "1\0"];
        for number in numbers.iter().chain(&odd) {
            for condition in ["api_valid_until", "expiry", "api_price_msat"] {
                let caveat = format!("{condition}={number}");
                assert_eq!(reading(&caveat), Reading::Malformed, "{caveat:?}");
            }
        }
        for caveat in [
            "services=api",
            "services=api:",
            "services=:0",
            "services=api:256",
            "services=api:-1",
            "services=api:+1",
            "services=api:00",
            "services=api:0,",
            "services=api:0, other:0",
            "services=api:0:0",
            "service=",
            "service=a,b",
            "capabilities=a,,b",
            "api_capabilities=a b",
            "api_policy=",
            "api_policy=time=1h",
            "api_policy=uses=0",
            "api_policy=credit",
            "api_network=bitcoin",
            "api_lookup=",
            "api_lookup=https://a.example/ b",
            "payment_hash=00",
            "preimage=00",
        ] {
            assert_eq!(reading(caveat), Reading::Malformed, "{caveat:?}");
        }
        let invalid = read(b"api_capabilities=\xff", &"api".parse().unwrap());
        assert_eq!(invalid, Reading::Malformed);
    }
}

//! What is sent of a notice: one JSON object, without a secret.

use l402::text::escape_within;
use l402::{Msat, UnixTime};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::notice::Notice;

/// The most bytes of a reason, which may quote a file or an upstream.
const MOST: usize = 2000;

/// The days before the end of a key at which the operator is told.
const DAYS: [u64; 3] = [1, 7, 14];

/// The kind of the event that `l402 webhooks test` sends.
pub(super) const TEST: &str = "test";

/// An event as it is written down and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// The same at every attempt, so that a receiver can drop doubles.
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) created: UnixTime,
    pub(super) body: String,
}

impl Event {
    /// Makes the event of a notice.
    ///
    /// # Errors
    /// If the system has no randomness for an id.
    pub(super) fn of(notice: &Notice, now: UnixTime) -> Result<Self, getrandom::Error> {
        let id = match single(notice, now) {
            // Written down once, however often and by however many processes it is told.
            Some(name) => id(&Sha256::digest(name.as_bytes())[..16]),
            None => random_id()?,
        };
        Ok(Self::new(id, notice.kind().name(), now, data(notice)))
    }

    /// Makes an event that says nothing.
    ///
    /// # Errors
    /// If the system has no randomness for an id.
    pub(super) fn test(now: UnixTime) -> Result<Self, getrandom::Error> {
        Ok(Self::new(random_id()?, TEST, now, json!({})))
    }

    fn new(id: String, kind: &'static str, created: UnixTime, data: Value) -> Self {
        let body = json!({
            "id": id,
            "type": kind,
            "timestamp": created.to_rfc3339(),
            "created": created.secs(),
            "data": data,
        });
        let body = body.to_string();
        Self {
            id,
            kind,
            created,
            body,
        }
    }
}

fn random_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(id(&bytes))
}

/// Returns an id without a full stop, which would end it in the text that is signed.
fn id(bytes: &[u8]) -> String {
    format!("msg_{}", hex::encode(bytes))
}

/// Returns what makes a notice one event, if it is told more than once: of a payment its hash, since two
/// processes read the node during an upgrade; of the end of a key its number, its end, and how near that is.
fn single(notice: &Notice, now: UnixTime) -> Option<String> {
    let kind = notice.kind().name();
    match notice {
        Notice::KeyEnds { number, until } => {
            let days = days_left(*until, now)?;
            Some(format!("{kind} {} {} {days}", number.0, until.secs()))
        }
        Notice::Settled { payment, .. } => Some(format!("{kind} {payment}")),
        _ => None,
    }
}

/// Returns the fewest of 1, 7 and 14 days within which a time comes; `None` if it is past, or later.
pub(crate) fn days_left(until: UnixTime, now: UnixTime) -> Option<u64> {
    let left = until.since(now).as_secs();
    let mut days = DAYS.into_iter();
    days.find(|days| until > now && left <= days * 24 * 3600)
}

fn data(notice: &Notice) -> Value {
    match notice {
        // Both texts may hold anything, and be of any length.
        Notice::ConfigurationRejected { file, why } => {
            json!({ "file": escape_within(file, MOST), "why": escape_within(why, MOST) })
        }
        Notice::KeyEnds { number, until } => {
            json!({ "number": number.0, "until": until.to_rfc3339() })
        }
        Notice::LowLiquidity { receivable, least } => {
            json!({ "receivable_msat": receivable.msat(), "least_msat": least.msat() })
        }
        Notice::Sale {
            route,
            service,
            price,
            payment,
            token,
        } => json!({
            "route": route,
            "service": service,
            "price_msat": price.map(Msat::msat),
            "payment_hash": payment.to_string(),
            "token_id": hex::encode(token.as_bytes()),
        }),
        Notice::Settled { payment, amount } => {
            json!({ "payment_hash": payment.to_string(), "amount_msat": amount.msat() })
        }
        Notice::UpstreamDown { upstream, why } => {
            json!({ "upstream": upstream, "why": escape_within(why, MOST) })
        }
        Notice::UpstreamUp { upstream } => json!({ "upstream": upstream }),
    }
}

#[cfg(test)]
mod tests {
    use l402::KeyNumber;

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn ends_in(hours: u64) -> Notice {
        Notice::KeyEnds {
            number: KeyNumber(3),
            until: UnixTime::from_secs(NOW.secs() + hours * 3600),
        }
    }

    #[test]
    fn the_end_of_a_key_is_one_event_for_14_for_7_and_for_1_day() {
        let id = |hours| Event::of(&ends_in(hours), NOW).unwrap().id;
        assert_eq!(id(200), id(200));
        // The same end, an hour later.
        let later = UnixTime::from_secs(NOW.secs() + 3600);
        let again = Event::of(&ends_in(200), later).unwrap().id;
        assert_eq!(again, id(200));
        let soon = UnixTime::from_secs(NOW.secs() + 100 * 3600);
        assert_ne!(Event::of(&ends_in(200), soon).unwrap().id, again);
        for (hours, days) in [
            (0, None),
            (24, Some(1)),
            (25, Some(7)),
            (336, Some(14)),
            (337, None),
        ] {
            let until = UnixTime::from_secs(NOW.secs() + hours * 3600);
            assert_eq!(days_left(until, NOW), days, "{hours}");
        }
    }

    #[test]
    fn an_event_names_the_payment_and_is_one_however_often_it_is_told() {
        let of = |byte| {
            let notice = Notice::Settled {
                payment: l402::PaymentHash::from_bytes([byte; 32]),
                amount: Msat::from_sat(50),
            };
            Event::of(&notice, NOW).unwrap()
        };
        let one = of(7);
        assert_eq!(one.id, of(7).id);
        assert_ne!(one.id, of(8).id);
        assert!(!one.id.contains('.'));
        let body: Value = serde_json::from_str(&one.body).unwrap();
        assert_eq!(body["type"], "settled");
        assert_eq!(body["id"], one.id);
        assert_eq!(body["created"], NOW.secs());
        assert_eq!(body["timestamp"], NOW.to_rfc3339());
        assert_eq!(body["data"]["amount_msat"], 50_000);
        assert_eq!(body["data"]["payment_hash"], "07".repeat(32));
        let down = Notice::UpstreamUp {
            upstream: "http://127.0.0.1:3000".to_owned(),
        };
        let id = || Event::of(&down, NOW).unwrap().id;
        assert_ne!(id(), id(), "each time is another event");
    }
}

//! One line of the access log, as text or JSON.

use std::fmt::Write as _;

use l402::UnixTime;
use l402_server::observe::{Exchange, Fault, Outcome, Refused, Settled};
use serde::Serialize;

use crate::config::LogFormat;

/// One request that has ended. The fields are a format that programs read.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    /// The time of the event, RFC 3339 in UTC.
    #[serde(serialize_with = "rfc3339")]
    time: UnixTime,
    event: Event,
    method: String,
    /// Without the query. `None` if the request had no sure reading.
    path: Option<String>,
    status: Option<u16>,
    /// The problem that the gateway answered with.
    code: Option<&'static str>,
    /// `buyer` or `upstream`, if the request was not served.
    fault: Option<&'static str>,
    route: Option<String>,
    service: Option<String>,
    price_msat: Option<u64>,
    policy: Option<String>,
    token_id: Option<String>,
    payment_hash: Option<String>,
    uses_left: Option<u64>,
    request_bytes: Option<u64>,
    answer_bytes: Option<u64>,
    took_us: u64,
}

/// The word for what has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Event {
    /// A request of a free route has ended.
    Free,
    /// A paid request was not served, and has cost nothing.
    GivenBack,
    /// A request was answered without its upstream.
    Refused,
    /// A paid request was served.
    Sold,
}

impl Event {
    fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::GivenBack => "given_back",
            Self::Refused => "refused",
            Self::Sold => "sold",
        }
    }
}

impl Line {
    pub(super) fn settled(exchange: &Exchange, settled: &Settled, time: UnixTime) -> Self {
        let served = settled.fault().is_none();
        let event = match settled.outcome() {
            Outcome::Spent => Event::Sold,
            _ if !exchange.is_paid() => Event::Free,
            _ if served => Event::Sold,
            _ => Event::GivenBack,
        };
        Self {
            status: settled.status().map(|status| status.as_u16()),
            code: settled.problem().map(l402::Problem::code),
            fault: settled.fault().map(fault),
            answer_bytes: settled.answer_bytes(),
            took_us: micros(settled.took()),
            ..Self::of(exchange, event, time)
        }
    }

    pub(super) fn refused(exchange: &Exchange, refused: &Refused, time: UnixTime) -> Self {
        Self {
            status: Some(refused.status().as_u16()),
            code: refused.problem().map(l402::Problem::code),
            took_us: micros(refused.took()),
            ..Self::of(exchange, Event::Refused, time)
        }
    }

    fn of(exchange: &Exchange, event: Event, time: UnixTime) -> Self {
        Self {
            time,
            event,
            method: exchange.method().to_string(),
            path: exchange.path().map(str::to_owned),
            status: None,
            code: None,
            fault: None,
            route: exchange.route().map(str::to_owned),
            service: exchange.service().map(ToString::to_string),
            price_msat: exchange.price().map(l402::Msat::msat),
            policy: exchange.policy().map(|policy| policy.to_string()),
            token_id: exchange.token_id().map(|id| short(id.as_bytes())),
            payment_hash: exchange.payment_hash().map(|hash| short(hash.as_bytes())),
            uses_left: exchange.uses_left(),
            request_bytes: exchange.request_bytes(),
            answer_bytes: None,
            took_us: 0,
        }
    }

    /// Appends the line, with its line break.
    pub(super) fn write(&self, format: LogFormat, out: &mut String) {
        match format {
            LogFormat::Json => write_json(self, out),
            LogFormat::Text => self.write_text(out),
        }
    }

    /// Writes the fixed words first, then `name=value` for each field that is known. No value holds
    /// a space: paths are escaped, and a route's pattern is a path.
    fn write_text(&self, out: &mut String) {
        let (time, event) = (self.time.to_rfc3339(), self.event.name());
        let path = self.path.as_deref().unwrap_or("-");
        let status = self
            .status
            .map_or_else(|| "-".to_owned(), |status| status.to_string());
        // Writing to a `String` cannot fail.
        let _ = write!(out, "{time} {event} {} {path} {status}", self.method);
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let text = |text: Option<&str>| text.map(str::to_owned);
        for (name, value) in [
            ("code", text(self.code)),
            ("fault", text(self.fault)),
            ("route", self.route.clone()),
            ("service", self.service.clone()),
            ("price_msat", number(self.price_msat)),
            ("policy", self.policy.clone()),
            ("token_id", self.token_id.clone()),
            ("payment_hash", self.payment_hash.clone()),
            ("uses_left", number(self.uses_left)),
            ("request_bytes", number(self.request_bytes)),
            ("answer_bytes", number(self.answer_bytes)),
            ("took_us", Some(self.took_us.to_string())),
        ] {
            if let Some(value) = value {
                let _ = write!(out, " {name}={value}");
            }
        }
        out.push('\n');
    }
}

/// Appends a value as one line of JSON.
pub(super) fn write_json(value: &impl Serialize, out: &mut String) {
    // Texts and numbers only, so writing cannot fail.
    if let Ok(text) = serde_json::to_string(value) {
        out.push_str(&text);
        out.push('\n');
    }
}

pub(super) fn rfc3339<S: serde::Serializer>(
    time: &UnixTime,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339())
}

fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Buyer => "buyer",
        _ => "upstream",
    }
}

/// Returns the first 8 bytes in hex: enough to find a payment again, too few to be one.
fn short(bytes: &[u8; 32]) -> String {
    bytes[..8].iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
impl Line {
    /// A sale of which little is known.
    pub(super) fn example() -> Self {
        Self {
            time: UnixTime::from_secs(0),
            event: Event::Sold,
            method: "GET".to_owned(),
            path: Some("/joke".to_owned()),
            status: Some(200),
            code: None,
            fault: None,
            route: None,
            service: None,
            price_msat: None,
            policy: None,
            token_id: None,
            payment_hash: None,
            uses_left: None,
            request_bytes: None,
            answer_bytes: None,
            took_us: 0,
        }
    }
}

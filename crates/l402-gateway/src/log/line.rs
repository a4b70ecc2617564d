//! One line of the access log, as text or JSON.

use std::fmt::Write as _;

use l402::UnixTime;
use l402_server::observe::{Exchange, Fault, Outcome, Refused, Settled};
use serde::Serialize;

use crate::config::LogFormat;

/// One request that has ended, as a worker hands it over. All formatting is left to the writer.
#[derive(Clone, Debug)]
pub(super) struct Line {
    exchange: Exchange,
    end: End,
    time: UnixTime,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Refused(Refused),
    Settled(Settled),
}

impl Line {
    pub(super) fn settled(exchange: &Exchange, settled: &Settled, time: UnixTime) -> Self {
        Self {
            exchange: exchange.clone(),
            end: End::Settled(*settled),
            time,
        }
    }

    pub(super) fn refused(exchange: &Exchange, refused: &Refused, time: UnixTime) -> Self {
        Self {
            exchange: exchange.clone(),
            end: End::Refused(*refused),
            time,
        }
    }

    /// Appends the line, with its line break.
    pub(super) fn write(&self, format: LogFormat, out: &mut String) {
        let fields = Fields::of(self);
        match format {
            LogFormat::Json => write_json(&fields, out),
            LogFormat::Text => fields.write_text(out),
        }
    }
}

/// The fields of a line. They are a format that programs read.
#[derive(Debug, Serialize)]
struct Fields<'a> {
    time: String,
    event: &'static str,
    method: &'a str,
    path: Option<&'a str>,
    status: Option<u16>,
    code: Option<&'static str>,
    fault: Option<&'static str>,
    route: Option<&'a str>,
    service: Option<&'a str>,
    price_msat: Option<u64>,
    policy: Option<String>,
    token_id: Option<String>,
    payment_hash: Option<String>,
    uses_left: Option<u64>,
    request_bytes: Option<u64>,
    answer_bytes: Option<u64>,
    took_us: u64,
}

/// The most characters of a path that a line holds. A buyer could write long ones to crowd the lines
/// of others out of the queue.
const PATH_MAX_CHARS: usize = 512;

fn cut(path: &str) -> &str {
    let end = path.char_indices().nth(PATH_MAX_CHARS);
    end.map_or(path, |(end, _)| path.get(..end).unwrap_or(path))
}

impl<'a> Fields<'a> {
    fn of(line: &'a Line) -> Self {
        let fields = Self::of_exchange(&line.exchange, line.time);
        match line.end {
            End::Refused(refused) => Self {
                event: "refused",
                status: Some(refused.status().as_u16()),
                code: refused.problem().map(l402::Problem::code),
                took_us: micros(refused.took()),
                ..fields
            },
            End::Settled(settled) => Self {
                event: event(&line.exchange, &settled),
                status: settled.status().map(|status| status.as_u16()),
                code: settled.problem().map(l402::Problem::code),
                fault: settled.fault().map(fault),
                // A use that came back is left after all, and nobody has counted it anew.
                uses_left: fields.uses_left.filter(|_| settled.fault().is_none()),
                answer_bytes: settled.answer_bytes(),
                took_us: micros(settled.took()),
                ..fields
            },
        }
    }

    fn of_exchange(exchange: &'a Exchange, time: UnixTime) -> Self {
        Self {
            time: time.to_rfc3339(),
            event: "",
            method: exchange.method().as_str(),
            path: exchange.path().map(cut),
            status: None,
            code: None,
            fault: None,
            route: exchange.route(),
            service: exchange.service().map(l402::Service::as_str),
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

    /// Writes the fixed words first, then `name=value` for each field that is known. No value holds
    /// a space: paths are escaped, and a route's pattern is a path.
    fn write_text(&self, out: &mut String) {
        let path = self.path.unwrap_or("-");
        let status = self
            .status
            .map_or_else(|| "-".to_owned(), |status| status.to_string());
        // Writing to a `String` cannot fail.
        let _ = write!(
            out,
            "{} {} {} {path} {status}",
            self.time, self.event, self.method
        );
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        for (name, value) in [
            ("code", self.code.map(str::to_owned)),
            ("fault", self.fault.map(str::to_owned)),
            ("route", self.route.map(str::to_owned)),
            ("service", self.service.map(str::to_owned)),
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

/// Returns the word for the end of a granted request.
fn event(exchange: &Exchange, settled: &Settled) -> &'static str {
    match settled.outcome() {
        Outcome::Spent => "sold",
        _ if !exchange.is_paid() => "free",
        _ if settled.fault().is_none() => "sold",
        _ => "given_back",
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

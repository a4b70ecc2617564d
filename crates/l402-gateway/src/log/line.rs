//! One line of the access log, as text or JSON.

use std::fmt::{self, Display, Write as _};
use std::net::IpAddr;

use l402::{Policy, UnixTime};
use l402_server::observe::{Exchange, Fault, Outcome, Refused, Settled};
use serde::{Serialize, Serializer};

use crate::config::LogFormat;

/// One request that has ended, as a worker hands it over. All formatting is left to the writer.
#[derive(Clone, Debug)]
pub(super) struct Line {
    exchange: Exchange,
    end: End,
    time: UnixTime,
    /// `None` if the log names none.
    peer: Option<IpAddr>,
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
            peer: None,
        }
    }

    pub(super) fn refused(exchange: &Exchange, refused: &Refused, time: UnixTime) -> Self {
        Self {
            exchange: exchange.clone(),
            end: End::Refused(*refused),
            time,
            peer: None,
        }
    }

    /// Names the address of the client.
    pub(super) fn with_peer(self, peer: Option<IpAddr>) -> Self {
        Self { peer, ..self }
    }

    /// Appends the line, with its line break. `texts` remembers the last time that was written.
    pub(super) fn write(&self, format: LogFormat, texts: &mut TimeText, out: &mut String) {
        let fields = Fields::of(self, texts.of(self.time));
        match format {
            LogFormat::Json => write_json(&fields, out),
            LogFormat::Text => fields.write_text(out),
        }
    }
}

/// A time in the form of a line. Most lines are of the same second as the one before, and a
/// calendar date costs more than the rest of a line.
#[derive(Debug, Default)]
pub(super) struct TimeText(Option<(UnixTime, String)>);

impl TimeText {
    fn of(&mut self, time: UnixTime) -> &str {
        let (known, text) = self.0.get_or_insert_with(|| (time, time.to_rfc3339()));
        if *known != time {
            (*known, *text) = (time, time.to_rfc3339());
        }
        text
    }
}

/// The first 8 bytes, written in hex: enough to find a payment again, too few to be one.
#[derive(Clone, Copy, Debug)]
struct Short([u8; 8]);

impl Short {
    fn of(bytes: &[u8; 32]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *bytes;
        Self([a, b, c, d, e, f, g, h])
    }
}

impl Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl Serialize for Short {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The id of a trace, in the form of `traceparent`.
#[derive(Clone, Copy, Debug)]
struct TraceId(u128);

impl Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The fields of a line. They are a format that programs read.
#[derive(Debug, Serialize)]
struct Fields<'a> {
    time: &'a str,
    event: &'static str,
    method: &'a str,
    path: Option<&'a str>,
    status: Option<u16>,
    code: Option<&'static str>,
    fault: Option<&'static str>,
    route: Option<&'a str>,
    service: Option<&'a str>,
    price_msat: Option<u64>,
    #[serde(serialize_with = "as_text")]
    policy: Option<Policy>,
    token_id: Option<Short>,
    payment_hash: Option<Short>,
    uses_left: Option<u64>,
    request_bytes: Option<u64>,
    answer_bytes: Option<u64>,
    took_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<TraceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<IpAddr>,
}

/// The most characters of a path that a line holds. A buyer could write long ones to crowd the lines
/// of others out of the queue.
const PATH_MAX_CHARS: usize = 512;

fn cut(path: &str) -> &str {
    let end = path.char_indices().nth(PATH_MAX_CHARS);
    end.map_or(path, |(end, _)| path.get(..end).unwrap_or(path))
}

impl<'a> Fields<'a> {
    fn of(line: &'a Line, time: &'a str) -> Self {
        let fields = Self {
            peer: line.peer,
            ..Self::of_exchange(&line.exchange, time)
        };
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

    fn of_exchange(exchange: &'a Exchange, time: &'a str) -> Self {
        Self {
            time,
            event: "",
            method: exchange.method().as_str(),
            path: exchange.path().map(cut),
            status: None,
            code: None,
            fault: None,
            route: exchange.route(),
            service: exchange.service().map(l402::Service::as_str),
            price_msat: exchange.price().map(l402::Msat::msat),
            policy: exchange.policy(),
            token_id: exchange.token_id().map(|id| Short::of(id.as_bytes())),
            payment_hash: exchange
                .payment_hash()
                .map(|hash| Short::of(hash.as_bytes())),
            uses_left: exchange.uses_left(),
            request_bytes: exchange.request_bytes(),
            answer_bytes: None,
            took_us: 0,
            trace_id: exchange.trace().map(|trace| TraceId(trace.trace_id)),
            peer: None,
        }
    }

    /// Writes the fixed words first, then `name=value` for each field that is known. No value holds
    /// a space: paths are escaped, and a route's pattern is a path.
    fn write_text(&self, out: &mut String) {
        for word in [self.time, self.event, self.method, self.path.unwrap_or("-")] {
            out.push_str(word);
            out.push(' ');
        }
        match self.status {
            Some(status) => push(out, &status),
            None => out.push('-'),
        }
        field(out, "code", self.code);
        field(out, "fault", self.fault);
        field(out, "route", self.route);
        field(out, "service", self.service);
        field(out, "price_msat", self.price_msat);
        field(out, "policy", self.policy);
        field(out, "token_id", self.token_id);
        field(out, "payment_hash", self.payment_hash);
        field(out, "uses_left", self.uses_left);
        field(out, "request_bytes", self.request_bytes);
        field(out, "answer_bytes", self.answer_bytes);
        field(out, "took_us", Some(self.took_us));
        field(out, "trace_id", self.trace_id);
        field(out, "peer", self.peer);
        out.push('\n');
    }
}

/// Appends ` name=value` if the value is known.
fn field(out: &mut String, name: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        out.push(' ');
        out.push_str(name);
        out.push('=');
        push(out, &value);
    }
}

fn push(out: &mut String, value: &impl Display) {
    // Writing to a `String` cannot fail.
    let _ = write!(out, "{value}");
}

/// Serializes a value as the text that a person would read.
fn as_text<S: Serializer>(value: &Option<Policy>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
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

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

//! Spans in the words of OpenTelemetry: its messages, and its names for what HTTP servers do.

use http::Method;
use l402::{Problem, TokenId};
use l402_server::observe::{Exchange, Outcome, Settled};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as Code;
use opentelemetry_proto::tonic::trace::v1::{self as wire, ResourceSpans, ScopeSpans, Status};

use super::span::{Span, Work};

/// The most characters of a path that a span holds.
const PATH_MAX_CHARS: usize = 512;

/// The flag of a span that says that its parent is known to be elsewhere or here, and the first of
/// the two. The lower bits are those of `traceparent`.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
const SAMPLED: u32 = 1;

/// Returns who the spans are of.
pub(super) fn resource(service_name: &str) -> Resource {
    Resource {
        attributes: vec![
            text("service.name", service_name),
            text("service.version", env!("CARGO_PKG_VERSION")),
        ],
        ..Resource::default()
    }
}

/// Returns the message that hands spans over.
pub(super) fn request(
    resource: &Resource,
    spans: impl Iterator<Item = Span>,
) -> ExportTraceServiceRequest {
    let scope = InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let spans = ScopeSpans {
        scope: Some(scope),
        spans: spans.map(|span| convert(&span)).collect(),
        ..ScopeSpans::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource.clone()),
            scope_spans: vec![spans],
            ..ResourceSpans::default()
        }],
    }
}

/// The parts of a span that depend on its kind of work.
struct Shape {
    name: String,
    kind: SpanKind,
    attributes: Vec<KeyValue>,
    fails: bool,
}

fn convert(span: &Span) -> wire::Span {
    let is_request = matches!(span.work, Work::Settled(_) | Work::Refused(_));
    let shape = shape(&span.work);
    let remote = if is_request { IS_REMOTE } else { 0 };
    let parent = span.parent_id.map(u64::to_be_bytes);
    wire::Span {
        trace_id: span.trace_id.to_be_bytes().to_vec(),
        span_id: span.span_id.to_be_bytes().to_vec(),
        parent_span_id: parent.map_or_else(Vec::new, |parent| parent.to_vec()),
        flags: SAMPLED | parent.map_or(0, |_| HAS_IS_REMOTE | remote),
        name: shape.name,
        kind: shape.kind.into(),
        start_time_unix_nano: nanos(span.end.saturating_sub(span.took)),
        end_time_unix_nano: nanos(span.end),
        attributes: shape.attributes,
        status: shape.fails.then(|| Status {
            code: Code::Error.into(),
            ..Status::default()
        }),
        ..wire::Span::default()
    }
}

fn shape(work: &Work) -> Shape {
    match work {
        Work::Settled(end) => settled(&end.0, &end.1),
        Work::Refused(end) => {
            let (exchange, refused) = &**end;
            let status = refused.status().as_u16();
            let outcome = if refused.problem().is_some() {
                "refused"
            } else {
                "preflight"
            };
            of_request(exchange, Some(status), refused.problem(), outcome)
        }
        Work::Reserve { fails } => Shape {
            name: "reserve".to_owned(),
            kind: SpanKind::Internal,
            attributes: vec![text("l402.part", "ledger")],
            fails: *fails,
        },
        Work::Node { call, fails } => Shape {
            name: (*call).to_owned(),
            kind: SpanKind::Client,
            attributes: vec![text("l402.part", "node")],
            fails: *fails,
        },
        Work::Upstream {
            method,
            server,
            status,
        } => {
            let status = status.map(|status| status.as_u16());
            let mut attributes = vec![
                text("l402.part", "upstream"),
                text("http.request.method", method_name(method)),
                text("server.address", server),
            ];
            attributes
                .extend(status.map(|status| number("http.response.status_code", status.into())));
            Shape {
                name: span_name(method, None),
                kind: SpanKind::Client,
                attributes,
                // For a client 4xx is a failure, too.
                fails: status.is_none_or(|status| status >= 400),
            }
        }
    }
}

fn settled(exchange: &Exchange, settled: &Settled) -> Shape {
    let outcome = match settled.outcome() {
        Outcome::Spent => "sold",
        _ if !exchange.is_paid() => "free",
        _ if settled.fault().is_none() => "sold",
        _ => "given_back",
    };
    let status = settled.status().map(|status| status.as_u16());
    let mut shape = of_request(exchange, status, settled.problem(), outcome);
    let bytes = settled.answer_bytes();
    shape
        .attributes
        .extend(bytes.map(|bytes| number("http.response.body.size", bytes)));
    shape
}

/// Returns what every request's span holds: no query, no header, no address, no secret.
fn of_request(
    exchange: &Exchange,
    status: Option<u16>,
    problem: Option<Problem>,
    outcome: &str,
) -> Shape {
    // A refusal is no failure of a server: a 402 is what it is there for.
    let fails = status.is_none_or(|status| status >= 500);
    let mut attributes = vec![
        text("http.request.method", method_name(exchange.method())),
        text("l402.outcome", outcome),
    ];
    attributes.extend(exchange.route().map(|route| text("http.route", route)));
    attributes.extend(exchange.path().map(|path| text("url.path", cut(path))));
    attributes.extend(status.map(|status| number("http.response.status_code", status.into())));
    let code = problem.map(Problem::code);
    attributes.extend(code.map(|code| text("l402.code", code)));
    if fails {
        let status = status.map_or_else(|| "unknown".to_owned(), |status| status.to_string());
        attributes.push(text("error.type", code.unwrap_or(&status)));
    }
    let service = exchange
        .service()
        .map(|service| text("l402.service", service.as_str()));
    attributes.extend(service);
    let price = exchange
        .price()
        .map(|price| number("l402.price_msat", price.msat()));
    attributes.extend(price);
    attributes.extend(
        exchange
            .token_id()
            .map(|id| text("l402.token_id", &short(id))),
    );
    let bytes = exchange.request_bytes();
    attributes.extend(bytes.map(|bytes| number("http.request.body.size", bytes)));
    Shape {
        name: span_name(exchange.method(), exchange.route()),
        kind: SpanKind::Server,
        attributes,
        fails,
    }
}

/// Returns the name of a span: few and known ones, whatever clients send.
fn span_name(method: &Method, route: Option<&str>) -> String {
    let method = match method_name(method) {
        "_OTHER" => "HTTP",
        name => name,
    };
    route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"))
}

/// Returns a method of the standards by its name, and any other as the word for them all.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

/// The first 8 bytes in hex: enough to find a payment again, too few to be one.
fn short(id: TokenId) -> String {
    hex::encode(id.as_bytes().get(..8).unwrap_or_default())
}

fn cut(path: &str) -> &str {
    let end = path.char_indices().nth(PATH_MAX_CHARS);
    end.map_or(path, |(end, _)| path.get(..end).unwrap_or(path))
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: u64) -> KeyValue {
    attribute(
        key,
        Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)),
    )
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn nanos(time: core::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

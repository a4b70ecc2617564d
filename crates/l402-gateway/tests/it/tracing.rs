//! Traces: the spans that a collector gets, and the headers that an upstream gets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use prost::Message;
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::harness::{
    Answer, GatewayUnderTest, QUIET, describe, request, routes, send, serve, upstream, whole,
};

/// The messages of OTLP as its specification numbers their fields, apart from those that the gateway
/// is built with: a mistake in those would not be one here.
mod otlp {
    use prost::Message;

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Request {
        #[prost(message, repeated, tag = "1")]
        pub(super) resource_spans: Vec<ResourceSpans>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct ResourceSpans {
        #[prost(message, optional, tag = "1")]
        pub(super) resource: Option<Resource>,
        #[prost(message, repeated, tag = "2")]
        pub(super) scope_spans: Vec<ScopeSpans>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Resource {
        #[prost(message, repeated, tag = "1")]
        pub(super) attributes: Vec<KeyValue>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct ScopeSpans {
        #[prost(message, repeated, tag = "2")]
        pub(super) spans: Vec<Span>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Span {
        #[prost(bytes = "vec", tag = "1")]
        pub(super) trace_id: Vec<u8>,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) span_id: Vec<u8>,
        #[prost(bytes = "vec", tag = "4")]
        pub(super) parent_span_id: Vec<u8>,
        #[prost(string, tag = "5")]
        pub(super) name: String,
        #[prost(int32, tag = "6")]
        pub(super) kind: i32,
        #[prost(fixed64, tag = "7")]
        pub(super) start: u64,
        #[prost(fixed64, tag = "8")]
        pub(super) end: u64,
        #[prost(message, repeated, tag = "9")]
        pub(super) attributes: Vec<KeyValue>,
        #[prost(message, optional, tag = "15")]
        pub(super) status: Option<Status>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Status {
        #[prost(int32, tag = "3")]
        pub(super) code: i32,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct KeyValue {
        #[prost(string, tag = "1")]
        pub(super) key: String,
        #[prost(message, optional, tag = "2")]
        pub(super) value: Option<AnyValue>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct AnyValue {
        #[prost(string, optional, tag = "1")]
        pub(super) text: Option<String>,
        #[prost(int64, optional, tag = "3")]
        pub(super) number: Option<i64>,
    }
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

const SERVER: i32 = 2;
const CLIENT: i32 = 3;

/// A span with its ids in hex.
#[derive(Clone, Debug)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    kind: i32,
    fails: bool,
    took: u64,
    attributes: BTreeMap<String, String>,
}

impl Span {
    fn of(span: otlp::Span) -> Self {
        Self {
            trace: hex::encode(span.trace_id),
            id: hex::encode(span.span_id),
            parent: hex::encode(span.parent_span_id),
            name: span.name,
            kind: span.kind,
            fails: span.status.is_some_and(|status| status.code == 2),
            took: span.end.checked_sub(span.start).expect("it ends last"),
            attributes: attributes(span.attributes),
        }
    }

    fn get(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

fn attributes(pairs: Vec<otlp::KeyValue>) -> BTreeMap<String, String> {
    let text = |pair: otlp::KeyValue| {
        let value = pair.value.expect("a value");
        let number = value.number.map(|number| number.to_string());
        (pair.key, value.text.or(number).expect("a text or a number"))
    };
    pairs.into_iter().map(text).collect()
}

/// A collector of the test's own.
struct Collector {
    address: SocketAddr,
    batches: mpsc::UnboundedReceiver<otlp::Request>,
    /// One permit an answer.
    gate: Arc<Semaphore>,
}

impl Collector {
    async fn start(status: u16, gate: usize) -> Self {
        let (send, batches) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(gate));
        let held = Arc::clone(&gate);
        let address = upstream(false, move |request| {
            let (send, gate) = (send.clone(), Arc::clone(&held));
            async move {
                assert_eq!(request.method(), "POST");
                assert_eq!(request.uri(), "/v1/traces");
                assert_eq!(request.headers()["content-type"], "application/x-protobuf");
                let body = request.into_body().collect().await.expect("a body");
                let batch = otlp::Request::decode(body.to_bytes()).expect("a message of OTLP");
                gate.acquire().await.expect("open").forget();
                // The test may have seen enough.
                let _ = send.send(batch);
                whole(status, "")
            }
        })
        .await;
        Self {
            address,
            batches,
            gate,
        }
    }

    async fn open() -> Self {
        Self::start(200, Semaphore::MAX_PERMITS).await
    }

    fn section(&self, more: &str) -> String {
        section(self.address, more)
    }

    /// Stops the gateway, which sends what is queued, and returns all spans.
    async fn spans(mut self, gateway: &mut GatewayUnderTest) -> Vec<Span> {
        gateway.shutdown(Duration::from_secs(5)).await;
        let mut spans = Vec::new();
        while let Ok(batch) = self.batches.try_recv() {
            for group in batch.resource_spans {
                let resource = attributes(group.resource.expect("a resource").attributes);
                assert_eq!(resource["service.name"], "the-shop");
                let scopes = group.scope_spans.into_iter();
                spans.extend(scopes.flat_map(|scope| scope.spans).map(Span::of));
            }
        }
        spans
    }
}

fn section(collector: SocketAddr, more: &str) -> String {
    format!("[trace]\nendpoint = \"http://{collector}\"\nservice_name = \"the-shop\"\n{more}\n")
}

async fn shop(collector: &Collector, more: &str) -> GatewayUnderTest {
    let open = upstream(false, describe).await;
    serve(&(collector.section(more) + &routes(open, ""))).await
}

/// Asks with these headers.
async fn ask(
    gateway: &GatewayUnderTest,
    path: &str,
    credential: Option<&str>,
    lines: &[(&'static str, &'static str)],
) -> Answer {
    let mut request = request("GET", path, credential, b"");
    for (name, value) in lines {
        let value = http::HeaderValue::from_static(value);
        request.headers_mut().append(*name, value);
    }
    send(gateway.address, request).await
}

/// The values of a header as the upstream got it.
fn received(answer: &Answer, name: &str) -> Vec<String> {
    let document = answer.json();
    let headers = document["headers"].as_array().expect("headers").iter();
    let named = headers.filter(|pair| pair[0] == name);
    let text = |pair: &Value| pair[1].as_str().expect("a text").to_owned();
    named.map(text).collect()
}

/// The only span with this name.
fn only<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let named: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(named.len(), 1, "{name} in {spans:#?}");
    named[0]
}

#[tokio::test]
async fn a_sale_leaves_a_span_with_its_parts_below_it() {
    let collector = Collector::open().await;
    let mut gateway = shop(&collector, "sample = 0").await;
    // Bought without a trace, so that all spans are of the two requests that follow.
    let credential = gateway.buy("/joke?q=secret-query").await;
    let lines = [("traceparent", PARENT), ("tracestate", "vendor=1")];
    let sold = ask(&gateway, "/joke?q=secret-query", Some(&credential), &lines).await;
    assert_eq!(sold.status(), 200, "{}", sold.text());
    let passed = received(&sold, "traceparent");
    assert_eq!(received(&sold, "tracestate"), ["vendor=1"]);

    let spans = collector.spans(&mut gateway).await;
    assert_eq!(spans.len(), 3, "{spans:#?}");
    let request = only(&spans, "GET /{*rest}");
    assert_eq!(
        (&*request.trace, &*request.parent),
        (TRACE, "b7ad6b7169203331")
    );
    assert_eq!((request.kind, request.fails), (SERVER, false));
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/{*rest}"),
        ("url.path", "/joke"),
        ("http.response.status_code", "200"),
        ("l402.outcome", "sold"),
        ("l402.service", "all"),
        ("l402.price_msat", "50000"),
    ] {
        assert_eq!(request.get(key), value, "{key}");
    }
    assert_eq!(request.get("l402.token_id").len(), 16);
    let reserve = only(&spans, "reserve");
    let to_upstream = only(&spans, "GET");
    assert_eq!(to_upstream.kind, CLIENT);
    for part in [reserve, to_upstream] {
        assert_eq!(
            (&*part.trace, &part.parent),
            (TRACE, &request.id),
            "{part:?}"
        );
    }
    // The upstream's spans are children of the request to it.
    assert_eq!(passed, [format!("00-{TRACE}-{}-01", to_upstream.id)]);

    let text = format!("{spans:?}");
    let (token, preimage) = credential[5..].split_once(':').expect("a credential");
    for secret in ["secret-query", token, preimage, "127.0.0.1:0"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_challenge_leaves_a_span_of_the_node() {
    let collector = Collector::open().await;
    let mut gateway = shop(&collector, "sample = 1").await;
    assert_eq!(gateway.get("/joke", None).await.status(), 402);
    let spans = collector.spans(&mut gateway).await;
    let request = only(&spans, "GET /{*rest}");
    assert_eq!((&*request.parent, request.trace.len()), ("", 32));
    assert_eq!(request.get("l402.outcome"), "refused");
    assert_eq!(request.get("l402.code"), "payment_required");
    assert!(!request.fails, "nobody has paid, which is no failure");
    let invoice = only(&spans, "create_invoice");
    assert_eq!(
        (&invoice.parent, &invoice.trace),
        (&request.id, &request.trace)
    );
    assert_eq!(spans.len(), 2, "{spans:#?}");
}

#[tokio::test]
async fn an_upstream_that_is_away_is_a_failure() {
    let collector = Collector::open().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let away = nobody.local_addr().unwrap();
    drop(nobody);
    let text = collector.section("sample = 1") + &routes(away, "");
    let mut gateway = serve(&text).await;
    let credential = gateway.buy("/joke").await;
    assert_eq!(gateway.get("/joke", Some(&credential)).await.status(), 502);
    let spans = collector.spans(&mut gateway).await;
    let to_upstream = only(&spans, "GET");
    let request = spans.iter().find(|span| span.id == to_upstream.parent);
    let request = request.expect("the request's span");
    assert!(to_upstream.fails && request.fails);
    assert_eq!(request.get("l402.outcome"), "given_back");
    assert_eq!(request.get("error.type"), "upstream_failed");
    assert_eq!(to_upstream.get("http.response.status_code"), "");
}

/// The caller decides, and its headers pass as they came if it does not record.
#[tokio::test]
async fn a_caller_that_does_not_record_is_followed() {
    let collector = Collector::open().await;
    let mut gateway = shop(&collector, "sample = 1").await;
    let lines = [("traceparent", UNSAMPLED), ("tracestate", "vendor=1")];
    let answer = ask(&gateway, "/free", None, &lines).await;
    assert_eq!(received(&answer, "traceparent"), [UNSAMPLED]);
    assert_eq!(received(&answer, "tracestate"), ["vendor=1"]);
    let spans = collector.spans(&mut gateway).await;
    assert!(spans.is_empty(), "{spans:#?}");
}

#[tokio::test]
async fn a_sample_of_nothing_records_nothing_and_one_of_all_records_all() {
    for (sample, count) in [("0", 0), ("0.0", 0), ("1", 8), ("1.0", 8)] {
        let collector = Collector::open().await;
        let mut gateway = shop(&collector, &format!("sample = {sample}")).await;
        for _ in 0..4 {
            let answer = gateway.get("/free", None).await;
            let passed = received(&answer, "traceparent");
            assert_eq!(passed.len(), usize::from(count > 0), "{passed:?}");
        }
        let spans = collector.spans(&mut gateway).await;
        assert_eq!(spans.len(), count, "{spans:#?}");
        let free = |span: &&Span| span.get("l402.outcome") == "free";
        assert_eq!(spans.iter().filter(free).count(), count / 2);
    }
}

#[tokio::test]
async fn a_caller_that_is_not_followed_begins_another_trace() {
    let collector = Collector::open().await;
    let mut gateway = shop(&collector, "sample = 1\nfollow_parent = false").await;
    let lines = [("traceparent", PARENT), ("tracestate", "vendor=1")];
    let answer = ask(&gateway, "/free", None, &lines).await;
    assert!(received(&answer, "tracestate").is_empty());
    let passed = received(&answer, "traceparent");
    let spans = collector.spans(&mut gateway).await;
    let request = only(&spans, "GET /free");
    assert_eq!(request.parent, "");
    assert_ne!(request.trace, TRACE);
    assert!(
        passed[0].contains(&request.trace) && passed.len() == 1,
        "{passed:?}"
    );
}

#[tokio::test]
async fn a_malformed_parent_is_dropped_and_another_trace_begins() {
    for sample in ["0", "1"] {
        let collector = Collector::open().await;
        let mut gateway = shop(&collector, &format!("sample = {sample}")).await;
        let twice = [
            ("traceparent", PARENT),
            ("traceparent", PARENT),
            ("tracestate", "vendor=1"),
        ];
        let nonsense = [("traceparent", "nonsense"), ("tracestate", "vendor=1")];
        for lines in [&twice[..], &nonsense] {
            let answer = ask(&gateway, "/free", None, lines).await;
            assert!(received(&answer, "tracestate").is_empty());
            let passed = received(&answer, "traceparent");
            assert_eq!(passed.len(), 1, "{passed:?}");
            assert!(passed[0].ends_with(&format!("-0{sample}")), "{passed:?}");
            assert!(!passed[0].contains(TRACE), "{passed:?}");
        }
        let spans = collector.spans(&mut gateway).await;
        assert_eq!(spans.is_empty(), sample == "0", "{spans:#?}");
    }
}

#[tokio::test]
async fn a_line_of_the_access_log_names_the_trace() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let open = upstream(false, describe).await;
    let log = format!("[log]\naccess = \"all\"\nformat = \"json\"\nfile = {file:?}\n");
    // Without a collector as well: the caller may have one.
    let mut gateway = serve(&(log + &routes(open, "").replace(QUIET, ""))).await;
    let answer = ask(&gateway, "/free", None, &[("traceparent", PARENT)]).await;
    assert_eq!(received(&answer, "traceparent"), [PARENT]);
    gateway.get("/free", None).await;
    let nonsense = ask(&gateway, "/free", None, &[("traceparent", "nonsense")]).await;
    assert_eq!(received(&nonsense, "traceparent"), ["nonsense"]);
    gateway.shutdown(Duration::from_secs(5)).await;
    let text = std::fs::read_to_string(&file).unwrap();
    let ids: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["trace_id"].clone())
        .collect();
    assert_eq!(
        ids,
        [Value::from(TRACE), Value::Null, Value::Null],
        "{text}"
    );
}

#[tokio::test]
async fn a_collector_that_is_away_costs_its_spans_alone() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let away = nobody.local_addr().unwrap();
    drop(nobody);
    let open = upstream(false, describe).await;
    let mut gateway = serve(&(section(away, "sample = 1") + &routes(open, ""))).await;
    let credential = gateway.buy("/joke").await;
    assert_eq!(gateway.get("/joke", Some(&credential)).await.status(), 200);
    // The challenge with its invoice, and the sale with ledger and upstream.
    let all_lost = async {
        while gateway.counters().spans_dropped < 5 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), all_lost)
        .await
        .expect("five spans are lost");
    assert_eq!(gateway.counters().spans_dropped, 5);
    gateway.shutdown(Duration::from_secs(5)).await;
}

/// More spans than the queue holds, while the collector takes none (ATTACKS D-14).
#[tokio::test]
async fn a_flood_before_a_collector_that_hangs_is_served_and_drops_spans() {
    let collector = Collector::start(200, 0).await;
    let mut gateway = shop(&collector, "sample = 1").await;
    // Two spans each, more than queue and batch hold together.
    const REQUESTS: usize = 3000;
    let mut flood = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let address = gateway.address;
        flood.spawn(async move {
            for _ in 0..REQUESTS / 8 {
                let answer = send(address, request("GET", "/free", None, b"")).await;
                assert_eq!(answer.status(), 200);
            }
        });
    }
    while let Some(done) = flood.join_next().await {
        done.expect("every request is served");
    }
    let dropped = gateway.counters().spans_dropped;
    assert!(dropped > 0, "the queue has a bound");
    assert_eq!(gateway.counters().free, REQUESTS as u64);
    // A stop waits two seconds for the collector, and no longer.
    let stop = gateway.shutdown(Duration::from_secs(1));
    timeout(Duration::from_secs(15), stop)
        .await
        .expect("it stops");
    drop(collector.gate);
}

#[tokio::test]
async fn a_collector_that_refuses_loses_what_it_was_sent() {
    let mut collector = Collector::start(503, Semaphore::MAX_PERMITS).await;
    let gateway = shop(&collector, "sample = 1").await;
    gateway.get("/free", None).await;
    let batch = timeout(Duration::from_secs(20), collector.batches.recv()).await;
    batch.expect("it is sent within a second").expect("a batch");
    let lost = async {
        while gateway.counters().spans_dropped < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), lost)
        .await
        .expect("two spans are lost");
}

/// Times are those of the clock, to the nanosecond.
#[tokio::test]
async fn a_span_takes_as_long_as_the_request() {
    let collector = Collector::open().await;
    let (open, mut arrivals, gate) = crate::harness::gated().await;
    let mut gateway = serve(&(collector.section("sample = 1") + &routes(open, ""))).await;
    let address = gateway.address;
    let asked = tokio::spawn(send(address, request("GET", "/free", None, b"")));
    arrivals.recv().await.expect("it arrives");
    gateway.clock.advance(Duration::from_millis(1500));
    gate.add_permits(1);
    assert_eq!(asked.await.unwrap().status(), 200);
    let spans = collector.spans(&mut gateway).await;
    assert_eq!(only(&spans, "GET /free").took, 1_500_000_000);
    assert_eq!(only(&spans, "GET").took, 1_500_000_000);
}

#[test]
fn mistakes_in_the_table_are_all_told_at_once() {
    let text = "[trace]\nendpoint = \"http://me:secret@127.0.0.1:4318\"\nsample = 1.5\n\
                service_name = \"\"\nfollow_parents = true\n\
                [[route]]\npath = \"/a\"\nupstream = \"http://127.0.0.1:3000\"\nfree = true\n";
    let found = l402_gateway::Config::from_toml(text, "shop.toml").unwrap_err();
    let keys: Vec<_> = found.iter().map(l402_gateway::ConfigError::key).collect();
    let wrong = ["endpoint", "sample", "service_name", "follow_parents"];
    assert_eq!(keys, wrong.map(|key| format!("trace.{key}")));
    assert!(
        found[0].to_string().contains("127.0.0.1:4318\""),
        "{found:?}"
    );
    assert!(!format!("{found:?}").contains("secret"), "{found:?}");
    assert!(found[3].to_string().contains("follow_parent?"), "{found:?}");
    for sound in ["0", "1", "0.25", "1e-3"] {
        let text = text.replace("me:secret@", "").replace("1.5", sound);
        let text = text
            .replace("\"\"", "\"shop\"")
            .replace("parents", "parent");
        l402_gateway::Config::from_toml(&text, "shop.toml").expect(sound);
    }
}

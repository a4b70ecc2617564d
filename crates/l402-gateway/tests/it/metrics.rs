//! The metrics of a gateway, against a count of the test's own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::harness::{
    Answer, GatewayUnderTest, QUIET, gated, request, send, serve, upstream, whole,
};

/// The longest wait for something that happens by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// Returns the number of a sample, 0 if there is none.
pub(crate) fn sample(text: &str, name: &str) -> f64 {
    let found = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.map_or(0.0, |number| number.parse().expect("a number"))
}

/// Returns a configuration: `/one`, `/many`, `/failing` and a free route.
fn shop(upstream: SocketAddr, many: bool) -> String {
    let route = |path: &str, access: &str| {
        format!("[[route]]\npath = \"{path}\"\nupstream = \"http://{upstream}\"\n{access}\n")
    };
    let sold = |service: &str, msat: u32, more: &str| {
        format!("price = \"{msat} msat\"\nservice = \"{service}\"\n{more}")
    };
    let mut text = QUIET.to_owned()
        + &route("/one", &sold("one", 50_000, ""))
        + &route("/failing", &sold("failing", 50_000, ""))
        + &route("/open", "free = true");
    if many {
        text += &route("/many", &sold("many", 100_001, "policy = \"uses=3\""));
    }
    text
}

/// The answers that a test has got, by route and outcome.
#[derive(Debug, Default)]
struct Count(BTreeMap<(&'static str, &'static str), u32>);

impl Count {
    /// Counts an answer by what its client can see of it.
    fn add(&mut self, route: &'static str, answer: &Answer) {
        let outcome = match (route, answer.status()) {
            ("/open", 200) => "free",
            (_, 200) => "served",
            (_, 402) => "offered",
            (_, 500) => "given_back_upstream",
            (_, 404) if route == "/many" => "given_back_buyer",
            _ => "refused",
        };
        *self.0.entry((route, outcome)).or_default() += 1;
    }
}

/// Asks so many times, and counts.
async fn ask(
    gateway: &GatewayUnderTest,
    count: &mut Count,
    (route, credential): (&'static str, Option<&str>),
    times: u32,
) {
    for _ in 0..times {
        let path = if route == "-" { "/nowhere" } else { route };
        count.add(route, &gateway.get(path, credential).await);
    }
}

/// Asks for an invoice, pays it, and counts the asking.
async fn buy(gateway: &GatewayUnderTest, count: &mut Count, route: &'static str) -> String {
    let challenge = gateway.get(route, None).await;
    count.add(route, &challenge);
    gateway.pay(&challenge).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_counted_once_by_route_and_outcome_also_over_a_reload() {
    let upstream = upstream(false, |request| async move {
        let failing = request.uri().path() == "/failing";
        whole(if failing { 500 } else { 200 }, "a joke")
    });
    let upstream = upstream.await;
    let gateway = serve(&shop(upstream, true)).await;
    let count = &mut Count::default();
    ask(&gateway, count, ("/open", None), 3).await;
    ask(&gateway, count, ("-", None), 2).await;
    ask(&gateway, count, ("/one", None), 2).await;
    let one = buy(&gateway, count, "/one").await;
    // Served once, then spent: a new invoice.
    ask(&gateway, count, ("/one", Some(&one)), 3).await;
    let forged = format!("{}{}", &one[..one.len() - 4], "0000");
    ask(&gateway, count, ("/one", Some(&forged)), 2).await;
    let failing = buy(&gateway, count, "/failing").await;
    ask(&gateway, count, ("/failing", Some(&failing)), 1).await;
    let many = buy(&gateway, count, "/many").await;
    ask(&gateway, count, ("/many", Some(&many)), 3).await;
    let _ = gateway.reload(&shop(upstream, false)).expect("a reload");
    ask(&gateway, count, ("-", Some(&many)), 1).await;
    ask(&gateway, count, ("/open", None), 4).await;
    let second = buy(&gateway, count, "/one").await;
    ask(&gateway, count, ("/one", Some(&second)), 1).await;

    let text = gateway.metrics_text();
    // For programs of others that read it: tests/interop/metrics.sh.
    if let Some(path) = std::env::var_os("L402_METRICS_TEXT") {
        std::fs::write(path, &text).expect("a file");
    }
    let mut all = 0.0;
    for ((route, outcome), number) in &count.0 {
        let name = format!("l402_requests_total{{route=\"{route}\",outcome=\"{outcome}\"}}");
        assert_eq!(sample(&text, &name), f64::from(*number), "{name}\n{text}");
        all += f64::from(*number);
    }
    let requests = text
        .lines()
        .filter(|line| line.starts_with("l402_requests_total{"));
    let sum: f64 = requests
        .map(|line| sample(line, line.rsplit_once(' ').expect("a sample").0))
        .sum();
    assert_eq!(sum, all, "nothing else: {text}");
    assert_other_numbers(&text);
}

/// The numbers that follow from the requests above.
fn assert_other_numbers(text: &str) {
    for (name, number) in [
        ("l402_sales_total{route=\"/one\"}", 2),
        ("l402_sales_msat_total{route=\"/one\"}", 100_000),
        ("l402_sales_msat_total{route=\"/many\"}", 100_001),
        ("l402_sales_total{route=\"/failing\"}", 0),
        (
            "l402_problems_total{route=\"/one\",code=\"invalid_token\"}",
            2,
        ),
        (
            "l402_problems_total{route=\"/one\",code=\"payment_required\"}",
            4,
        ),
        ("l402_problems_total{route=\"/one\",code=\"consumed\"}", 2),
        ("l402_problems_total{route=\"-\",code=\"no_route\"}", 3),
        ("l402_reloads_total{result=\"ok\"}", 1),
        // What reached the upstream: the served, the failed, and the free.
        (
            "l402_gateway_seconds_count{answer=\"forwarded\"}",
            1 + 1 + 3 + 1 + 7,
        ),
        ("l402_upstream_seconds_count{route=\"/open\"}", 7),
        ("l402_ledger_seconds_count", 8),
        (
            "l402_node_calls_total{call=\"create_invoice\",outcome=\"ok\"}",
            8,
        ),
        ("l402_node_up", 1),
        ("l402_ledger_up", 1),
    ] {
        assert_eq!(sample(text, name), f64::from(number), "{name}\n{text}");
    }
}

/// A client can choose paths, credentials and headers, and none of them makes a label. ATTACKS O-15.
#[tokio::test(flavor = "multi_thread")]
async fn no_client_makes_a_series_and_no_secret_is_in_the_text() {
    let upstream = upstream(false, |_| async { whole(200, "a joke") }).await;
    let gateway = serve(&shop(upstream, true)).await;
    let credential = gateway.buy("/many").await;
    assert_eq!(gateway.get("/many", Some(&credential)).await.status(), 200);
    let before = gateway.metrics_text();
    for path in [
        "/many/../x",
        "/a%22b",
        "/x{y=\"1\"}",
        "/one?secret=1",
        "/secret",
    ] {
        let request = request("SECRET", path, Some("L402 secret:secret"), b"");
        send(gateway.address, request).await;
    }
    let after = gateway.metrics_text();
    let series = |text: &str| {
        let names = text.lines().filter(|line| !line.starts_with('#'));
        let names = names.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()));
        // Codes of problems are few and fixed, and appear with the first one.
        names
            .filter(|name| !name.starts_with("l402_problems_total"))
            .collect::<Vec<_>>()
    };
    assert_eq!(series(&before), series(&after));
    let token = credential.trim_start_matches("L402 ").split(':');
    for secret in token.chain(["secret", "SECRET", "127.0.0.1"]) {
        let found = after.lines().filter(|line| line.contains(secret));
        // The upstream's own address is the operator's.
        let found: Vec<_> = found.filter(|line| !line.contains("{upstream=")).collect();
        assert!(found.is_empty(), "{secret}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_and_in_flight_is_seen_while_it_is() {
    let (upstream, mut arrivals, gate) = gated().await;
    let route = format!(
        "[[route]]\npath = \"/\"\nupstream = \"http://{upstream}\"\nfree = true\nmax_in_flight = 1\n"
    );
    let gateway = serve(&format!("{QUIET}{route}")).await;
    let address = gateway.address;
    let first = tokio::spawn(async move { send(address, request("GET", "/", None, b"")).await });
    arrivals.recv().await.expect("a request");
    assert_eq!(gateway.get("/", None).await.status(), 503);
    let text = gateway.metrics_text();
    let in_flight = format!("l402_upstream_in_flight{{upstream=\"http://{upstream}\"}}");
    for (name, number) in [
        (in_flight.as_str(), 1),
        ("l402_limit_hits_total{limit=\"max_in_flight\"}", 1),
        ("l402_upstream_connections", 1),
        ("l402_requests_total{route=\"/\",outcome=\"refused\"}", 1),
    ] {
        assert_eq!(sample(&text, name), f64::from(number), "{name}\n{text}");
    }
    assert!(
        sample(&text, "l402_connections{protocol=\"http1\"}") >= 1.0,
        "{text}"
    );
    gate.add_permits(1);
    assert_eq!(first.await.expect("no panic").status(), 200);
    let ended = async {
        let open = |text: &str| sample(text, "l402_connections{protocol=\"http1\"}");
        while open(&gateway.metrics_text()) > 0.0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, ended).await.expect("the connections end");
    assert_eq!(sample(&gateway.metrics_text(), &in_flight), 0.0);
}

//! The end of the day: node, books, sales, metrics, log, webhooks and audit log, each against what was counted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::run::wait_until;
use crate::shop::{Operator, SOLD, Shop};
use crate::tally::{Outcomes, Tally};
use crate::trouble::Trouble;

/// What the evening found besides.
pub(crate) struct Settled {
    pub(crate) webhooks: usize,
}

/// Compares everything, and has the gateway end.
pub(crate) fn settle(shop: &mut Shop, counted: &Tally, trouble: &Trouble<'_>) -> Settled {
    let mut operator = shop.operator();
    metrics_agree(&mut operator, counted);
    money_agrees(shop, &mut operator, counted);
    served_as_paid(shop, counted);
    let dropped = operator.sample("l402_log_lines_dropped_total");
    wait_until("the access log has each request", || {
        number(shop.logged()) + dropped >= number(counted.requests)
    });
    assert_eq!(number(shop.logged()) + dropped, number(counted.requests));
    let webhooks = webhooks_agree(shop, &mut operator, counted);
    audit_agrees(&mut operator, trouble);
    crate::program::signal("TERM", shop.gateway.pid());
    assert_eq!(shop.gateway.wait(), Some(0));
    Settled { webhooks }
}

/// A count as the metrics write it.
fn number(count: usize) -> f64 {
    u32::try_from(count).expect("a day").into()
}

fn labels(name: &str) -> BTreeMap<&str, &str> {
    let (_, labels) = name.split_once('{').unwrap_or_default();
    let pairs = labels.trim_end_matches('}').split("\",");
    let pairs = pairs.filter_map(|pair| pair.split_once("=\""));
    pairs
        .map(|(name, value)| (name, value.trim_end_matches('"')))
        .collect()
}

/// Reads the ends of requests by route, those that never happened left out.
fn outcomes(samples: &[(String, f64)]) -> BTreeMap<(String, String), f64> {
    let of = |(name, value): &(String, f64)| {
        let labels = labels(name);
        let key = (labels.get("route")?, labels.get("outcome")?);
        let is_one = name.starts_with("l402_requests_total{") && *value > 0.0;
        is_one.then(|| (((*key.0).to_owned(), (*key.1).to_owned()), *value))
    };
    samples.iter().filter_map(of).collect()
}

fn as_metrics(outcomes: &Outcomes) -> BTreeMap<(String, String), f64> {
    let count = |count: u64| number(usize::try_from(count).expect("a day"));
    let counted = outcomes.iter();
    counted
        .map(|(key, value)| (key.clone(), count(*value)))
        .collect()
}

/// Each outcome at each route, and what was sold.
fn metrics_agree(operator: &mut Operator, counted: &Tally) {
    let due = as_metrics(&counted.outcomes);
    let total = |of: &BTreeMap<(String, String), f64>| of.values().sum::<f64>();
    let mut found = BTreeMap::new();
    // The end of the last answers may still be on its way.
    wait_until("the metrics have each request", || {
        found = outcomes(&operator.metrics());
        total(&found) >= total(&due)
    });
    assert_eq!(found, due);
    for (route, sales) in &counted.sales {
        let name = format!("l402_sales_total{{route=\"{route}\"}}");
        let sales = number(usize::try_from(*sales).expect("a day"));
        assert_eq!(operator.sample(&name), sales, "{route}");
    }
    let samples = operator.metrics();
    let is_worth = |name: &str| name.starts_with("l402_sales_msat_total{");
    let worth = samples.iter().filter(|(name, _)| is_worth(name));
    let worth: f64 = worth.map(|(_, value)| value).sum();
    let paid = number(usize::try_from(counted.paid_msat).expect("a day"));
    assert_eq!(worth, paid, "all that was paid was used");
    wait_until("each payment is known", || {
        operator.sample("l402_settlements_msat_total") >= paid
    });
    assert_eq!(operator.sample("l402_settlements_msat_total"), paid);
}

/// Sales, node and books are one.
fn money_agrees(shop: &Shop, operator: &mut Operator, counted: &Tally) {
    let income = shop.sandbox().income().expect("the sandbox can be read");
    assert_eq!(income.msat(), counted.paid_msat, "the node");
    let mut books = Value::Null;
    wait_until("the books have it all", || {
        books = shop.books();
        assert_eq!(books["exact"], true, "{books:#}");
        books["payments"] == counted.payments.len() && books["unspent_msat"] == 0
    });
    assert_eq!(books["received_msat"], counted.paid_msat, "{books:#}");
    assert_eq!(books["spent_msat"], counted.paid_msat, "{books:#}");
    assert_eq!(books["unattributed_msat"], 0, "{books:#}");
    let sales = operator.get("sales?since=1d&by=route");
    let rows = sales["sales"].as_array().expect("rows");
    let sum = |field: &str| {
        rows.iter()
            .filter_map(|row| row[field].as_u64())
            .sum::<u64>()
    };
    assert_eq!(sum("sold_msat"), counted.paid_msat, "{sales:#}");
    assert_eq!(sum("payments"), counted.payments.len() as u64, "{sales:#}");
}

/// Each paid answer was written by an upstream, and no other was.
fn served_as_paid(shop: &Shop, counted: &Tally) {
    let mut delivered = shop.one.delivered();
    for (path, times) in shop.other.delivered() {
        *delivered.entry(path).or_default() += times;
    }
    let is_sold = |path: &str| SOLD.iter().any(|(kind, ..)| path[1..].starts_with(kind));
    delivered.retain(|path, _| is_sold(path));
    let delivered: BTreeMap<_, _> = delivered.into_iter().collect();
    // What came after its time-out was written, and not delivered: it is counted here once more.
    let late = |path: &str| usize::from(path.starts_with("/slow/"));
    let due = counted.had.iter();
    let due: BTreeMap<_, _> = due
        .map(|(path, times)| (path.clone(), times + late(path)))
        .collect();
    assert_eq!(delivered, due);
}

/// Each event was delivered once.
fn webhooks_agree(shop: &Shop, operator: &mut Operator, counted: &Tally) -> usize {
    let dropped = operator.sample("l402_notices_dropped_total");
    assert_eq!(dropped, 0.0, "events that nobody is told of");
    let sales: u64 = counted.sales.values().sum();
    let (sales, payments) = (
        usize::try_from(sales).expect("a day"),
        counted.payments.len(),
    );
    loop {
        let last = shop.receiver.arrived().len();
        if shop.receiver.count("sale") >= sales && shop.receiver.count("settled") >= payments {
            break;
        }
        wait_until("deliveries go on", || shop.receiver.arrived().len() > last);
    }
    let arrived = shop.receiver.arrived();
    let ids: BTreeSet<&str> = arrived
        .iter()
        .filter_map(|event| event["id"].as_str())
        .collect();
    assert_eq!(ids.len(), arrived.len(), "an event came twice");
    assert_eq!(shop.receiver.count("sale"), sales);
    let settled = arrived.iter().filter(|event| event["type"] == "settled");
    let hash = |event: &Value| event["data"]["payment_hash"].as_str().map(str::to_owned);
    let settled: BTreeSet<String> = settled.filter_map(hash).collect();
    assert_eq!(settled, counted.payments);
    assert_eq!(shop.receiver.count("settled"), payments);
    let of_upstreams = arrived.iter().filter_map(|event| {
        let kind = event["type"].as_str()?.strip_prefix("upstream_")?;
        Some((kind, event["data"]["upstream"].as_str()?))
    });
    // An answer that was on its way when the upstream died may bring it back for a moment.
    let of_upstreams: Vec<_> = of_upstreams.collect();
    let dead = format!("http://{}", shop.other.address);
    assert!(!of_upstreams.is_empty(), "an upstream was down");
    for change in of_upstreams.chunks(2) {
        assert_eq!(change, [("down", &*dead), ("up", &*dead)]);
    }
    assert!(shop.receiver.count("configuration_rejected") >= 1);
    arrived.len()
}

/// The audit log has each change of the API once, and the reloads of the file.
fn audit_agrees(operator: &mut Operator, trouble: &Trouble<'_>) {
    let audit = operator.get("audit?limit=500");
    let entries = audit["changes"].as_array().expect("entries");
    for (what, after) in &trouble.changes {
        let is_it = |entry: &&Value| entry["what"] == *what && entry["via"] == "api";
        let of_change = entries.iter().filter(is_it);
        let found = of_change
            .filter(|entry| holds(&entry["after"], after))
            .count();
        let is_same = |other: &&(&str, Value)| other == &&(*what, after.clone());
        let due = trouble.changes.iter().filter(is_same).count();
        assert_eq!(found, due, "{what} {after}: {audit:#}");
    }
    let by_api = entries.iter().filter(|entry| entry["via"] == "api");
    assert!(
        by_api.clone().all(|entry| entry["result"] == "done"),
        "{audit:#}"
    );
    assert_eq!(by_api.count(), trouble.changes.len(), "{audit:#}");
    for result in ["done", "refused"] {
        let is_it = |entry: &&Value| entry["via"] == "file" && entry["result"] == result;
        assert!(
            entries.iter().any(|entry| is_it(&entry)),
            "{result}: {audit:#}"
        );
    }
}

/// Returns true if an object has all members of another one.
fn holds(object: &Value, members: &Value) -> bool {
    let members = members.as_object().expect("an object");
    members.iter().all(|(name, value)| &object[name] == value)
}

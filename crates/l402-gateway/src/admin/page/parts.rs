//! The parts that the gateway stands on, for the pages that show their state.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use l402::Msat;
use l402_lightning::Liquidity;
use maud::{Markup, html};

use super::figure;
use super::layout::Grade;
use super::live::Latency;
use super::node::{NodePage, UpstreamLine};
use super::overview::Status;
use crate::Gateway;
use crate::admin::Admin;
use crate::admin::probes::{self, HealthJson, PartJson};
use crate::metrics::{HistogramTotals, RouteNumbers};
use crate::run::MetricsSnapshot;
use crate::upstream::{Upstream, UpstreamStatus};

/// The longest that a page waits for the state of the parts.
const HEALTH: Duration = Duration::from_secs(2);

/// Returns a line for each part that the gateway needs.
pub(super) async fn statuses(admin: &Arc<Admin>) -> Vec<Status> {
    let health = health(admin).await;
    let draining = health.draining.then(|| Status {
        name: "Gateway".to_owned(),
        grade: Grade::Fair,
        state: "draining".to_owned(),
        more: "It takes no further requests.".to_owned(),
    });
    draining
        .into_iter()
        .chain(health.parts.iter().map(status))
        .collect()
}

fn status(part: &PartJson) -> Status {
    let (grade, state) = if part.ready {
        (Grade::Good, "ready")
    } else {
        (Grade::Bad, "not ready")
    };
    Status {
        name: part
            .name
            .strip_prefix("upstream ")
            .unwrap_or(&part.name)
            .to_owned(),
        grade,
        state: state.to_owned(),
        more: part.why.clone().unwrap_or_default(),
    }
}

/// Returns the state of a part, under another name.
fn part(health: &HealthJson, part: &str, name: String) -> Status {
    let found = health.parts.iter().find(|it| it.name == part);
    let found = found.map(status).unwrap_or(Status {
        name: String::new(),
        grade: Grade::Unknown,
        state: "not known".to_owned(),
        more: String::new(),
    });
    Status { name, ..found }
}

/// Asks how the parts are, for a moment: a page must not wait for what does not answer.
async fn health(admin: &Arc<Admin>) -> HealthJson {
    let answer = tokio::time::timeout(HEALTH, probes::health(admin)).await;
    let mut health = answer.unwrap_or(HealthJson {
        ready: false,
        draining: admin.is_draining(),
        parts: vec![PartJson {
            name: "gateway".to_owned(),
            ready: false,
            why: Some("its parts do not answer in time".to_owned()),
        }],
    });
    if !health.parts.iter().any(|part| part.name == "node") {
        let node = admin.gateway().node_health();
        let why = node.last_error.filter(|_| !node.up);
        let node = PartJson {
            name: "node".to_owned(),
            ready: node.up,
            why,
        };
        health.parts.insert(0, node);
    }
    health
}

/// Returns the page of node, ledger and upstreams.
pub(super) async fn node_page(admin: &Arc<Admin>) -> NodePage {
    let (gateway, health) = (admin.gateway(), health(admin).await);
    let numbers = gateway.metrics_snapshot();
    NodePage {
        node: part(&health, "node", gateway.fixed().node.to_string()),
        facts: node_facts(gateway, &numbers),
        ledger_facts: vec![
            ("A use takes", html! { (took(numbers.ledger.latency)) }),
            (
                "Uses that wait",
                html! { (figure::thousands(numbers.ledger.queue as u64)) },
            ),
        ],
        ledger: part(&health, "ledger", String::new()),
        place: gateway.stores().place(),
        upstreams: upstreams(gateway, &numbers.routes),
    }
}

fn took(time: Option<Duration>) -> String {
    time.map_or_else(|| "–".to_owned(), figure::duration)
}

fn node_facts(gateway: &Gateway, numbers: &MetricsSnapshot) -> Vec<(&'static str, Markup)> {
    let counters = &numbers.counters;
    let mut facts = vec![
        ("Network", html! { (gateway.table().snapshot.network()) }),
        (
            "Invoices asked for",
            html! { (figure::thousands(gateway.node_calls())) },
        ),
        (
            "Payments told",
            html! { (figure::thousands(counters.settlements)) },
        ),
        ("Their sum", figure::sat(counters.settled_msat)),
        ("Last answer took", html! { (took(numbers.node.latency)) }),
        (
            "Last answer",
            match numbers.node.last_success {
                Some(time) => figure::ago(time, gateway.clock().wall()),
                None => html! { "–" },
            },
        ),
    ];
    let least = gateway.live().webhooks.least_receivable;
    facts.extend(liquidity(gateway.liquidity(), least));
    facts
}

/// Shows what the node's channels can move; nothing if `[liquidity]` does not ask for it.
fn liquidity(of: Option<Liquidity>, least: Option<Msat>) -> Vec<(&'static str, Markup)> {
    let Some(least) = least else {
        return Vec::new();
    };
    let Some(of) = of else {
        return vec![("Can receive", html! { "not told by the node" })];
    };
    let is_low = of.receivable < least;
    let receivable = html! {
        (figure::sat(of.receivable.msat()))
        @if is_low { span.more { "less than " (figure::sat(least.msat())) } }
    };
    let spendable = of.spendable.map(|it| ("Can pay", figure::sat(it.msat())));
    core::iter::once(("Can receive", receivable))
        .chain(spendable)
        .collect()
}

/// Returns each upstream once, in the order of the file.
fn upstreams(gateway: &Gateway, numbers: &[RouteNumbers]) -> Vec<UpstreamLine> {
    let table = gateway.table();
    let mut of: HashMap<u64, (u64, HistogramTotals)> = HashMap::new();
    for (target, route) in table.targets.iter().zip(table.snapshot.routes()) {
        for upstream in target.upstreams.all() {
            let (count, times) = of.entry(upstream.number()).or_default();
            *count += 1;
            let own = numbers.iter().filter(|it| it.route == route.path);
            own.for_each(|it| times.join(&it.upstream));
        }
    }
    let all = table.upstreams();
    let lines = all.iter().map(|upstream| {
        let (routes, times) = of.remove(&upstream.number()).unwrap_or_default();
        upstream_line(upstream, routes, &times)
    });
    lines.collect()
}

fn upstream_line(upstream: &Upstream, routes: u64, times: &HistogramTotals) -> UpstreamLine {
    let state = upstream.state();
    let (grade, word) = match state.status {
        UpstreamStatus::Up => (Grade::Good, "up"),
        UpstreamStatus::Suspect => (Grade::Fair, "failing"),
        UpstreamStatus::Down => (Grade::Bad, "down"),
    };
    let is_up = state.status == UpstreamStatus::Up;
    UpstreamLine {
        status: Status {
            name: upstream.to_string(),
            grade,
            state: word.to_owned(),
            more: state.last_error.filter(|_| !is_up).unwrap_or_default(),
        },
        since: state.since,
        in_flight: state.in_flight,
        routes,
        latency: Latency::of(&times.quantiles()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(of: Option<Liquidity>, least: Option<u64>) -> String {
        let facts = liquidity(of, least.map(Msat::new));
        let texts = facts
            .into_iter()
            .map(|(name, value)| format!("{name}: {};", value.into_string()));
        texts.collect()
    }

    #[test]
    fn liquidity_shows_if_it_is_asked_for_and_says_if_it_is_low() {
        let of = Liquidity::new(Msat::new(5_000_000)).with_spendable(Msat::new(3_000));
        assert_eq!(shown(Some(of), None), "");
        let enough = shown(Some(of), Some(5_000_000));
        assert!(enough.contains("Can receive") && enough.contains("Can pay"));
        assert!(!enough.contains("less than"), "{enough}");
        assert!(shown(Some(of), Some(5_000_001)).contains("less than"));
        assert!(shown(None, Some(1)).contains("not told"));
    }
}

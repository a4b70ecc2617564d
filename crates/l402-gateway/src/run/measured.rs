//! The numbers of a running gateway: as text for Prometheus, and as values for a dashboard.

use std::time::Duration;

use super::Gateway;
use super::node_watch::NodeHealth;
use crate::log::Counters;
use crate::metrics::{
    AnswerKind, BOOKS_MISSED, BUILD_INFO, CONNECTIONS, CONNECTIONS_ACCEPTED, CallEnd, DESCRIPTORS,
    DESCRIPTORS_MAX, GATEWAY_SECONDS, INVOICES_ASKED, INVOICES_IN_STOCK, LEDGER_ERRORS,
    LEDGER_QUEUE, LEDGER_SECONDS, LEDGER_UP, LIMIT_HITS, LOG_DROPPED, LastMinute, Limit,
    NODE_CALL_SECONDS, NODE_CALLS, NODE_LAST_SUCCESS, NODE_UP, NOTICES_DROPPED, NodeCall, PROBLEMS,
    Protocol, RELOADS, REQUESTS, RequestOutcome, RouteNumbers, SALES, SALES_MSAT, SETTLEMENTS,
    SETTLEMENTS_MSAT, SPANS_DROPPED, START_TIME, Text, UPSTREAM_CONNECTIONS, UPSTREAM_IN_FLIGHT,
    UPSTREAM_SECONDS, UPSTREAM_UP,
};

/// The health of the ledger, as the last reservations show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LedgerHealth {
    /// False while its lease has ended, or if the last reservation failed because of it.
    pub(crate) reachable: bool,
    /// The reason of the last failure, without secrets. It stays when the ledger is back.
    pub(crate) last_error: Option<String>,
    /// The reservations that wait.
    pub(crate) queue: usize,
    /// The median time of a reservation in the last minute.
    pub(crate) latency: Option<Duration>,
}

/// All numbers of a gateway at one moment.
#[derive(Clone, Debug)]
pub(crate) struct MetricsSnapshot {
    /// Sums since the start.
    pub(crate) counters: Counters,
    /// Each route that was served since the start, and what matched none under `-`.
    pub(crate) routes: Vec<RouteNumbers>,
    pub(crate) last_minute: LastMinute,
    pub(crate) node: NodeHealth,
    pub(crate) ledger: LedgerHealth,
}

impl Gateway {
    /// Returns the health of the node. If nobody has called it for a while, this looks it up in the
    /// background, so that the next caller knows more.
    pub(crate) fn node_health(&self) -> NodeHealth {
        self.node_watch.health(self.control.handle())
    }

    /// Returns the health of the ledger.
    pub(crate) fn ledger_health(&self) -> LedgerHealth {
        let (metrics, now) = (&self.state.metrics, self.clock.monotonic());
        let paywall = &self.state.paywall;
        LedgerHealth {
            reachable: !(paywall.ledger_has_lapsed() || metrics.ledger.has_failed(now)),
            last_error: metrics.ledger.last_error(),
            queue: paywall.ledger_queue().unwrap_or(0),
            latency: metrics.ledger_last_minute().p50,
        }
    }

    /// Returns all numbers as they are now.
    pub(crate) fn metrics_snapshot(&self) -> MetricsSnapshot {
        let metrics = &self.state.metrics;
        let routes = metrics.routes.read();
        MetricsSnapshot {
            counters: self.counters(),
            last_minute: metrics.last_minute(&routes),
            routes,
            node: self.node_health(),
            ledger: self.ledger_health(),
        }
    }

    /// Returns all numbers in the text format of Prometheus, version 0.0.4.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        let mut text = Text::default();
        let version = env!("CARGO_PKG_VERSION");
        text.family(&BUILD_INFO).add(&[version], 1);
        text.one(&START_TIME, self.started.secs());
        self.write_requests(&mut text);
        self.write_upstreams(&mut text);
        self.write_node(&mut text);
        self.write_ledger(&mut text);
        self.write_process(&mut text);
        text.into_string()
    }

    fn write_requests(&self, text: &mut Text) {
        let metrics = &self.state.metrics;
        // Read once for all families, so that the numbers of one page go together.
        let (routes, counters) = (metrics.routes.read(), self.counters());
        let mut samples = text.family(&REQUESTS);
        for route in &routes {
            for outcome in RequestOutcome::ALL {
                samples.add(&[&route.route, outcome.name()], route.outcome(outcome));
            }
        }
        let mut samples = text.family(&PROBLEMS);
        for route in &routes {
            for (problem, count) in route.problems() {
                samples.add(&[&route.route, problem.code()], count);
            }
        }
        let mut by_route = |family, number: fn(&RouteNumbers) -> u64| {
            let mut samples = text.family(family);
            for route in &routes {
                samples.add(&[&route.route], number(route));
            }
        };
        by_route(&SALES, |route| route.sales);
        by_route(&SALES_MSAT, |route| route.sales_msat);
        text.one(&SETTLEMENTS, counters.settlements);
        text.one(&SETTLEMENTS_MSAT, counters.settled_msat);
        let mut samples = text.family(&GATEWAY_SECONDS);
        for kind in AnswerKind::ALL {
            samples.histogram(&[kind.name()], &metrics.gateway_times(kind));
        }
        let mut samples = text.family(&UPSTREAM_SECONDS);
        // A histogram has many lines: a route without an answer of an upstream gets none.
        for route in routes.iter().filter(|route| route.upstream.count() > 0) {
            samples.histogram(&[&route.route], &route.upstream);
        }
    }

    fn write_upstreams(&self, text: &mut Text) {
        let table = self.table();
        let upstreams = table.upstream_states();
        let mut samples = text.family(&UPSTREAM_UP);
        for (name, (is_up, _)) in &upstreams {
            samples.add(&[name], u8::from(*is_up));
        }
        let mut samples = text.family(&UPSTREAM_IN_FLIGHT);
        for (name, (_, in_flight)) in &upstreams {
            samples.add(&[name], in_flight);
        }
        text.one(
            &UPSTREAM_CONNECTIONS,
            self.slots.as_ref().map_or(0, |slots| slots.open()),
        );
    }

    fn write_node(&self, text: &mut Text) {
        let numbers = &self.state.metrics.node;
        // A scrape asks nothing of the node: it comes every few seconds for ever.
        let health = self.node_watch.health(None);
        text.one(&NODE_UP, u8::from(health.up));
        let mut samples = text.family(&NODE_CALLS);
        for call in NodeCall::ALL {
            for end in CallEnd::ALL {
                samples.add(&[call.name(), end.name()], numbers.count(call, end));
            }
        }
        let mut samples = text.family(&NODE_CALL_SECONDS);
        for call in NodeCall::ALL {
            samples.histogram(&[call.name()], &numbers.times(call));
        }
        let last = health.last_success.map_or(0, |time| time.secs());
        text.one(&NODE_LAST_SUCCESS, last);
        text.one(&INVOICES_ASKED, self.node_calls());
        let stock = self.invoice_stock.as_ref();
        text.one(&INVOICES_IN_STOCK, stock.map_or(0, |stock| stock.ready()));
    }

    fn write_ledger(&self, text: &mut Text) {
        let (health, numbers) = (self.ledger_health(), &self.state.metrics.ledger);
        text.one(&LEDGER_UP, u8::from(health.reachable));
        text.family(&LEDGER_SECONDS)
            .histogram(&[], &numbers.times());
        text.one(&LEDGER_ERRORS, numbers.errors());
        text.one(&LEDGER_QUEUE, health.queue);
        let missed = self
            .books
            .as_ref()
            .map_or(0, |books| books.observer.missed());
        text.one(&BOOKS_MISSED, missed);
    }

    fn write_process(&self, text: &mut Text) {
        let metrics = &self.state.metrics;
        let mut samples = text.family(&CONNECTIONS);
        for protocol in Protocol::ALL {
            samples.add(&[protocol.name()], metrics.connections.open(protocol));
        }
        text.one(&CONNECTIONS_ACCEPTED, metrics.connections.accepted());
        let mut samples = text.family(&DESCRIPTORS);
        // A system that does not tell the number gets no sample: 0 would be a wrong one.
        if let Some(open) = l402_host::open_descriptors() {
            samples.add(&[], open);
        }
        let mut samples = text.family(&DESCRIPTORS_MAX);
        if let Some(most) = self.descriptors_max {
            samples.add(&[], most);
        }
        let mut samples = text.family(&LIMIT_HITS);
        for limit in Limit::ALL {
            samples.add(&[limit.name()], metrics.limits.read(limit));
        }
        for (name, hits) in self.state.paywall.limit_hits().by_name() {
            samples.add(&[name], hits);
        }
        let counters = self.counters();
        text.one(&LOG_DROPPED, counters.lines_dropped);
        text.one(&SPANS_DROPPED, counters.spans_dropped);
        text.one(&NOTICES_DROPPED, self.state.notices.dropped());
        let mut samples = text.family(&RELOADS);
        samples.add(&["ok"], metrics.reloads.read());
        samples.add(&["rejected"], metrics.reloads_rejected.read());
    }
}

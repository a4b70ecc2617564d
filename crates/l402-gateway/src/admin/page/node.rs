//! The page of everything that the gateway stands on: node, ledger, upstreams.

use std::time::Duration;

use maud::{Markup, html};

use super::figure;
use super::layout::{heading, state};
use super::live::Latency;
use super::overview::Status;

/// An upstream.
pub(super) struct UpstreamLine {
    pub(super) status: Status,
    /// The time for which it has had this state.
    pub(super) since: Duration,
    /// The requests that it serves at present.
    pub(super) in_flight: u32,
    /// The routes that lead to it.
    pub(super) routes: u64,
    /// The time to the head of an answer, over all answers of these routes.
    pub(super) latency: Option<Latency>,
}

/// Everything that the page shows.
pub(super) struct NodePage {
    pub(super) node: Status,
    /// Further facts of the node, each with its name.
    pub(super) facts: Vec<(&'static str, Markup)>,
    pub(super) ledger: Status,
    pub(super) ledger_facts: Vec<(&'static str, Markup)>,
    /// The place of the ledger, without a password.
    pub(super) place: String,
    pub(super) upstreams: Vec<UpstreamLine>,
}

impl NodePage {
    /// Returns the page without its frame.
    pub(super) fn content(&self) -> Markup {
        html! {
            (heading("Node & upstreams", &html! {}))
            div.grid.two {
                section.card aria-labelledby="node" {
                    div.cardhead { h2 #node { "Node" } (state(self.node.grade, &self.node.state)) }
                    @if !self.node.more.is_empty() { p.hint { (figure::line(&self.node.more, 300)) } }
                    dl.facts {
                        div.wide { dt { "Backend" } dd.key { (figure::line(&self.node.name, 200)) } }
                        @for (name, value) in &self.facts { div { dt { (name) } dd { (value) } } }
                    }
                }
                section.card aria-labelledby="ledger" {
                    div.cardhead { h2 #ledger { "Ledger & books" } (state(self.ledger.grade, &self.ledger.state)) }
                    @if !self.ledger.more.is_empty() { p.hint { (figure::line(&self.ledger.more, 300)) } }
                    dl.facts {
                        div.wide { dt { "Place" } dd.key { (figure::line(&self.place, 300)) } }
                        @for (name, value) in &self.ledger_facts { div { dt { (name) } dd { (value) } } }
                    }
                }
            }
            (self.upstreams())
        }
    }

    fn upstreams(&self) -> Markup {
        html! {
            section.card aria-labelledby="upstreams" {
                div.cardhead { h2 #upstreams { "Upstreams" } span.small { "latency: all answers of their routes since the start" } }
                @if self.upstreams.is_empty() { p.empty { "No route has an upstream." } }
                @else {
                    div.scroll.terms tabindex="0" role="group" aria-labelledby="upstreams" {
                        table {
                            thead { tr { th scope="col" { "Upstream" } th scope="col" { "State" } th.num scope="col" { "Since" }
                                th.num scope="col" { "In flight" } th.num scope="col" { "Routes" }
                                th.num scope="col" { "p50" } th.num scope="col" { "p95" } } }
                            tbody {
                                @for it in &self.upstreams {
                                    tr {
                                        th scope="row" { span.route { (figure::line(&it.status.name, 160)) } @if !it.status.more.is_empty() { span.more { (figure::line(&it.status.more, 200)) } } }
                                        td { (state(it.status.grade, &it.status.state)) }
                                        td.num { (figure::span(it.since.as_secs())) }
                                        td.num { (figure::thousands(it.in_flight.into())) }
                                        td.num { (figure::thousands(it.routes)) }
                                        td.num { (latency(it.latency, |it| it.p50)) }
                                        td.num { (latency(it.latency, |it| it.p95)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn latency(of: Option<Latency>, which: impl Fn(Latency) -> Duration) -> String {
    of.map_or_else(|| "–".to_owned(), |it| figure::duration(which(it)))
}

//! What the registry saw.

use std::time::Duration;

use l402::{Network, UnixTime};
use l402_client::examine::READERS;
use maud::{Markup, html};

use crate::listing::{Listing, Observed, PaidProbe};
use crate::page::form::Form;
use crate::page::list::shape;
use crate::page::phrase::{date, line, millis, minute, percent, price, span, when};

/// Returns the facts of the last 402.
pub(super) fn section(listing: &Listing, now: UnixTime) -> Markup {
    html! {
        section.panel {
            h2 { "What we saw" }
            @match &listing.observed {
                Some(seen) => (facts(listing, seen, now)),
                None => p.none { "No 402 has been seen yet." },
            }
        }
    }
}

fn facts(listing: &Listing, seen: &Observed, now: UnixTime) -> Markup {
    html! {
        dl.facts {
            div { dt { "Seen" } dd { (when(seen.at, now)) } }
            div {
                dt { "Price of the invoice" }
                dd {
                    @match seen.price { Some(amount) => b { (price(amount)) }, None => "none in it" }
                    @if let (true, Some(said)) = (listing.is_price_wrong(), listing.words.price.msat()) {
                        " " span.differs { "differs from the " (price(said)) " that is said" }
                    }
                }
            }
            @if let Some(network) = seen.network { div { dt { "Network" } dd { (network_words(network)) } } }
            @if let Some(expiry) = seen.expiry_secs {
                div { dt { "Invoice can be paid for" } dd { (span(Duration::from_secs(expiry))) } }
            }
            div { dt { "Token and invoice" } dd { (hash_words(seen.hash_matches)) } }
            @if !seen.forms.is_empty() {
                div { dt { "Challenge" } dd { @for (at, form) in seen.forms.iter().enumerate() {
                    @if at > 0 { ", " } (shape(*form)) } } }
            }
            @if let Some(node) = seen.node { (node_key(&hex::encode(node))) }
            @if let Some(until) = seen.tls_until { div { dt { "Certificate until" } dd { (date(until)) } } }
            div { dt { "Up" } dd { (uptime(listing)) } }
            div { dt { "Other services" } dd {
                a href=(Form::default().with("host", listing.url.host()).href()) { "of this host" } } }
        }
    }
}

fn uptime(listing: &Listing) -> Markup {
    let uptime = listing.uptime;
    let parts = [
        (uptime.day, "24 h"),
        (uptime.week, "7 d"),
        (uptime.month, "30 d"),
    ];
    html! {
        @for (at, (part, of)) in parts.into_iter().enumerate() {
            @if at > 0 { ", " }
            @match part { Some(permille) => (percent(permille)), None => "–" } " " small { "in " (of) }
        }
    }
}

fn node_key(node: &str) -> Markup {
    html! {
        div {
            dt { "Signed by the node" }
            dd { a.key href=(Form::default().with("node", node).href()) title="other services of this node" { (node) } }
        }
    }
}

fn network_words(network: Network) -> Markup {
    html! {
        @match network {
            Network::Bitcoin => "mainnet",
            other => { (other.name()) " " span.differs { "no real money" } },
        }
    }
}

fn hash_words(matches: Option<bool>) -> Markup {
    html! {
        @match matches {
            Some(true) => span.good { "name the same payment" },
            Some(false) => span.bad { "name different payments: paying buys nothing" },
            None => "the token cannot be read from outside",
        }
    }
}

/// Returns the known clients, and which of them can read the challenge.
pub(super) fn clients(listing: &Listing) -> Markup {
    let Some(seen) = &listing.observed else {
        return html! {};
    };
    let reads = |client: &str| seen.clients.iter().any(|it| it == client);
    html! {
        section.panel {
            h2 { "Who can pay it" }
            p.hint { "By the rules with which each client's published source reads a challenge." }
            ul.clients {
                @for reader in READERS {
                    @if reads(reader.client) { li.yes { (reader.client) span.vh { ": yes" } } }
                    @else { li.no { (reader.client) span.vh { ": no" } } }
                }
            }
        }
    }
}

/// Returns the registry's own purchase, apart from all that others say.
pub(super) fn paid(listing: &Listing, now: UnixTime) -> Markup {
    let Some(paid) = &listing.paid else {
        return html! {};
    };
    html! {
        section.panel.own {
            h2 { "We paid it" }
            p.hint { "A purchase by this registry itself: its own word, and nobody's claim." }
            (purchase(paid, now))
        }
    }
}

fn purchase(paid: &PaidProbe, now: UnixTime) -> Markup {
    html! {
        p {
            @if paid.works { span.good { "It works when paid." } } @else { span.bad { "It did not work when paid." } }
        }
        @if let Some(reason) = &paid.reason { p.warn { (line(reason, 300)) } }
        dl.facts {
            div { dt { "Bought" } dd title=(minute(paid.at)) { (when(paid.at, now)) } }
            div { dt { "Paid" } dd { (price(paid.paid)) } }
            div { dt { "Payment to answer" } dd { (millis(paid.latency_ms)) } }
        }
    }
}

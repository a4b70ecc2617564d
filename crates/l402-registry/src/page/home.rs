//! The home page.

use l402::UnixTime;
use maud::{Markup, html};

use super::categories;
use super::command::quoted;
use super::form::Form;
use super::layout::{Place, code, layout};
use super::list::search_box;
use super::phrase::count;
use super::row::{Level, rows, state_word};
use crate::desk::Registry;
use crate::listing::{Listing, State};
use crate::search::{Filter, Query, Sort};
use crate::store::{Category, StoreError, Totals};

/// The listings of each list.
const SHOWN: u32 = 6;

/// The categories.
const CATEGORIES: usize = 14;

/// Returns the page.
pub(super) async fn content(registry: &Registry) -> Result<Markup, StoreError> {
    let now = registry.clock().wall();
    let store = registry.store();
    let totals = store.totals(now).await?;
    let categories = store.categories().await?;
    let best = store
        .search(list(Sort::Uptime, vec![State::Up]))
        .await?
        .listings;
    let newest = store.search(list(Sort::Newest, Vec::new())).await?.listings;
    let body = html! {
        (hero(&totals))
        @if totals.listings == 0 {
            (empty(registry))
        } @else {
            (numbers(&totals))
            (category_list(&categories))
            div.two {
                (section("Best uptime", Form::default().with("sort", "uptime").with("state", "up"), &best, now))
                (section("Newest", Form::default().with("sort", "newest"), &newest, now))
            }
        }
    };
    Ok(layout(Place::Home, "Paid APIs, checked", &body))
}

fn list(sort: Sort, states: Vec<State>) -> Query {
    Query {
        sort,
        limit: SHOWN,
        filter: Filter {
            states,
            ..Filter::default()
        },
        ..Query::default()
    }
}

fn hero(totals: &Totals) -> Markup {
    html! {
        section.hero.with {
          div {
            h1 { "Paid APIs that are really up, and really cost what they say." }
            p.lead {
                "This registry asks every service for its price as a buyer would, reads the signed invoice, and shows "
                "what it saw with the evidence. " "The words of sellers stand beside it, " span.said { "in italics" } "."
            }
            form.search action="/search" role="search" { (search_box(None)) }
            p.hint {
                @if totals.listings > 0 {
                    "Try " a href=(Form::default().with("max_price_sat", "10").with("state", "up").href()) { "up to 10 sat" }
                    ", " a href=(Form::default().with("owned", "true").href()) { "with a proved owner" }
                    ", or " a href="/categories" { "by category" } "."
                }
            }
          }
          (example())
        }
    }
}

/// Returns an example of a listing that does not cost what it says.
fn example() -> Markup {
    html! {
        div.example role="img" aria-label="An example: the seller says 10 sat, the signed invoice says 1,000 sat, and the listing is marked." {
            p aria-hidden="true" { "The seller says" span.said { "10 sat" } }
            code.key aria-hidden="true" { "lnbc10u1p5zr8qgpp5w7…k9cx" }
            p aria-hidden="true" { "The signed invoice says" b { "1,000 sat" } }
            p.mark aria-hidden="true" { "So the listing is marked" span.differs { "says 10 sat" } }
        }
    }
}

fn numbers(totals: &Totals) -> Markup {
    let of = |state| {
        totals
            .by_state
            .iter()
            .find(|it| it.0 == state)
            .map_or(0, |it| it.1)
    };
    html! {
        section.numbers aria-label="The registry in numbers" {
            dl.figures {
                div { dt { "services" } dd { (count(totals.listings)) } }
                div { dt { "up now" } dd { (count(of(State::Up))) } }
                div { dt { "checks in 24 h" } dd { (count(totals.probes_of_day)) } }
                div { dt { "owners proved" } dd { (count(totals.owned)) } }
            }
            (bar(totals))
        }
    }
}

/// Draws the states as one bar, with a legend of links.
fn bar(totals: &Totals) -> Markup {
    // In the order of `ALL`, so that a state keeps its place whatever the store returns first.
    let parts: Vec<_> = State::ALL
        .into_iter()
        .filter_map(|state| totals.by_state.iter().find(|it| it.0 == state && it.1 > 0))
        .collect();
    let starts: Vec<u64> = parts
        .iter()
        .scan(0, |sum, part| Some(std::mem::replace(sum, *sum + part.1)))
        .collect();
    let all: u64 = parts.iter().map(|part| part.1).sum();
    html! {
        svg.bar viewBox={ "0 0 " (all.max(1)) " 1" } preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            @for (part, start) in parts.iter().zip(starts) {
                rect class={ "f-" (part.0.name()) } x=(start) width=(part.1) height="1" {}
            }
        }
        ul.legend {
            @for part in &parts {
                li {
                    a class={ "st st-" (part.0.name()) } href=(Form::default().with("state", part.0.name()).href()) {
                        (state_word(part.0)) " " b { (count(part.1)) }
                    }
                }
            }
        }
    }
}

fn category_list(found: &[Category]) -> Markup {
    html! {
        @if !found.is_empty() {
            section.catlist {
                h2.vh { "Categories" }
                ul.tags {
                    @for category in found.iter().take(CATEGORIES) {
                        li { (categories::link(category)) " " span.n { (count(category.count)) } }
                    }
                    @if found.len() > CATEGORIES { li { a href="/categories" { "all categories" } } }
                }
            }
        }
    }
}

fn section(title: &str, all: Form, listings: &[Listing], now: UnixTime) -> Markup {
    html! {
        section {
            div.sechead {
                h2 { (title) }
                a href=(all.href()) { "All" span.vh { ": " (title) } }
            }
            (rows(listings, Level::Three, now))
            @if listings.is_empty() { p.empty { "None yet." } }
        }
    }
}

fn empty(registry: &Registry) -> Markup {
    let public = registry.options().public_url.as_str().trim_end_matches('/');
    let command = format!(
        "l402 registry add https://api.example.com/v1/joke --registry {}",
        quoted(public)
    );
    html! {
        section.narrow {
            h2 { "Nothing is listed yet" }
            p { "Add a service by its address, or by the address of a document that describes several:" }
            (code("the command that adds a service", &command))
            p { a href="/owner" { "How to list, claim and edit a service" } }
        }
    }
}

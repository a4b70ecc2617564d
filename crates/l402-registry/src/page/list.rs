//! The page of a search.

use l402::Network;
use l402_client::examine::READERS;
use maud::{Markup, html};

use super::form::Form;
use super::layout::{Place, layout};
use super::phrase::{count, line};
use super::row::{Level, rows, state_word};
use crate::desk::Registry;
use crate::listing::{Form as Shape, State, is_category};
use crate::search::Sort;
use crate::store::{Category, Found, StoreError};

/// The most categories that the form offers.
const CATEGORIES: usize = 40;

/// The total up to which the store counts.
const COUNTED: u64 = 10_000;

/// Searches, and returns the page.
pub(super) async fn content(registry: &Registry, query: &str) -> Result<Markup, StoreError> {
    let form = Form::read(query);
    let store = registry.store();
    let found = store.search(form.query()).await?;
    let categories = store.categories().await?;
    let now = registry.clock().wall();
    let title = match form.value("q") {
        Some(text) => format!("“{}”", line(text, 60)),
        None => "Services".to_owned(),
    };
    let body = html! {
        h1.vh { "Search: " (title) }
        (fields(&form, &categories))
        (chips(&form))
        div.listhead {
            p { (total(&found)) }
            (orders(&form))
        }
        @for note in &form.notes { p.warn { (note) } }
        @if found.listings.is_empty() { (nothing(&form)) }
        div.wide { (rows(&found.listings, Level::Two, now)) }
        (pager(&form, found))
    };
    Ok(layout(Place::Search, &title, &body))
}

fn total(found: &Found) -> Markup {
    let more = if found.total >= COUNTED { "+" } else { "" };
    let noun = if found.total == 1 {
        " service"
    } else {
        " services"
    };
    html! { b { (count(found.total)) (more) } (noun) }
}

/// Returns the search box alone.
pub(super) fn search_box(text: Option<&str>) -> Markup {
    html! {
        div.box {
            label.vh for="q" { "Search the services" }
            input #q type="search" name="q" maxlength="200" value=[text] placeholder="weather, images, jokes …"
                autocomplete="off";
            button type="submit" { "Search" }
        }
    }
}

fn fields(form: &Form, categories: &[Category]) -> Markup {
    let choice = |name: &'static str, label: &str, options: Vec<(&str, &str)>| {
        let chosen = form.value(name);
        html! {
            div {
                label for=(name) { (label) }
                select id=(name) name=(name) {
                    option value="" { "any" }
                    @for (value, text) in &options {
                        option value=(value) selected[chosen == Some(value)] { (line(text, 60)) }
                    }
                }
            }
        }
    };
    let states = State::ALL.map(|it| (it.name(), state_word(it)));
    let networks = Network::ALL.map(|it| (it.name(), it.name()));
    let shapes = Shape::ALL.map(|it| (it.name(), shape(it)));
    html! {
        form.search action="/search" role="search" {
            (search_box(form.value("q")))
            // Filters that have no field of their own stay as they are.
            @for name in ["sort", "host", "node"] {
                @if let Some(value) = form.value(name) { input type="hidden" name=(name) value=(value); }
            }
            details open[form.filters().next().is_some()] {
                summary { "Filters" }
                div.fields {
                    (choice("state", "State", states.to_vec()))
                    div {
                        label for="max_price_sat" { "Price up to, in sat" }
                        input #max_price_sat name="max_price_sat" inputmode="numeric" pattern="[0-9]*"
                            value=[form.value("max_price_sat")];
                    }
                    (choice("category", "Category", category_options(form, categories)))
                    (choice("client", "Can be paid by", READERS.iter().map(|it| (it.client, it.client)).collect()))
                    (choice("form", "Challenge", shapes.to_vec()))
                    (choice("network", "Network", networks.to_vec()))
                    (checkbox(form, "owned", "An owner is proved"))
                    (checkbox(form, "paid", "Worked when this registry paid"))
                    button type="submit" { "Apply" }
                }
            }
        }
    }
}

/// Returns the largest categories, with the chosen one if it is not among them.
fn category_options<'a>(form: &'a Form, categories: &'a [Category]) -> Vec<(&'a str, &'a str)> {
    let mut names: Vec<&str> = categories
        .iter()
        .map(|it| &*it.name)
        .filter(|name| is_category(name))
        .take(CATEGORIES)
        .collect();
    names.extend(form.value("category"));
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| (name, name)).collect()
}

fn checkbox(form: &Form, name: &'static str, label: &str) -> Markup {
    html! {
        div.check {
            input id=(name) type="checkbox" name=(name) value="true" checked[form.value(name) == Some("true")];
            label for=(name) { (label) }
        }
    }
}

/// Returns links that set or take off a filter: the frequent ones, and each that is set.
fn chips(form: &Form) -> Markup {
    const FREQUENT: &[(&str, &str, &str)] = &[
        ("state", "up", "up now"),
        ("max_price_sat", "10", "up to 10 sat"),
        ("max_price_sat", "100", "up to 100 sat"),
        ("owned", "true", "owner proved"),
        ("paid", "true", "works when paid"),
    ];
    let is_set = |name: &str, value: &str| form.filters().any(|it| it == (name, value));
    let is_frequent =
        |name: &str, value: &str| FREQUENT.iter().any(|it| (it.0, it.1) == (name, value));
    html! {
        nav.chips aria-label="Quick filters" {
            ul {
                @for (name, value, label) in FREQUENT {
                    li {
                        @if is_set(name, value) {
                            a.on href=(form.without(name).href()) { (label) span.vh { ", take off" } }
                        } @else {
                            a href=(form.with(name, value).href()) { (label) }
                        }
                    }
                }
                // A filter that is set can be taken off, however rare it is.
                @for (name, value) in form.filters().filter(|it| !is_frequent(it.0, it.1)) {
                    li {
                        a.on href=(form.without(name).href()) {
                            (label(name)) (line(value, 24)) span.vh { ", take off" }
                        }
                    }
                }
            }
        }
    }
}

/// Returns the words before the value of a filter.
fn label(name: &str) -> &'static str {
    match name {
        "max_price_sat" => "up to sat ",
        "client" => "paid by ",
        "category" => "in ",
        "form" => "challenge ",
        "host" => "host ",
        "network" => "network ",
        "node" => "node ",
        "owned" => "owner proved: ",
        "paid" => "works when paid: ",
        _ => "state ",
    }
}

fn orders(form: &Form) -> Markup {
    html! {
        nav.orders aria-label="Order" {
            ul {
                @for sort in Sort::ALL {
                    @let href = match sort {
                        Sort::Relevance => form.without("sort"),
                        sort => form.with("sort", sort.name()),
                    };
                    li { a href=(href.href()) aria-current=[(form.sort() == sort).then_some("true")] { (sort.name()) } }
                }
            }
        }
    }
}

fn nothing(form: &Form) -> Markup {
    html! {
        div.empty {
            p { "No service fits." }
            @if form.filters().next().is_some() {
                p { a href=(only_words(form).href()) { "Search without filters" } }
            } @else {
                p { a href="/search" { "Show all services" } " or " a href="/categories" { "look through the categories" } "." }
            }
        }
    }
}

fn only_words(form: &Form) -> Form {
    form.value("q")
        .map(|text| Form::default().with("q", text))
        .unwrap_or_default()
}

fn pager(form: &Form, found: Found) -> Markup {
    html! {
        @if form.is_continued() || found.next.is_some() {
            nav.pager aria-label="Pages of results" {
                @if form.is_continued() { a href=(form.without("after").href()) { "First page" } }
                @if let Some(next) = found.next { a.next href=(form.from(next).href()) rel="next" { "Next page" } }
            }
        }
    }
}

/// Returns the name of a form of challenge.
pub(super) fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::L402 => "L402",
        Shape::Lsat => "LSAT",
        Shape::Payment => "Payment",
        Shape::Body => "JSON body",
        Shape::X402 => "x402",
    }
}

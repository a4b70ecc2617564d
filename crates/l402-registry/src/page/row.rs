//! One listing in a list: what the seller says at the left, what was seen at the right.

use l402::UnixTime;
use maud::{Markup, html};

use super::link::address;
use super::lookalike;
use super::phrase::{millis, percent, price, short};
use crate::listing::{Listing, State};

/// The level of the headings of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Two,
    Three,
}

/// Returns a list of listings.
pub(super) fn rows(listings: &[Listing], level: Level, now: UnixTime) -> Markup {
    html! {
        ol.rows {
            @for listing in listings { li { (row(listing, level, now)) } }
        }
    }
}

fn row(listing: &Listing, level: Level, now: UnixTime) -> Markup {
    let link = html! { a href={ "/s/" (listing.id) } { bdi { (name(listing, 80)) } } };
    let words = &listing.words;
    html! {
        div.id {
            @match level {
                Level::Two => h2 { (link) },
                Level::Three => h3 { (link) },
            }
            p { (address(&listing.url)) }
            @for mark in lookalike::marks(&words.name, listing.url.host()) { p.warn { (mark) } }
            @if !words.description.is_empty() { p.said dir="auto" { (short(&words.description, 140)) } }
        }
        (price_tag(listing))
        ul.stats {
            li { (state(listing.health.state)) }
            @if let Some(month) = listing.uptime.month { li { (percent(month)) " up" } }
            @if let Some(seen) = &listing.observed { li { (millis(seen.latency_ms)) } }
            @if listing.owner.is_some() { li.good { "owner proved" } }
            @if listing.paid.as_ref().is_some_and(|paid| paid.works) { li.good { "works when paid" } }
            @if let Some(average) = stars(listing) { li { "★ " (average) " of 5" } }
            @if listing.added.saturating_add(NEW) > now { li { "new" } }
        }
    }
}

/// The time for which a listing is new.
const NEW: std::time::Duration = std::time::Duration::from_secs(48 * 3600);

/// Returns the name of a listing; host and path if nobody gave one.
pub(super) fn name(listing: &Listing, max_chars: usize) -> String {
    if listing.words.name.is_empty() {
        let path = listing.url.url().path();
        return short(&format!("{}{path}", listing.url.host()), max_chars);
    }
    short(&listing.words.name, max_chars)
}

/// Returns the price that was seen, and beside it the one that is said if it is another.
pub(super) fn price_tag(listing: &Listing) -> Markup {
    let seen = listing.observed.as_ref().and_then(|seen| seen.price);
    let said = listing.words.price.msat();
    html! {
        p.price {
            @match (seen, said) {
                (Some(seen), said) => {
                    b { (price(seen)) }
                    @if listing.is_price_wrong() {
                        @if let Some(said) = said { span.differs { "says " (price(said)) } }
                    }
                }
                (None, Some(said)) => span.said { "says " (price(said)) },
                (None, None) => @match &listing.words.price.other {
                    Some(other) => span.said { "says " (short(other, 24)) },
                    None => span.none { "no price seen" },
                },
            }
        }
    }
}

/// Returns the state as a word with a mark of its own shape.
pub(super) fn state(state: State) -> Markup {
    html! { span class={ "st st-" (state.name()) } { (state_word(state)) } }
}

/// Returns the word for a state.
pub(super) fn state_word(state: State) -> &'static str {
    match state {
        State::Up => "up",
        State::Degraded => "degraded",
        State::Down => "down",
        State::Unknown => "not checked",
        State::Not402 => "asks no money",
    }
}

/// Returns the average of the stars, with one decimal.
pub(super) fn stars(listing: &Listing) -> Option<String> {
    let count = u64::from(listing.reviews.count);
    let tenths = (u64::from(listing.reviews.stars) * 10 + count / 2).checked_div(count)?;
    Some(format!("{}.{}", tenths / 10, tenths % 10))
}

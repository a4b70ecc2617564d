//! The page of one listing, put together.

use http::StatusCode;
use l402::UnixTime;
use maud::{Markup, html};

use super::{buy, description, evidence, hidden, observed, ownership, past, review};
use crate::desk::Registry;
use crate::listing::{Listing, ListingId};
use crate::page::layout::{Place, layout};
use crate::page::link::address;
use crate::page::phrase::{count, line, millis, percent, span, when};
use crate::page::row::{name, price_tag, stars, state};
use crate::page::{form::Form, lookalike};
use crate::store::StoreError;

/// The longest reason that is shown, in characters.
const REASON_MAX: usize = 300;

/// Reads a listing, and returns its page: 410 if it is hidden, `None` if there is none.
pub(in crate::page) async fn content(
    registry: &Registry,
    id: ListingId,
) -> Result<Option<(StatusCode, Markup)>, StoreError> {
    let store = registry.store();
    let Some(listing) = store.listing(id).await? else {
        return Ok(None);
    };
    // Before history and reviews are read: the page of a hidden listing shows neither.
    if let Some(mark) = &listing.hidden {
        return Ok(Some((StatusCode::GONE, hidden::content(mark))));
    }
    let now = registry.clock().wall();
    let history = store.history(id, now).await?;
    let reviews = store.reviews(id, false).await?;
    let title = name(&listing, 100);
    let public = &registry.options().public_url;
    let body = html! {
        (crumbs(&listing))
        (head(&listing, now))
        (figures(&listing))
        div.columns {
            div {
                (description::section(&listing))
                (buy::section(&listing))
                (past::section(&listing, &history, now))
                @if let Some(seen) = &listing.observed { (evidence::section(seen, now)) }
                (review::section(&listing, &reviews, now))
            }
            div.aside {
                (observed::section(&listing, now))
                (observed::clients(&listing))
                (observed::paid(&listing, now))
                (ownership::section(&listing, public, now))
            }
        }
    };
    Ok(Some((
        StatusCode::OK,
        layout(Place::Elsewhere, &title, &body),
    )))
}

fn crumbs(listing: &Listing) -> Markup {
    let category = listing.words.category.as_deref();
    html! {
        nav.crumbs aria-label="Path" {
            a href="/search" { "Services" }
            @if let Some(category) = category {
                " / " a href=(Form::default().with("category", category).href()) { (line(category, 60)) }
            }
        }
    }
}

fn head(listing: &Listing, now: UnixTime) -> Markup {
    let health = &listing.health;
    html! {
        header.title {
            h1 { bdi { (name(listing, 100)) } }
            p.where { span.method { (line(&listing.method, 10)) } " " (address(&listing.url)) }
            @for mark in lookalike::marks(&listing.words.name, listing.url.host()) { p.warn { (mark) } }
            p.health {
                (state(health.state))
                @if health.last_probe.is_some() { " for " (span(now.since(health.since))) }
                @if let Some(last) = health.last_probe { ", last checked " (when(last, now)) }
                @if health.failures > 0 { ", failed " (health.failures) " in a row" }
            }
            @if let Some(reason) = &health.reason {
                p.warn { (line(&reason.text, REASON_MAX)) " " code { (line(&reason.code, 40)) } }
            }
            @if listing.no_probe {
                p.warn { "The seller or the host asks not to be checked, so nothing here is newer than that wish." }
            }
        }
    }
}

/// Returns the numbers that a buyer looks at first.
fn figures(listing: &Listing) -> Markup {
    html! {
        dl.figures.big {
            div { dt { "price" } dd { (price_tag(listing)) } }
            div {
                dt { "up in 30 days" }
                dd { @match listing.uptime.month { Some(month) => (percent(month)), None => span.none { "not known" } } }
            }
            div {
                dt { "time to the 402" }
                dd { @match &listing.observed { Some(seen) => (millis(seen.latency_ms)), None => span.none { "not known" } } }
            }
            div {
                dt { "reviews" }
                dd {
                    @match stars(listing) {
                        Some(average) => { (average) " " small { "of 5, by " (count(u64::from(listing.reviews.count))) } },
                        None => span.none { "none" },
                    }
                }
            }
        }
    }
}

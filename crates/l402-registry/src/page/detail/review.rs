//! Reviews, shown as what they are.

use l402::UnixTime;
use maud::{Markup, html};

use crate::listing::Listing;
use crate::page::phrase::{counted, line, price, when};
use crate::store::Review;

/// The reviews that are shown.
const SHOWN: usize = 20;

/// Returns the section.
pub(super) fn section(listing: &Listing, reviews: &[Review], now: UnixTime) -> Markup {
    html! {
        section.reviews {
            h2 { "Reviews" }
            p.hint {
                "Each reviewer holds a paid invoice of this service's node. That proves a payment and not a purchase: "
                "a seller could pay himself, and at most three a day count."
            }
            @if reviews.is_empty() { p.none { "None yet." } }
            ol {
                @for review in reviews.iter().take(SHOWN) { li { (one(review, now)) } }
            }
            @if reviews.len() > SHOWN {
                p.hint {
                    "The newest " (SHOWN) " of " (counted(reviews.len() as u64, "review")) "; the "
                    a href={ "/api/v1/services/" (listing.id) "/reviews" } { "API" } " has the rest."
                }
            }
        }
    }
}

fn one(review: &Review, now: UnixTime) -> Markup {
    let stars = usize::from(review.stars.min(5));
    html! {
        article {
            p.by {
                span.stars aria-hidden="true" { ("★".repeat(stars)) span.off { ("★".repeat(5 - stars)) } }
                span.vh { (stars) " of 5 stars" }
                " holds a paid invoice of this node, " (price(review.paid)) ", " (when(review.at, now))
                @if !review.counts { " " span.differs { "not counted" } }
            }
            @if !review.text.is_empty() { p.said dir="auto" { (line(&review.text, 1000)) } }
            @if let Some(answer) = &review.answer {
                div.answer { p { "The owner answers:" } p.said dir="auto" { (line(answer, 1000)) } }
            }
        }
    }
}

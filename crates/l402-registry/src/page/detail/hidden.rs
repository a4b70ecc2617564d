//! The page in place of a listing that a moderator has hidden.

use maud::{Markup, html};

use crate::listing::{Hidden, ListingId};
use crate::page::layout::{Place, layout};
use crate::page::phrase::line;

/// Returns the page. No word of the listing is on it.
pub(super) fn content(hidden: &Hidden) -> Markup {
    let other = hidden
        .merged_into
        .as_deref()
        .and_then(|id| id.parse::<ListingId>().ok());
    let body = html! {
        section.narrow {
            h1 { "No longer shown" }
            p { "A moderator of this registry has taken this listing out." }
            dl.facts { div { dt { "Reason" } dd { (line(&hidden.reason, 300)) } } }
            @if let Some(other) = other {
                p { "The service is listed " a href={ "/s/" (other) } { "under another address" } "." }
            }
            p { a href="/search" { "Search the services" } }
        }
    };
    layout(Place::Elsewhere, "No longer shown", &body)
}

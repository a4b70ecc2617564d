//! The owner of a listing, or how to become it.

use l402::UnixTime;
use maud::{Markup, html};
use url::Url;

use crate::listing::{Listing, Owner, OwnerProof};
use crate::page::command::quoted;
use crate::page::layout::code;
use crate::page::phrase::{date, line, when};

/// Returns the section.
pub(super) fn section(listing: &Listing, public: &Url, now: UnixTime) -> Markup {
    html! {
        section.panel {
            h2 { "Owner" }
            @match &listing.owner {
                Some(owner) => (proved(owner, now)),
                None => {
                    p { "Nobody has proved to own this listing." }
                    p.hint { "Is it yours? One command claims it; " a href="/owner" { "how that works" } "." }
                    (code("the command that claims it", &claim(listing, public)))
                }
            }
            p.hint { "Listed " (when(listing.added, now)) ", changed " (when(listing.changed, now)) "." }
        }
    }
}

fn claim(listing: &Listing, public: &Url) -> String {
    let registry = quoted(public.as_str().trim_end_matches('/'));
    format!(
        "l402 registry claim {} --registry {registry}",
        quoted(listing.url.as_str())
    )
}

fn proved(owner: &Owner, now: UnixTime) -> Markup {
    html! {
        p { span.good { "Proved" } " " (proof(owner.proof)) " on " (date(owner.since)) "." }
        @if let Some(node) = &owner.node { p { code.key { (line(node, 66)) } } }
        @if owner.failed == 0 {
            p.hint { "The proof stood when it was last checked, " (when(owner.checked, now)) "." }
        } @else {
            p.warn { "The proof was not found when it was last checked, " (when(owner.checked, now)) "." }
        }
    }
}

fn proof(proof: OwnerProof) -> &'static str {
    match proof {
        OwnerProof::File => "by a file at its host",
        OwnerProof::Dns => "by a DNS record of its host",
        OwnerProof::Node => "by a signature of the node that signs its invoices",
    }
}

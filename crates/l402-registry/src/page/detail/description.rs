//! What the seller says, marked as such.

use maud::{Markup, html};

use crate::listing::{Listing, WordsFrom};
use crate::page::form::Form;
use crate::page::link::stranger;
use crate::page::phrase::{line, price};

/// The longest description that is shown, in characters.
const DESCRIPTION_MAX: usize = 2000;

/// Returns the section.
pub(super) fn section(listing: &Listing) -> Markup {
    let words = &listing.words;
    let said = words.price.msat().map(price);
    let said = said.or_else(|| words.price.other.as_deref().map(|other| line(other, 60)));
    html! {
        section.words {
            div.sechead {
                h2 { (title(listing.words_from)) }
                p.source { (source(listing.words_from)) }
            }
            blockquote.said dir="auto" {
                @if words.description.is_empty() { p.none { "No description." } }
                @else { p { (line(&words.description, DESCRIPTION_MAX)) } }
            }
            dl.facts {
                @if let Some(said) = said { div { dt { "Price, as said" } dd.said { (said) } } }
                @if !words.provider.is_empty() {
                    div { dt { "Offered by" } dd.said { bdi { (line(&words.provider, 100)) } } }
                }
                @if let Some(docs) = &words.docs { div { dt { "Documentation" } dd { (stranger(docs)) } } }
            }
            @if !words.tags.is_empty() {
                ul.tags {
                    @for tag in words.tags.iter().take(10) {
                        li { a rel="nofollow" href=(Form::default().with("q", tag).href()) { (line(tag, 32)) } }
                    }
                }
            }
        }
    }
}

fn title(from: WordsFrom) -> &'static str {
    match from {
        WordsFrom::Imported | WordsFrom::Submitted => "What is said of it",
        WordsFrom::Document | WordsFrom::Owner => "What the seller says",
    }
}

fn source(from: WordsFrom) -> &'static str {
    match from {
        WordsFrom::Imported => "copied from another directory; not checked",
        WordsFrom::Submitted => "from somebody who submitted the address; not checked",
        WordsFrom::Document => "from a document at the service's own host",
        WordsFrom::Owner => "from the owner, who has proved to be",
    }
}

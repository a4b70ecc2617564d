//! Commands and programs that buy, to be copied.

use maud::{Markup, html};

use crate::listing::Listing;
use crate::page::command::{Command, commands};
use crate::page::layout::code;

/// Returns the section. The first way is open.
pub(super) fn section(listing: &Listing) -> Markup {
    html! {
        section.buy {
            h2 { "Buy from it" }
            @for (at, command) in commands(listing).iter().enumerate() {
                details name="buy" open[at == 0] {
                    summary { (command.title) }
                    p.hint { (command.needs) }
                    @if let Some(client) = misses(listing, command) {
                        p.warn { (client) " cannot read the challenge that was last seen here." }
                    }
                    (code(&format!("{}: to copy", command.title), &command.text))
                }
            }
        }
    }
}

/// Returns the client of a command if it was seen to miss the challenge.
fn misses(listing: &Listing, command: &Command) -> Option<&'static str> {
    let seen = listing.observed.as_ref()?;
    command
        .client
        .filter(|client| !seen.clients.iter().any(|it| it == client))
}

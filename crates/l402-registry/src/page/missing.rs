//! Pages for what is not there.

use maud::{Markup, html};

use super::layout::{Place, layout};

/// Returns the page for an unknown path.
pub(super) fn unknown() -> Markup {
    notice("Not found", &html! { "There is no page at this address." })
}

/// Returns the page for a name that no listing has.
pub(super) fn unlisted() -> Markup {
    let text = html! {
        "No service has this name. A listing's name is made from its address, so it is the same here "
        "whenever the service is listed."
    };
    notice("Not listed", &text)
}

/// Returns the page for a failure of ours.
pub(super) fn failed() -> Markup {
    let text =
        html! { "The registry could not read its store. Try again in a moment; its log says why." };
    notice("Our fault", &text)
}

fn notice(title: &str, text: &Markup) -> Markup {
    let body = html! {
        section.narrow {
            h1 { (title) }
            p { (text) }
            p { a href="/search" { "Search the services" } " or " a href="/" { "begin at the start" } "." }
        }
    };
    layout(Place::Elsewhere, title, &body)
}

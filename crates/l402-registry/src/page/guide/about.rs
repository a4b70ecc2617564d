//! The page on how the registry checks.

use maud::{Markup, html};

use crate::listing::State;
use crate::page::layout::{Place, layout};
use crate::page::row::state;

/// Returns the page.
pub(in crate::page) fn about() -> Markup {
    let body = html! {
        div.prose {
            h1 { "About this registry" }
            p.lead { "A directory of APIs that are paid over Lightning, by the request. What it says is measured, and shown with "
                "its evidence." }
            h2 { "Two kinds of fact" }
            p { span.said { "Words" } " are what somebody says of a service: its name, what it does, what it costs. They come from the "
                "owner, from a document at the service's own host, from somebody who submitted the address, or from another directory. "
                "A stronger source replaces a weaker one." }
            p { b { "Facts" } " are what this registry saw when it asked the service: the amount of the signed invoice, the "
                "node that signed it, whether token and invoice name the same payment, how long the answer took. Where both speak "
                "of the price and differ, the listing is marked " span.differs { "says 10 sat" } "." }
            h2 { "How a service is checked" }
            ol {
                li { "It is asked as a buyer would ask, every quarter of an hour or so, without paying. " code { "robots.txt" }
                    " and a seller's wish not to be checked are kept." }
                li { "The 402 is read by the rules by which " code { "l402 get" } " would pay it. The invoice's signature is verified." }
                li { "For each known client the registry tries whether it could read this challenge." }
                li { "The lines of the answer are kept as evidence. A token is never kept whole." }
            }
            h2 { "States" }
            dl.facts.states {
                div { dt { (state(State::Up)) } dd { "The 402 came, and a client can pay it." } }
                div { dt { (state(State::Degraded)) } dd { "An answer came, and something is wrong with it; the reason says what." } }
                div { dt { (state(State::Down)) } dd { "Three checks in a row got no answer, or one of a broken server." } }
                div { dt { (state(State::Unknown)) } dd { "It has not been checked yet, or does not want to be." } }
                div { dt { (state(State::Not402)) } dd { "It answers without asking for money." } }
            }
            h2 { "When this registry pays" }
            p { "If its operator has given it a wallet and a budget, it buys once in a while what a service sells, and says whether "
                "an answer came. That is the registry's own word, and it stands apart." }
            h2 { "Reviews" }
            p { "A reviewer shows a paid invoice that the service's node has signed, and its preimage. This proves that an invoice of this "
                "node was paid. It does not prove a purchase, and " b { "a seller could pay himself" } ". At most three reviews a day of a "
                "service count." }
            h2 { "What it does not do" }
            p { "It has no accounts, takes no money for a place in the list, and sets no cookies. These pages load nothing from "
                "elsewhere and work without script." }
        }
    };
    layout(Place::About, "About", &body)
}

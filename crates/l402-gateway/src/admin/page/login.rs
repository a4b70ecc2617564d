//! The page that asks for the admin token.

use maud::{Markup, html};

use super::layout::{bolt, document};

/// The reason why somebody sees this page again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The token is another one.
    Wrong,
    /// Too many have tried.
    TooMany,
}

/// Returns the whole page. `next` is the page that was asked for.
pub(super) fn page(refused: Option<Refused>, next: &str) -> Markup {
    let why = refused.map(|refused| match refused {
        Refused::Wrong => "This is not the admin token.",
        Refused::TooMany => "Too many wrong tokens. Wait a minute.",
    });
    let body = html! {
        main.login #main {
            p.brand { (bolt()) span { "L402 " b { "gateway" } } }
            section.card aria-labelledby="title" {
                h1 #title { "Sign in" }
                form method="post" action="/login" {
                    @if let Some(why) = why { p.note.bad role="alert" { (why) } }
                    input type="hidden" name="next" value=(next);
                    div {
                        label for="token" { "Admin token" }
                        input #token name="token" type="password" autocomplete="current-password" required autofocus
                            spellcheck="false" maxlength="200" aria-describedby="where";
                    }
                    button type="submit" { "Sign in" }
                }
                p.hint #where { "It is the content of the file " code { "admin.token" } " in the home folder of this gateway." }
            }
        }
    };
    document("Sign in", &body)
}

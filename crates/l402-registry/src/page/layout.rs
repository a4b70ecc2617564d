//! The frame of every page: head, navigation, foot.

use maud::{DOCTYPE, Markup, html};

use super::asset::{ICON, SCRIPT, STYLE};

/// The part of the navigation in which a page is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Home,
    Search,
    Categories,
    Owner,
    About,
    Api,
    Elsewhere,
}

const NAVIGATION: &[(Place, &str, &str)] = &[
    (Place::Search, "/search", "Search"),
    (Place::Categories, "/categories", "Categories"),
    (Place::Owner, "/owner", "For sellers"),
    (Place::Api, "/api", "API"),
    (Place::About, "/about", "About"),
];

/// Puts a page together. The title is text of ours or a stranger's, escaped here.
pub(super) fn layout(place: Place, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · L402 registry" }
                link rel="icon" href=(ICON.href) type="image/svg+xml";
                link rel="stylesheet" href=(STYLE.href);
                link rel="alternate" type="application/atom+xml" title="The newest services" href="/feed.xml";
                script src=(SCRIPT.href) defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header.top {
                    div.wrap {
                        a.brand href="/" aria-current=[(place == Place::Home).then_some("page")] {
                            (bolt()) span { "L402 " b { "registry" } }
                        }
                        nav aria-label="Pages" {
                            ul {
                                @for (at, href, name) in NAVIGATION {
                                    li { a href=(href) aria-current=[(place == *at).then_some("page")] { (name) } }
                                }
                            }
                        }
                    }
                }
                main #main .wrap tabindex="-1" { (body) }
                footer.foot {
                    div.wrap {
                        p { "Names, tags and " span.said { "italics" } " are the words of sellers. Everything else, this registry saw for itself." }
                        ul {
                            li { a href="/about" { "How it checks" } }
                            li { a href="/api" { "API" } }
                            li { a href="/feed.xml" { "Feed" } }
                            li { a href="/llms.txt" { "llms.txt" } }
                        }
                    }
                }
            }
        }
    }
}

fn bolt() -> Markup {
    html! {
        svg.bolt viewBox="0 0 32 32" aria-hidden="true" focusable="false" {
            path d="M18.6 3 7 18h6.6L12 29 25 13.4h-7z" {}
        }
    }
}

/// A block of code that the script gives a button to copy.
pub(super) fn code(name: &str, text: &str) -> Markup {
    html! {
        div.code data-name=(name) {
            pre { code { (text) } }
        }
    }
}

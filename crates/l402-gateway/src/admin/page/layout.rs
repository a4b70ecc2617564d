//! The frame of every page: head, navigation, the way out.

use maud::{DOCTYPE, Markup, html};

use super::asset::FILES;

/// The part of the navigation in which a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    Sales,
    Tokens,
    Payments,
    Node,
    Configuration,
}

const NAVIGATION: &[(Place, &str, &str, &str)] = &[
    (Place::Overview, "/", "Overview", "M3 12h4l3-8 4 16 3-8h4"),
    (
        Place::Sales,
        "/sales",
        "Sales",
        "M4 20V10M10 20V4M16 20v-7M21 20H3",
    ),
    (
        Place::Tokens,
        "/tokens",
        "Tokens",
        "M14 10a5 5 0 1 0-4 4l1 1h2v2h2v2h4v-4z",
    ),
    (
        Place::Payments,
        "/payments",
        "Payments",
        "M13 3 5 14h6l-1 7 8-11h-6z",
    ),
    (
        Place::Node,
        "/node",
        "Node & upstreams",
        "M4 5h16v5H4zM4 14h16v5H4zM8 7.5h.01M8 16.5h.01",
    ),
    (
        Place::Configuration,
        "/configuration",
        "Configuration",
        "M4 7h9M17 7h3M15 5v4M4 17h3M11 17h9M9 15v4",
    ),
];

/// The parts of a page that is not the form of the login.
pub(super) struct Frame<'a> {
    pub(super) place: Place,
    /// The title, escaped here.
    pub(super) title: &'a str,
    /// The secret that the forms of this session carry.
    pub(super) csrf: &'a str,
    /// The network of the node, if it is not that of bitcoin: what is earned there is play money.
    pub(super) network: Option<&'a str>,
}

impl Frame<'_> {
    /// Puts a page together.
    pub(super) fn page(&self, body: &Markup) -> Markup {
        let inner = html! {
            a.skip href="#main" { "Skip to the content" }
            div.shell {
                header.side {
                    a.brand href="/" { (bolt()) span { "L402 " b { "gateway" } } }
                    @if let Some(network) = self.network {
                        p.network title="What is earned here is no bitcoin" { "play money · " (network) }
                    }
                    (self.navigation())
                    form.out method="post" action="/logout" {
                        (csrf(self.csrf))
                        button.plain type="submit" { "Sign out" }
                    }
                }
                main #main tabindex="-1" { (body) }
            }
        };
        document(self.title, &inner)
    }

    fn navigation(&self) -> Markup {
        html! {
            nav aria-label="Pages" {
                ul {
                    @for (at, href, name, icon) in NAVIGATION {
                        li {
                            a href=(href) aria-current=[(self.place == *at).then_some("page")] {
                                svg.icon viewBox="0 0 24 24" aria-hidden="true" focusable="false" { path d=(icon) {} }
                                span { (name) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Puts a document together from its body.
pub(super) fn document(title: &str, body: &Markup) -> Markup {
    let [style, script, icon] = &*FILES;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · L402 gateway" }
                link rel="icon" href=(icon.href) type="image/svg+xml";
                link rel="stylesheet" href=(style.href);
                script src=(script.href) defer {}
            }
            body { (body) }
        }
    }
}

/// The field by which a form shows that it comes from a page of this session.
pub(super) fn csrf(secret: &str) -> Markup {
    html! { input type="hidden" name="csrf" value=(secret); }
}

pub(super) fn bolt() -> Markup {
    html! {
        svg.bolt viewBox="0 0 32 32" aria-hidden="true" focusable="false" {
            path d="M18.6 3 7 18h6.6L12 29 25 13.4h-7z" {}
        }
    }
}

/// The heading of a page with what stands beside it.
pub(super) fn heading(title: &str, aside: &Markup) -> Markup {
    html! { div.heading { h1 { (title) } (aside) } }
}

/// A state, shown as a word with a shape and a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grade {
    Good,
    Done,
    Fair,
    Bad,
    Unknown,
}

/// Shows a state.
pub(super) fn state(grade: Grade, text: &str) -> Markup {
    let class = match grade {
        Grade::Good => "st st-good",
        Grade::Done => "st st-done",
        Grade::Fair => "st st-fair",
        Grade::Bad => "st st-bad",
        Grade::Unknown => "st st-none",
    };
    html! { span class=(class) { (text) } }
}

/// Links that choose one of some values of a parameter. `all` are the values with their names.
pub(super) fn choice(label: &str, path: &str, all: &[(&str, &str)], chosen: &str) -> Markup {
    html! {
        nav.choice aria-label=(label) {
            ul {
                @for (query, name) in all {
                    li { a href={ (path) (query) } aria-current=[(*name == chosen).then_some("true")] { (name) } }
                }
            }
        }
    }
}

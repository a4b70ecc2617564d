//! The page of the configuration: what is served, and what a reload would change.

use maud::{Markup, html};

use super::difference::{Difference, RouteChange, RouteText, Setting};
use super::figure;
use super::layout::heading;

/// The state of the file.
pub(super) enum File {
    /// The gateway was started without one.
    Missing,
    /// Its name, and what a reload would change.
    Sound(String, Difference),
    /// Its name, and the mistakes for which it would be refused.
    Mistaken(String, Vec<String>),
}

/// The outcome of a reload that somebody has just asked for.
pub(super) enum Outcome {
    Reloaded,
    /// The mistakes.
    Refused(Vec<String>),
}

/// Everything that the page shows.
pub(super) struct Configuration {
    pub(super) routes: Vec<RouteText>,
    pub(super) limits: Vec<(&'static str, String)>,
    pub(super) file: File,
    pub(super) outcome: Option<Outcome>,
}

impl Configuration {
    /// Returns the page without its frame. `csrf` is the field of its form.
    pub(super) fn content(&self, csrf: &Markup) -> Markup {
        html! {
            (heading("Configuration", &html! {}))
            @match &self.outcome {
                Some(Outcome::Reloaded) => p.note role="status" { "The file is served now." },
                Some(Outcome::Refused(mistakes)) => (refused("The file was refused. What was served before goes on.", mistakes)),
                None => {}
            }
            (self.file(csrf))
            (routes(&self.routes))
            section.card aria-labelledby="limits" {
                h2 #limits { "Limits" }
                dl.settings { @for (key, value) in &self.limits { div { dt { code { (key) } } dd { (figure::line(value, 200)) } } } }
            }
        }
    }

    fn file(&self, csrf: &Markup) -> Markup {
        html! {
            section.card aria-labelledby="file" {
                @match &self.file {
                    File::Missing => {
                        h2 #file { "No file" }
                        p.hint { "This gateway was started from the command line: there is nothing to reload." }
                    }
                    File::Mistaken(name, mistakes) => {
                        div.cardhead { h2 #file { "File" } (file_name(name)) }
                        (refused("A reload would refuse the file:", mistakes))
                    }
                    File::Sound(name, difference) => {
                        div.cardhead { h2 #file { "What a reload changes" } (file_name(name)) }
                        @if difference.is_empty() { p.empty { "Nothing: the file says what is served." } }
                        @else { (changes(difference)) }
                        form.actions method="post" action="/reload" {
                            (csrf)
                            button.plain[difference.is_empty()] type="submit" { "Reload the file" }
                        }
                    }
                }
            }
        }
    }
}

/// Shows the name of the file, with its folder for a pointer.
fn file_name(path: &str) -> Markup {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    html! { code title=(figure::line(path, 400)) { (figure::line(name, 100)) } }
}

fn refused(title: &str, mistakes: &[String]) -> Markup {
    html! {
        div.note.bad role="alert" {
            p { (title) }
            pre { @for mistake in mistakes { (l402::text::escape_within(mistake, 500)) "\n" } }
        }
    }
}

fn changes(difference: &Difference) -> Markup {
    html! {
        @if !difference.routes.is_empty() || !difference.settings.is_empty() {
            div.scroll.terms tabindex="0" role="group" aria-labelledby="file" {
                table {
                    thead { tr { th scope="col" { "Change" } th scope="col" { "Of" } th scope="col" { "Served" } th scope="col" { "File" } } }
                    tbody {
                        @for change in &difference.routes { (route_change(change)) }
                        @for setting in &difference.settings { (setting_change(setting)) }
                    }
                }
            }
        }
        @if !difference.waiting.is_empty() {
            p.note.fair {
                "Only a restart takes these over: "
                @for (at, key) in difference.waiting.iter().enumerate() { @if at > 0 { ", " } code { (key) } }
            }
        }
    }
}

fn route_change(change: &RouteChange) -> Markup {
    let (class, word, route) = match change {
        RouteChange::Added(route) => ("tag new", "new", route),
        RouteChange::Removed(route) => ("tag gone", "removed", route),
        RouteChange::Changed(both) => ("tag other", "changed", &both.1),
        RouteChange::Other(route) => ("tag other", "changed", route),
    };
    let nothing = html! { span.quiet { "–" } };
    let (served, file) = match change {
        RouteChange::Added(route) => (nothing, terms(route, None)),
        RouteChange::Removed(route) => (terms(route, None), nothing),
        RouteChange::Changed(both) => {
            (terms(&both.0, Some(&both.1)), terms(&both.1, Some(&both.0)))
        }
        RouteChange::Other(_) => (
            html! { span.quiet { "as it is" } },
            html! { "other settings" },
        ),
    };
    html! {
        tr { td { span class=(class) { (word) } } th scope="row" { (name(route)) } td { (served) } td { (file) } }
    }
}

/// Shows the terms of a route; beside another version, those alone that differ.
fn terms(route: &RouteText, other: Option<&RouteText>) -> Markup {
    let differs = |of: fn(&RouteText) -> String| other.is_none_or(|other| of(other) != of(route));
    html! {
        @if differs(|it| format!("{:?}", it.price)) { span.amount { (price(route)) } " " }
        @if differs(|it| it.policy.clone()) { (route.policy) " " }
        @if differs(|it| it.service.clone()) { span.more { (figure::line(&route.service, 80)) } }
        @if differs(|it| it.upstreams.join(" ")) { (upstreams(route)) }
    }
}

fn setting_change(setting: &Setting) -> Markup {
    html! {
        tr {
            td { span.tag.other { "changed" } }
            th scope="row" { code { (setting.key) } }
            td { (figure::line(&setting.served, 200)) }
            td { (figure::line(&setting.file, 200)) }
        }
    }
}

fn routes(routes: &[RouteText]) -> Markup {
    html! {
        section.card aria-labelledby="routes" {
            div.cardhead { h2 #routes { "Served routes" } span.small { (figure::counted(routes.len() as u64, "route")) } }
            div.scroll.terms tabindex="0" role="group" aria-labelledby="routes" {
                table {
                    thead { tr { th scope="col" { "Route" } th scope="col" { "Service" } th scope="col" { "Buys" } th scope="col" { "Upstream" } th.num scope="col" { "Price" } } }
                    tbody {
                        @for route in routes {
                            tr {
                                th scope="row" { (name(route)) }
                                td { (figure::line(&route.service, 80)) }
                                td { @if !route.policy.is_empty() { (route.policy) } }
                                td { (upstreams(route)) }
                                td.num { (price(route)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Shows each upstream on a line of its own.
fn upstreams(route: &RouteText) -> Markup {
    html! { @for upstream in &route.upstreams { span.route.each { (figure::line(upstream, 120)) } } }
}

fn name(route: &RouteText) -> Markup {
    html! { span.route { (figure::line(&route.path, 120)) } @if !route.methods.is_empty() { span.more { (route.methods) } } }
}

fn price(route: &RouteText) -> Markup {
    match route.price {
        Some(msat) => figure::sat(msat),
        None => html! { span.tag { "free" } },
    }
}

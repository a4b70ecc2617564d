//! The page of categories.

use maud::{Markup, html};

use super::form::Form;
use super::layout::{Place, layout};
use super::phrase::{counted, line};
use crate::store::Category;

/// Returns the page: each first part with the categories below it.
pub(super) fn content(found: &[Category]) -> Markup {
    let mut sorted: Vec<&Category> = found.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let (tops, below): (Vec<_>, Vec<_>) = sorted.into_iter().partition(|it| !it.name.contains('/'));
    let body = html! {
        h1 { "Categories" }
        p.lead { "As sellers and documents name them. A number counts everything below it as well." }
        @if found.is_empty() { p.empty { "No service has a category yet." } }
        ul.cats {
            @for top in &tops {
                li {
                    h2 { (link(top)) }
                    p { (counted(top.count, "service")) }
                    ul.tags {
                        @for it in below.iter().filter(|it| it.name.split('/').next() == Some(&*top.name)) {
                            li { (link(it)) " " span.n { (it.count) } }
                        }
                    }
                }
            }
            // A part whose first part is not among the largest.
            @for it in below.iter().filter(|it| !tops.iter().any(|top| it.name.split('/').next() == Some(&*top.name))) {
                li { h2 { (link(it)) } p { (counted(it.count, "service")) } }
            }
        }
    };
    layout(Place::Categories, "Categories", &body)
}

/// Returns a link to the services of a category.
pub(super) fn link(category: &Category) -> Markup {
    let href = Form::default().with("category", &category.name).href();
    html! { a href=(href) { (line(&category.name, 60)) } }
}

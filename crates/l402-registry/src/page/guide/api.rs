//! The page on the API.

use maud::{Markup, html};
use url::Url;

use crate::page::command::quoted;
use crate::page::layout::{Place, code, layout};

/// The paths that most programs need, each with what it does.
const PATHS: &[(&str, &str, &str)] = &[
    (
        "GET",
        "/api/v1/services",
        "finds services: q, state, max_price_sat, category, network, form, client, owned, works_when_paid, sort, limit, after",
    ),
    (
        "GET",
        "/api/v1/services/{id}",
        "one service with its evidence",
    ),
    (
        "GET",
        "/api/v1/services/{id}/history",
        "changes of price and state, and the hours of 30 days",
    ),
    (
        "GET",
        "/api/v1/services/{id}/reviews",
        "reviews, those that count first",
    ),
    (
        "POST",
        "/api/v1/services",
        "lists an address, or each address of a document",
    ),
    ("GET", "/api/v1/categories", "categories with their counts"),
    ("GET", "/api/v1/health", "the numbers of the registry"),
    ("GET", "/feed.xml", "the newest services as an Atom feed"),
    ("GET", "/llms.txt", "the registry in words for a model"),
];

/// Returns the page.
pub(in crate::page) fn api(public: &Url) -> Markup {
    let registry = public.as_str().trim_end_matches('/');
    let search = format!(
        "curl {}",
        quoted(&format!(
            "{registry}/api/v1/services?q=joke&max_price_sat=100&state=up"
        ))
    );
    let add = format!(
        "curl --header 'Content-Type: application/json' --data {} {}",
        quoted(r#"{"url":"https://api.example.com/v1/joke"}"#),
        quoted(&format!("{registry}/api/v1/services")),
    );
    let agents = format!(
        "[[registries]]\nname = \"this-registry\"\nurl = \"{registry}/api/v1\"\nshape = \"l402\""
    );
    let body = html! {
        div.prose {
            h1 { "API" }
            p.lead { "Everything on these pages is there for programs as well, without a key. Whole and exact: "
                a href="/openapi.json" { "openapi.json" } " (OpenAPI 3.1)." }
            h2 { "Search" }
            (code("search", &search))
            p { "The answer has " code { "services" } ", " code { "total" } " and " code { "next" } ". Give " code { "next" } " back as "
                code { "after" } " for the next page. The fields are those of 402index, and ours: " code { "observed" }
                " is what this registry saw, " code { "price_differs" } " is its mark." }
            h2 { "List a service" }
            (code("list a service", &add))
            h2 { "Paths" }
            div.scroll tabindex="0" role="region" aria-label="Paths of the API" {
                table {
                    thead { tr { th scope="col" { "Method" } th scope="col" { "Path" } th scope="col" { "What it does" } } }
                    tbody {
                        @for (method, path, what) in PATHS {
                            tr { td { code { (method) } } td { code { (path) } } td { (what) } }
                        }
                    }
                }
            }
            p { "Mistakes are answered as problem documents (RFC 9457) that name the field and the fix. Reads may come from pages of "
                "any origin; everything else may not." }
            h2 { "For agents" }
            p { "The tool " code { "search_services" } " of " code { "l402 mcp" } " asks this registry if the client's configuration names it, "
                "and looks again at what it is about to show:" }
            (code("client.toml", &agents))
        }
    };
    layout(Place::Api, "API", &body)
}

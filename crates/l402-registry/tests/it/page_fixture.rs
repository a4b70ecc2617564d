//! The pages over a store in a new folder, and a reader of HTML that knows no mercy.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use l402_host::ManualClock;
use l402_registry::{Fetcher, ListingId, Reachable, Registry, RegistryOptions, page_router};
use tower::ServiceExt as _;

use crate::store_fixture::{World, at};

/// An answer of the page.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

/// Returns the router of a registry over this store.
pub(crate) fn pages(world: &World) -> axum::Router {
    page_router(Registry::new(
        Arc::new(world.store.clone()),
        Fetcher::new(Reachable::default()),
        Arc::new(ManualClock::new(at(1000))),
        RegistryOptions {
            public_url: "https://registry.example/".parse().expect("a URL"),
            submissions_per_hour: 60,
            probe_interval: Duration::from_secs(900),
            owner_interval: Duration::from_secs(7 * 86_400),
        },
    ))
}

/// Asks for a page of this store.
pub(crate) fn page(world: &World, path: &str) -> Page {
    page_of(world, pages(world), path)
}

/// Asks for a page of a router.
pub(crate) fn page_of(world: &World, router: axum::Router, path: &str) -> Page {
    world.wait(async {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let answer = router.oneshot(request).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Page {
            status: parts.status,
            headers: parts.headers,
            html: String::from_utf8(body.to_vec()).expect("text"),
        }
    })
}

/// Asks for the page of a listing.
pub(crate) fn detail(world: &World, id: ListingId) -> Page {
    page(world, &format!("/s/{id}"))
}

/// A tag of a document with its attributes.
#[derive(Debug)]
pub(crate) struct Tag<'a> {
    pub(crate) name: &'a str,
    pub(crate) attributes: Vec<(&'a str, &'a str)>,
}

impl Tag<'_> {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|it| it.0 == name)
            .map(|it| it.1)
    }
}

/// Reads the tags of a document. Fails at everything that the templates do not write: a comment, an
/// attribute without quotes, a bracket in text.
pub(crate) fn tags(html: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    while let Some(begin) = rest.find('<') {
        assert!(
            !rest[..begin].contains('>'),
            "a bracket in text: {}",
            &rest[..begin]
        );
        rest = &rest[begin + 1..];
        if let Some(end) = rest.strip_prefix('/') {
            rest = end.split_once('>').expect("an end").1;
            continue;
        }
        let name_end = rest.find([' ', '>']).expect("the end of a name");
        let (name, mut inside) = rest.split_at(name_end);
        assert!(name.bytes().all(|it| it.is_ascii_alphanumeric()), "<{name}");
        let mut attributes = Vec::new();
        loop {
            if let Some(after) = inside.strip_prefix('>') {
                rest = after;
                break;
            }
            inside = inside
                .strip_prefix(' ')
                .expect("a space before an attribute");
            let end = inside
                .find(['=', ' ', '>'])
                .expect("the end of an attribute");
            let (key, after) = inside.split_at(end);
            let (value, after) = match after.strip_prefix("=\"") {
                Some(value) => value.split_once('"').expect("a closing quote"),
                None => ("", after),
            };
            assert!(!key.contains(['"', '\'', '<', '/']), "attribute {key}");
            attributes.push((key, value));
            inside = after;
        }
        tags.push(Tag { name, attributes });
    }
    tags
}

/// Returns the text of HTML without tags.
pub(crate) fn unescaped(html: &str) -> String {
    let html = html
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    html.replace("&amp;", "&")
}

/// Returns the blocks of code in the section of a page by which a listing is bought.
pub(crate) fn commands(html: &str) -> Vec<String> {
    let buy = html
        .split("<section class=\"buy\">")
        .nth(1)
        .expect("a section");
    let buy = buy.split("</section>").next().expect("its end");
    let blocks = buy.split("<pre><code>").skip(1);
    blocks
        .map(|block| unescaped(block.split("</code></pre>").next().expect("an end")))
        .collect()
}

/// Returns an address with a text in path and query. No address has control characters.
pub(crate) fn address(host: usize, text: &str) -> String {
    let text = text.replace(char::is_control, "");
    format!("https://h{host}.example/{text}/?{text}={text}")
}

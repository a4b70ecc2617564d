//! The pages with texts of strangers that want to be more than text.

use l402_registry::{
    ClaimedPrice, Evidence, Health, Hidden, ListingId, NewListing, Observed, PaidProbe, Probed,
    Reason, RequestSchema, Review, State, Store as _, Words,
};
use l402_testkit::hostile_texts;
use serde_json::json;

use crate::page_fixture::{address, detail, page, tags};
use crate::store_fixture::{World, at, health, observed, review, submitted, url};

/// The tags that the templates write. No other may be in a page.
const TAGS: &[&str] = &[
    "a",
    "article",
    "b",
    "bdi",
    "blockquote",
    "body",
    "button",
    "code",
    "dd",
    "desc",
    "details",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "head",
    "header",
    "html",
    "input",
    "label",
    "li",
    "line",
    "link",
    "main",
    "meta",
    "nav",
    "ol",
    "option",
    "p",
    "path",
    "pre",
    "rect",
    "script",
    "section",
    "select",
    "small",
    "span",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "time",
    "title",
    "tr",
    "ul",
];

/// Adds a listing with this text in every field, at an address with it in the path.
fn add(world: &World, number: usize, text: &str) -> ListingId {
    let own = || text.to_owned();
    let words = Words {
        name: own(),
        description: own(),
        category: Some(own()),
        tags: vec![own(), own()],
        provider: own(),
        docs: Some(own()),
        price: ClaimedPrice {
            price_msat: None,
            other: Some(own()),
        },
        request_schema: Some(RequestSchema(
            json!({ "properties": { text: { "example": text } } }),
        )),
    };
    let new = NewListing {
        url: url(&address(number, text)),
        method: own(),
        words,
        ..submitted("https://a.example/")
    };
    let id = world.add_new(new);
    let probed = Probed {
        at: at(60),
        health: Health {
            reason: Some(Reason {
                code: own(),
                text: own(),
            }),
            ..health(State::Degraded, 60)
        },
        observed: Some(Observed {
            clients: vec![own()],
            evidence: evidence(text),
            ..observed(60, 50_000)
        }),
        no_probe: true,
    };
    world.done(world.store.record(id, probed));
    let paid = PaidProbe {
        at: at(90),
        works: false,
        paid: l402::Msat::new(1),
        latency_ms: 1,
        reason: Some(own()),
    };
    world.done(world.store.record_paid(id, paid));
    let number = u8::try_from(number).expect("fewer than 256 texts");
    let review = Review {
        text: own(),
        answer: Some(own()),
        ..review(id, number, 100)
    };
    world.done(world.store.add_review(review));
    id
}

fn evidence(text: &str) -> Evidence {
    Evidence {
        method: text.to_owned(),
        url: text.to_owned(),
        status: 402,
        challenges: vec![text.to_owned(), text.to_owned()],
        invoice: Some(text.to_owned()),
        findings: vec![(text.to_owned(), text.to_owned(), text.to_owned())],
    }
}

/// Fails if a page has a tag, an attribute or a link that the templates do not write.
fn assert_harmless(html: &str, of: &str) {
    for tag in tags(html) {
        assert!(TAGS.contains(&tag.name), "{of}: <{}>", tag.name);
        for (name, value) in &tag.attributes {
            assert!(
                !name.starts_with("on") && !["style", "srcdoc", "formaction"].contains(name),
                "{of}: {name}"
            );
            if matches!(*name, "href" | "src" | "action") {
                let is_own =
                    value.starts_with('/') && !value.starts_with("//") || *value == "#main";
                let is_marked = tag.attribute("rel") == Some("nofollow noopener noreferrer ugc");
                assert!(
                    is_own || value.starts_with("https://") && is_marked,
                    "{of}: {name}={value}"
                );
            }
        }
    }
    let scripts = html.matches("<script").count();
    assert!(
        scripts == 1 && html.contains("<script src=\"/static/page.js?"),
        "{of}: {scripts} scripts"
    );
    let hidden: Vec<char> = html
        .chars()
        .filter(|c| l402::text::is_hidden(*c) && *c != '\n')
        .collect();
    assert!(hidden.is_empty(), "{of}: {hidden:?}");
}

// ATTACKS G-06: a text with markup, scripts or marks of direction is text on every page.
#[test]
fn a_strangers_text_is_text_on_every_page() {
    let world = World::new();
    let texts = hostile_texts();
    let ids: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| add(&world, number, text))
        .collect();
    for (id, text) in ids.iter().zip(&texts) {
        let answer = detail(&world, *id);
        assert_eq!(answer.status, 200, "{text}");
        assert_harmless(&answer.html, text);
    }
    for path in [
        "/",
        "/search",
        "/search?sort=uptime",
        "/categories",
        "/search?state=degraded&sort=newest",
    ] {
        assert_harmless(&page(&world, path).html, path);
    }
}

// ATTACKS G-06: the reader's own address is a stranger's text, too.
#[test]
fn a_question_is_text_on_the_page_that_answers() {
    let world = World::new();
    add(&world, 0, "joke");
    for text in hostile_texts() {
        let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        for name in [
            "q", "state", "category", "client", "host", "node", "after", "sort", &encoded,
        ] {
            let answer = page(&world, &format!("/search?{name}={encoded}"));
            assert_eq!(answer.status, 200, "{name} {text}");
            assert_harmless(&answer.html, text);
        }
    }
}

// ATTACKS G-06: a moderator may quote what he has hidden.
#[test]
fn the_reason_of_a_moderator_is_text() {
    let world = World::new();
    let id = add(&world, 0, "joke");
    for text in hostile_texts() {
        let hidden = Hidden {
            reason: text.to_owned(),
            merged_into: Some(text.to_owned()),
        };
        world.done(world.store.hide(id, Some(hidden), at(200)));
        assert_harmless(&detail(&world, id).html, text);
    }
}

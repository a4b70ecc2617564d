//! The pages: what is on them, their headers and their size.

use http::StatusCode;
use l402::Msat;
use l402_registry::{
    ClaimedPrice, Edit, Hidden, NewListing, PaidProbe, Probed, Review, State, Store as _, Words,
};

use crate::page_fixture::{detail, page, tags, unescaped};
use crate::store_fixture::{World, at, health, review, seen_down, seen_up, submitted, url};

/// Adds a listing with these words, seen up at 50 sat.
fn add(world: &World, url: &str, words: Words) -> l402_registry::ListingId {
    let id = world.add_new(NewListing {
        words,
        ..submitted(url)
    });
    world.done(world.store.record(id, seen_up(60, 50_000)));
    id
}

fn named(name: &str) -> Words {
    Words {
        name: name.to_owned(),
        ..Words::default()
    }
}

#[test]
fn an_empty_registry_says_how_to_list_a_service() {
    let world = World::new();
    let home = page(&world, "/");
    assert_eq!(home.status, StatusCode::OK);
    let text = unescaped(&home.html);
    assert!(text.contains(
        "l402 registry add https://api.example.com/v1/joke --registry 'https://registry.example'"
    ));
    assert!(page(&world, "/search").html.contains("No service fits."));
    assert!(
        page(&world, "/categories")
            .html
            .contains("No service has a category yet.")
    );
}

#[test]
fn every_answer_keeps_the_browser_to_our_own_files() {
    let world = World::new();
    let id = add(&world, "https://a.example/joke", named("Jokes"));
    let style = tags(&page(&world, "/").html)
        .iter()
        .find_map(|tag| {
            tag.attribute("href")
                .filter(|href| href.starts_with("/static/page.css"))
                .map(str::to_owned)
        })
        .expect("a style sheet");
    let paths = [
        "/",
        "/search",
        "/categories",
        "/owner",
        "/about",
        "/api",
        "/none",
        "/s/x",
        &style,
        &format!("/s/{id}"),
    ];
    for path in paths {
        let answer = page(&world, path);
        let policy = answer.headers["content-security-policy"]
            .to_str()
            .expect("text");
        let expected = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                        form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
        assert_eq!(policy, expected, "{path}");
        assert_eq!(
            answer.headers["x-content-type-options"], "nosniff",
            "{path}"
        );
        assert_eq!(answer.headers["referrer-policy"], "no-referrer", "{path}");
        let kept = answer.headers["cache-control"].to_str().expect("text");
        assert_eq!(
            kept.contains("immutable"),
            path.starts_with("/static"),
            "{path}"
        );
    }
    assert_eq!(
        page(&world, &style).headers["content-type"],
        "text/css; charset=utf-8"
    );
}

#[test]
fn what_is_not_there_is_a_page_as_well() {
    let world = World::new();
    for path in [
        "/none",
        "/s/",
        "/s/x",
        "/s/0011223344556677",
        "/s/00112233445566FF",
    ] {
        let answer = page(&world, path);
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.html.contains("<h1>Not "), "{path}");
    }
}

#[test]
fn words_and_facts_stand_apart() {
    let world = World::new();
    let words = Words {
        description: "Jokes of all kinds.".to_owned(),
        provider: "Example Ltd".to_owned(),
        docs: Some("https://docs.example/".to_owned()),
        ..named("Jokes")
    };
    let id = add(&world, "https://a.example/joke", words);
    let html = detail(&world, id).html;
    let (_, words) = html.split_once("What is said of it").expect("the words");
    let (words, facts) = words.split_once("Buy from it").expect("the rest");
    assert!(words.contains("from somebody who submitted the address; not checked"));
    assert!(words.contains("Jokes of all kinds.") && !facts.contains("Jokes of all kinds."));
    for fact in [
        "50 sat",
        "name the same payment",
        "Nobody has proved to own this listing.",
        "Reviews",
        "Who can pay it",
    ] {
        assert!(facts.contains(fact), "{fact}");
    }
}

// ATTACKS G-07: a price that is said and one that is asked are both shown, and the listing is marked.
#[test]
fn a_price_that_differs_is_marked() {
    let world = World::new();
    let price = |sat: u64| ClaimedPrice {
        price_msat: Some(sat * 1000),
        other: None,
    };
    let honest = add(
        &world,
        "https://a.example/joke",
        Words {
            price: price(50),
            ..named("Honest")
        },
    );
    let bait = add(
        &world,
        "https://b.example/joke",
        Words {
            price: price(1),
            ..named("Bait")
        },
    );
    world.done(world.store.record(bait, seen_up(120, 10_000_000)));
    assert!(!detail(&world, honest).html.contains("differs\">says"));
    let html = detail(&world, bait).html;
    assert!(
        html.contains(r#"<b>10,000 sat</b><span class="differs">says 1 sat</span>"#),
        "{html}"
    );
    assert!(html.contains("differs from the 1 sat that is said"));
    // Both prices are in the history.
    assert!(html.contains("Between 50 sat and 10,000 sat; now 10,000 sat."));
    let list = page(&world, "/search").html;
    assert_eq!(list.matches("says 1 sat").count(), 1);
    assert_eq!(list.matches("class=\"differs\"").count(), 1);
}

// ATTACKS G-08: the host stands beside each name, in the letters of DNS, and a likeness is marked.
#[test]
fn a_name_that_imitates_a_host_stands_beside_its_own() {
    let world = World::new();
    let address = "https://b\u{431}c.example/v1";
    let id = add(&world, address, named("api.openai.com"));
    let host = format!("<b>{}</b>", url(address).host());
    assert!(host.starts_with("<b>xn--"), "{host}");
    add(&world, "https://plain.example/v1", named("Plain"));
    for html in [
        page(&world, "/").html,
        page(&world, "/search").html,
        detail(&world, id).html,
    ] {
        assert!(html.contains(&host), "{html}");
        assert!(html.contains("the host has letters beyond a to z"));
        assert!(html.contains("the name speaks of api.openai.com, and the host is another"));
        assert!(!html.contains('\u{431}'));
    }
    assert_eq!(
        page(&world, "/search")
            .html
            .matches("class=\"warn\"")
            .count(),
        2
    );
}

#[test]
fn an_owner_a_purchase_and_reviews_are_shown_as_what_they_are() {
    let world = World::new();
    let id = add(&world, "https://a.example/joke", named("Jokes"));
    world.own(id, "k");
    let edit = Edit {
        words: Some(named("Jokes of the owner")),
        ..Edit::default()
    };
    world.done(world.store.edit(id, "k".to_owned(), edit, at(100)));
    let paid = PaidProbe {
        at: at(500),
        works: true,
        paid: Msat::from_sat(50),
        latency_ms: 700,
        reason: None,
    };
    world.done(world.store.record_paid(id, paid));
    world.done(world.store.add_review(Review {
        stars: 4,
        text: "Good.".to_owned(),
        ..review(id, 1, 300)
    }));
    let html = detail(&world, id).html;
    for shown in [
        "Jokes of the owner",
        "from the owner, who has proved to be",
        "by a file at its host",
        "It works when paid.",
        "its own word, and nobody's claim",
        "holds a paid invoice of this node",
        "a seller could pay himself",
        "4 of 5 stars",
    ] {
        assert!(html.contains(shown), "{shown}");
    }
    let list = page(&world, "/search?owned=true&paid=true").html;
    assert!(
        list.contains("owner proved</li>")
            && list.contains("works when paid</li>")
            && list.contains("★ 4.0 of 5")
    );
}

#[test]
fn a_hidden_listing_says_why_and_nothing_else() {
    let world = World::new();
    let other = add(&world, "https://a.example/joke", named("Jokes"));
    let id = add(&world, "https://b.example/joke", named("Secret words"));
    let hidden = Hidden {
        reason: "A copy.".to_owned(),
        merged_into: Some(other.to_string()),
    };
    world.done(world.store.hide(id, Some(hidden), at(200)));
    let answer = detail(&world, id);
    assert_eq!(answer.status, StatusCode::GONE);
    assert!(
        answer.html.contains("A copy.") && answer.html.contains(&format!("href=\"/s/{other}\""))
    );
    assert!(!answer.html.contains("Secret") && !answer.html.contains("b.example"));
    assert!(!page(&world, "/search").html.contains("Secret"));
}

#[test]
fn a_state_has_its_reason_and_its_place_in_the_history() {
    let world = World::new();
    let id = add(&world, "https://a.example/joke", named("Jokes"));
    world.done(world.store.record(id, seen_down(900)));
    let html = detail(&world, id).html;
    assert!(
        html.contains(r#"<span class="st st-down">down</span> for "#),
        "{html}"
    );
    assert!(html.contains("failed 3 in a row") && html.contains("<td>down</td>"));
    assert!(page(&world, "/search?state=down").html.contains("Jokes"));
    assert!(
        !page(&world, "/search?state=up")
            .html
            .contains("Jokes</bdi>")
    );
}

#[test]
fn pages_follow_each_other_and_show_each_service_once() {
    let world = World::new();
    let new = (0..120).map(|at| NewListing {
        words: named("Joke"),
        ..submitted(&format!("https://a.example/{at}"))
    });
    world.done(world.store.add(new.collect(), at(0)));
    for sort in ["relevance", "newest", "price"] {
        let mut shown = Vec::new();
        let mut path = format!("/search?q=joke&sort={sort}");
        loop {
            let html = page(&world, &path).html;
            let tags = tags(&html);
            let links = tags.iter().filter_map(|tag| tag.attribute("href"));
            shown.extend(
                links
                    .filter(|href| href.starts_with("/s/"))
                    .map(str::to_owned),
            );
            let next = tags.iter().find(|tag| tag.attribute("rel") == Some("next"));
            let Some(next) = next.and_then(|tag| tag.attribute("href")) else {
                break;
            };
            path = unescaped(next);
        }
        assert_eq!(shown.len(), 120, "{sort}");
        shown.sort();
        shown.dedup();
        assert_eq!(shown.len(), 120, "{sort}");
    }
}

#[test]
fn a_list_of_fifty_is_at_most_sixty_kilobytes() {
    for (letter, most) in [("word ", 60), ("\u{6f22}", 60), ("\"", 60), ("&", 60)] {
        let world = World::new();
        let words = Words {
            description: letter.repeat(2000 / letter.chars().count()),
            price: ClaimedPrice {
                price_msat: Some(1000),
                other: None,
            },
            ..named(&letter.repeat(100 / letter.chars().count()))
        };
        let url = |at| {
            format!("https://a{at}.example/a-rather-long-path/to/an/endpoint?with=a&query={at}")
        };
        let new = (0..60).map(|at| NewListing {
            words: words.clone(),
            ..submitted(&url(at))
        });
        for added in world.done(world.store.add(new.collect(), at(0))) {
            world.done(world.store.record(added.id(), seen_up(60, 50_000_000)));
        }
        let html = page(&world, "/search").html;
        assert_eq!(html.matches("<h2>").count(), 50);
        assert!(html.len() <= most * 1024, "{letter}: {} bytes", html.len());
    }
}

#[test]
fn a_listing_without_words_is_named_by_its_address() {
    let world = World::new();
    let id = add(&world, "https://a.example/v1/joke?x=1", Words::default());
    assert!(
        detail(&world, id)
            .html
            .contains("<h1><bdi>a.example/v1/joke</bdi></h1>")
    );
}

#[test]
fn the_form_shows_what_was_asked() {
    let world = World::new();
    let answer = page(
        &world,
        "/search?q=a%22b&state=down&max_price_sat=7&owned=1&client=lnget&sort=price&bogus=%3Ci%3E",
    );
    assert_eq!(answer.status, StatusCode::OK);
    for shown in [
        r#"value="a&quot;b""#,
        r#"<option value="down" selected>"#,
        r#"name="max_price_sat" inputmode="numeric" pattern="[0-9]*" value="7""#,
        r#"<option value="lnget" selected>"#,
        r#"<input type="hidden" name="sort" value="price">"#,
        "There is no filter “bogus”.",
    ] {
        assert!(answer.html.contains(shown), "{shown}");
    }
}

#[test]
fn a_service_that_may_not_be_checked_says_so() {
    let world = World::new();
    let id = world.add("https://a.example/joke");
    let probed = Probed {
        no_probe: true,
        observed: None,
        at: at(10),
        health: health(State::Unknown, 10),
    };
    world.done(world.store.record(id, probed));
    assert!(detail(&world, id).html.contains("asks not to be checked"));
}

//! What the store finds.

use std::collections::HashSet;

use l402::{Msat, Network};
use l402_registry::{
    Filter, Form, Hidden, ListingId, PaidProbe, Probed, Query, Sort, State, Store,
};

use crate::store_fixture::{World, at, health, observed, seen_up, submitted};

fn named(world: &World, url: &str, name: &str, description: &str) -> ListingId {
    let mut new = submitted(url);
    new.words.name = name.to_owned();
    new.words.description = description.to_owned();
    world.add_new(new)
}

#[test]
fn words_are_found_in_name_description_tags_path_host_and_provider() {
    let world = World::new();
    let mut new = submitted("https://api.weatherworks.example/v1/forecast?units=metric");
    new.words.name = "Prévisions météo".to_owned();
    new.words.description = "Rain and sun for every village.".to_owned();
    new.words.tags = vec!["climate".to_owned()];
    new.words.provider = "Acme Skies".to_owned();
    new.words.category = Some("data/weather".to_owned());
    let id = world.add_new(new);
    world.add("https://other.example/joke");
    let texts = [
        "previsions",
        "MÉTÉO",
        "village",
        "climate",
        "skies",
        "forecast",
        "metric",
        "weather",
        "weatherworks",
        "acme rain",
        "vill",
        "sun  for\tevery",
        "api.weatherworks.example",
    ];
    for text in texts {
        assert_eq!(world.find_text(text), [id], "{text}");
    }
    assert_eq!(world.find_text("village joke"), []);
}

#[test]
fn a_match_in_the_name_comes_before_one_in_the_description() {
    let world = World::new();
    let described = named(
        &world,
        "https://a.example/1",
        "Zebra",
        "cat cat cat cat cat",
    );
    let titled = named(
        &world,
        "https://a.example/2",
        "The cat",
        "An animal of the house",
    );
    assert_eq!(world.find_text("cat"), [titled, described]);
}

#[test]
fn a_hidden_listing_is_never_found() {
    let world = World::new();
    let id = world.add("https://a.example/joke");
    let hidden = Hidden {
        reason: "spam".to_owned(),
        merged_into: None,
    };
    world.done(world.store.hide(id, Some(hidden), at(0)));
    // New words do not bring it back.
    let mut new = submitted("https://a.example/joke");
    new.words_from = l402_registry::WordsFrom::Document;
    new.words.name = "Other joke".to_owned();
    world.add_new(new);
    for sort in Sort::ALL {
        for text in ["", "joke", "other"] {
            let query = Query {
                text: text.to_owned(),
                sort,
                ..Query::default()
            };
            let found = world.done(world.store.search(query));
            assert_eq!((found.listings.len(), found.total), (0, 0));
        }
    }
    world.done(world.store.hide(id, None, at(1)));
    assert_eq!(world.find_text("other"), [id]);
}

/// Adds two services that differ in all that filters ask for.
fn two_that_differ(world: &World) -> [ListingId; 2] {
    let [a, b] = ["a", "b"].map(|it| {
        let mut new = submitted(&format!("https://{it}.example/joke"));
        new.words.category = Some(format!("fun-{it}/jokes"));
        world.add_new(new)
    });
    let mut probed = seen_up(0, 50_000);
    world.done(world.store.record(a, probed.clone()));
    probed.health = health(State::Degraded, 0);
    probed.observed = Some(l402_registry::Observed {
        network: Some(Network::Bitcoin),
        node: Some([3; 33]),
        forms: vec![Form::Body],
        clients: vec!["l402-other".to_owned()],
        ..observed(0, 10_000)
    });
    world.done(world.store.record(b, probed));
    world.own(a, "key");
    let paid = PaidProbe {
        at: at(0),
        works: true,
        paid: Msat::from_sat(50),
        latency_ms: 1,
        reason: None,
    };
    world.done(world.store.record_paid(a, paid));
    [a, b]
}

/// Makes filters that the first of the two passes alone.
fn filters() -> Vec<Filter> {
    let made: [fn(&mut Filter); 11] = [
        |it| it.states = vec![State::Up, State::Down],
        |it| it.price_from = Some(Msat::new(10_001)),
        |it| it.category = Some("fun-a".to_owned()),
        |it| it.category = Some("fun-a/jokes".to_owned()),
        |it| it.network = Some(Network::Signet),
        |it| it.forms = vec![Form::L402, Form::Lsat],
        |it| it.client = Some("l402".to_owned()),
        |it| it.owned = true,
        |it| it.works_when_paid = true,
        |it| it.node = Some([2; 33]),
        |it| it.host = Some("A.example".to_owned()),
    ];
    made.into_iter()
        .map(|make| {
            let mut filter = Filter::default();
            make(&mut filter);
            filter
        })
        .collect()
}

#[test]
fn each_filter_keeps_what_has_it() {
    let world = World::new();
    let [a, _] = two_that_differ(&world);
    for filter in filters() {
        for text in ["", "joke"] {
            for sort in Sort::ALL {
                let query = Query {
                    text: text.to_owned(),
                    filter: filter.clone(),
                    sort,
                    ..Query::default()
                };
                let found = world.done(world.store.search(query));
                assert_eq!(found.total, 1, "{filter:?}");
                assert_eq!(found.listings.len(), 1, "{filter:?}");
                assert_eq!(found.listings[0].id, a, "{filter:?}");
            }
        }
    }
}

#[test]
fn a_filter_by_price_leaves_out_what_has_none() {
    let world = World::new();
    let [a, b] = two_that_differ(&world);
    world.add("https://c.example/joke");
    let find = |from: Option<u64>, to: Option<u64>| {
        let filter = Filter {
            price_from: from.map(Msat::new),
            price_to: to.map(Msat::new),
            ..Filter::default()
        };
        world.find(Query {
            filter,
            sort: Sort::Price,
            ..Query::default()
        })
    };
    assert_eq!(find(None, Some(10_000)), [b]);
    assert_eq!(find(Some(0), None), [b, a]);
    assert_eq!(find(None, Some(u64::MAX)), [b, a]);
    assert_eq!(find(Some(10_001), Some(49_999)), []);
}

#[test]
fn each_order_has_the_best_first_and_what_has_no_value_last() {
    let world = World::new();
    let [cheap, dear, unseen] =
        ["1", "2", "3"].map(|it| world.add(&format!("https://a.example/{it}")));
    for (id, price, latency_ms) in [(cheap, 1_000, 90), (dear, 9_000, 10)] {
        let seen = l402_registry::Observed {
            latency_ms,
            ..observed(0, price)
        };
        let probed = Probed {
            observed: Some(seen),
            ..seen_up(0, price)
        };
        world.done(world.store.record(id, probed));
    }
    world.done(
        world
            .store
            .record(cheap, crate::store_fixture::seen_down(60)),
    );
    let newest = submitted("https://a.example/4");
    let newest = world.done(world.store.add(vec![newest], at(9)))[0].id();
    let find = |sort| {
        world.find(Query {
            sort,
            limit: 1,
            ..Query::default()
        })
    };
    let mut without = [unseen, newest];
    without.sort();
    let [x, y] = without;
    assert_eq!(find(Sort::Price), [cheap, dear, x, y]);
    assert_eq!(find(Sort::Latency), [dear, cheap, x, y]);
    assert_eq!(find(Sort::Uptime), [dear, cheap, x, y]);
    assert_eq!(find(Sort::Newest)[0], newest);
    assert_eq!(find(Sort::Relevance), find(Sort::Newest));
}

#[test]
fn a_cursor_of_another_order_begins_anew() {
    let world = World::new();
    for number in 0..4 {
        world.add(&format!("https://a.example/{number}"));
    }
    let first = |sort, after| {
        let query = Query {
            sort,
            limit: 2,
            after,
            ..Query::default()
        };
        world.done(world.store.search(query))
    };
    let page = first(Sort::Newest, None);
    let other = first(Sort::Price, page.next);
    assert_eq!(other.listings, first(Sort::Price, None).listings);
}

#[test]
fn an_answer_has_at_most_200_listings_and_at_least_one() {
    let world = World::new();
    let new = (0..205).map(|it| submitted(&format!("https://a.example/{it}")));
    world.done(world.store.add(new.collect(), at(0)));
    let pages = |limit| {
        let found = world.done(world.store.search(Query {
            limit,
            ..Query::default()
        }));
        (found.listings.len(), found.next.is_some(), found.total)
    };
    assert_eq!(pages(0), (1, true, 205));
    assert_eq!(pages(u32::MAX), (200, true, 205));
    let all: HashSet<_> = world
        .find(Query {
            limit: 200,
            ..Query::default()
        })
        .into_iter()
        .collect();
    assert_eq!(all.len(), 205);
}

/// Turns all pages, and changes the registry before each but the first.
fn pages_while(world: &World, mut query: Query, change: impl Fn(usize)) -> Vec<ListingId> {
    let mut all = Vec::new();
    for turn in 0..100 {
        let found = world.done(world.store.search(query.clone()));
        all.extend(found.listings.iter().map(|it| it.id));
        let Some(next) = found.next else { break };
        query.after = Some(next);
        change(turn);
    }
    all
}

/// Adds listings with words in the description alone, so that all ranks move, and a probe of the first.
fn crowd(world: &World, turn: usize) {
    let new = (0..20).map(|number| {
        let mut new = submitted(&format!("https://comes.example/{turn}/{number}"));
        new.words.description = "dog mouse ".repeat(300 * (turn + 1));
        new
    });
    let added = world.done(world.store.add(new.collect(), at(0)));
    let seen = seen_up(0, turn as u64);
    world.done(world.store.record(added[0].id(), seen));
}

#[test]
fn a_listing_that_stays_as_it_was_is_on_one_page_while_others_come_and_go() {
    let questions = Sort::ALL.map(|sort| (sort, ""));
    for (sort, text) in questions {
        let world = World::new();
        let add = |host: &str, count: usize| -> Vec<ListingId> {
            let new = (0..count).map(|it| {
                let mut new = submitted(&format!("https://{host}.example/{it}"));
                new.words.name = "cat".to_owned();
                // Of two lengths, the shorter comes first, whatever is added.
                new.words.description = "dog mouse ".repeat(it * 9);
                new
            });
            let added = world.done(world.store.add(new.collect(), at(0)));
            added.into_iter().map(|it| it.id()).collect()
        };
        let (stays, goes) = (add("stays", 12), add("goes", 6));
        world.record_many(stays.iter().map(|id| (*id, seen_up(0, 1))));
        let query = Query {
            text: text.to_owned(),
            sort,
            limit: 4,
            ..Query::default()
        };
        let seen = pages_while(&world, query, |turn| {
            if let Some(id) = goes.get(turn) {
                world.done(world.store.remove(*id, None));
                crowd(&world, turn);
            }
        });
        for id in stays {
            let times = seen.iter().filter(|it| **it == id).count();
            assert_eq!(times, 1, "{} {text:?}", sort.name());
        }
    }
}

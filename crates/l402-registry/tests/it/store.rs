//! What the store promises of listings, probes and their past.

use l402::{Msat, UnixTime};
use l402_registry::{
    Added, Category, Health, Hidden, ListingId, NewListing, PaidPoint, PaidProbe, Probed, Reason,
    SqliteStore, State, Store, StoreError, WordsFrom,
};

use crate::store_fixture::{
    HOUR, START, World, at, health, observed, owner, review, seen_down, seen_up, submitted,
};

const JOKE: &str = "https://api.example.com/v1/joke";

#[test]
fn a_new_listing_is_unknown_and_due_at_once() {
    let world = World::new();
    let id = world.add(JOKE);
    let listing = world.listing(id);
    assert_eq!(listing.url.as_str(), JOKE);
    assert_eq!(listing.id, ListingId::of(&listing.url));
    assert_eq!(listing.health.state, State::Unknown);
    assert_eq!(listing.added, at(0));
    assert_eq!(listing.observed, None);
    let due = world.done(world.store.due(at(0), 10));
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].id, id);
    assert_eq!(due[0].health, listing.health);
    assert_eq!(world.done(world.store.due_one(id)).as_ref(), due.first());
}

#[test]
fn words_of_a_stronger_source_replace_those_of_a_weaker_one() {
    let world = World::new();
    let named = |name: &str, words_from| {
        let mut new = submitted(JOKE);
        new.words.name = name.to_owned();
        new.words_from = words_from;
        new
    };
    let add = |new: NewListing| {
        let added = world.done(world.store.add(vec![new], at(5)))[0];
        let listing = world.listing(added.id());
        (
            matches!(added, Added::New(_)),
            listing.words.name,
            listing.words_from,
        )
    };
    use WordsFrom::{Document, Imported, Submitted};
    assert_eq!(add(named("a", Imported)), (true, "a".into(), Imported));
    assert_eq!(add(named("b", Imported)), (false, "b".into(), Imported));
    assert_eq!(add(named("c", Submitted)), (false, "c".into(), Submitted));
    // A second stranger changes nothing, and neither does another directory.
    assert_eq!(add(named("d", Submitted)), (false, "c".into(), Submitted));
    assert_eq!(add(named("e", Imported)), (false, "c".into(), Submitted));
    assert_eq!(add(named("f", Document)), (false, "f".into(), Document));
    assert_eq!(add(named("g", Document)), (false, "g".into(), Document));
    // Nobody adds words of an owner.
    assert_eq!(
        add(named("h", WordsFrom::Owner)),
        (false, "g".into(), Document)
    );
    assert_eq!(world.find_text("g").len(), 1);
    assert_eq!(world.find_text("f"), []);
}

#[test]
fn all_that_a_probe_saw_comes_back() {
    let world = World::new();
    let id = world.add(JOKE);
    let mut probed = seen_up(60, 50_000);
    probed.health.reason = Some(Reason {
        code: "slow".to_owned(),
        text: "4 s".to_owned(),
    });
    probed.no_probe = true;
    world.done(world.store.record(id, probed.clone()));
    let listing = world.listing(id);
    assert_eq!(listing.health, probed.health);
    assert_eq!(listing.observed, probed.observed);
    assert!(listing.no_probe);
    // A probe that saw nothing keeps the last.
    world.done(world.store.record(id, seen_down(120)));
    let listing = world.listing(id);
    assert_eq!(listing.health.state, State::Down);
    assert_eq!(listing.observed, probed.observed);
    assert!(!listing.no_probe);
    let due = world.done(world.store.due_one(id)).unwrap();
    assert_eq!((due.node, due.health.failures), (Some([2; 33]), 3));
    // The greatest amount of all is kept as nearly as the file can hold it.
    world.done(world.store.record(id, seen_up(180, u64::MAX)));
    let price = world.listing(id).observed.and_then(|it| it.price);
    assert_eq!(price, Some(Msat::new(u64::MAX / 2 - 1)));
}

#[test]
fn the_history_has_a_point_for_each_change_of_state_price_and_node() {
    let world = World::new();
    let id = world.add(JOKE);
    let mut of_another_node = seen_up(300, 60_000);
    of_another_node.observed = Some(l402_registry::Observed {
        node: Some([3; 33]),
        ..observed(300, 60_000)
    });
    let probes = [
        seen_up(0, 50_000),
        seen_up(60, 50_000),
        seen_up(120, 60_000),
        seen_down(180),
        seen_up(240, 60_000),
        of_another_node,
    ];
    for probe in probes {
        world.done(world.store.record(id, probe));
    }
    let points = world.done(world.store.history(id, at(300))).points;
    let seen: Vec<_> = points
        .iter()
        .map(|it| (it.at.secs() - START, it.state, it.price.map(Msat::ceil_sat)))
        .collect();
    use State::{Down, Up};
    let expected = [
        (0, Up, Some(50)),
        (120, Up, Some(60)),
        (180, Down, Some(60)),
        (240, Up, Some(60)),
        (300, Up, Some(60)),
    ];
    assert_eq!(seen, expected);
    assert_eq!(points.last().unwrap().node, Some([3; 33]));
}

#[test]
fn a_history_keeps_the_newest_500_points() {
    let world = World::new();
    let id = world.add(JOKE);
    world.record_all(id, (0..520).map(|it| seen_up(it, 1000 + it)));
    let points = world.done(world.store.history(id, at(600))).points;
    assert_eq!(points.len(), 500);
    assert_eq!(points[0].at, at(20));
    assert_eq!(points[499].at, at(519));
}

#[test]
fn uptime_is_the_part_of_the_probes_that_found_it_up() {
    let world = World::new();
    let id = world.add(JOKE);
    // 40 days of a probe an hour: down on the second of the last ten days.
    let hours = 40 * 24;
    let probes = (0..hours).map(|hour| {
        let is_down = (31 * 24..32 * 24).contains(&hour);
        if is_down {
            seen_down(hour * HOUR)
        } else {
            seen_up(hour * HOUR, 1)
        }
    });
    world.record_all(id, probes);
    let now = at((hours - 1) * HOUR);
    let history = world.done(world.store.history(id, now));
    let uptime = history.uptime;
    assert_eq!(uptime, world.listing(id).uptime);
    assert_eq!((uptime.day, uptime.week), (Some(1000), Some(1000)));
    assert_eq!(uptime.month, Some(966));
    assert_eq!(history.hours.len(), 30 * 24);
    let (begin, probes, up, latency) = history.hours[30 * 24 - 1];
    assert_eq!((begin, probes, up, latency), (now, 1, 1, Some(120)));
    assert_eq!(world.done(world.store.totals(now)).probes_of_day, 24);
    // The first failure leaves the state, and is no proof that it is up.
    let first = Probed {
        health: Health {
            failures: 1,
            ..health(State::Up, hours * HOUR)
        },
        ..seen_down(hours * HOUR)
    };
    world.done(world.store.record(id, first));
    assert_eq!(world.listing(id).uptime.day, Some(958));
    // What is older than a month goes, and the rest is as it was.
    world.done(world.store.prune(now));
    assert_eq!(
        world.done(world.store.history(id, now)).hours.len(),
        30 * 24
    );
    let past = world.done(world.store.history(id, at((8 * 24 - 1) * HOUR)));
    assert_eq!(past.hours, []);
}

#[test]
fn a_probe_that_the_host_does_not_want_counts_for_no_uptime() {
    let world = World::new();
    let id = world.add(JOKE);
    world.record_all(id, (0..3).map(|hour| seen_up(hour * HOUR, 1)));
    let unwanted = Probed {
        health: health(State::Unknown, 3 * HOUR),
        observed: None,
        no_probe: true,
        ..seen_up(3 * HOUR, 1)
    };
    world.done(world.store.record(id, unwanted.clone()));
    let listing = world.listing(id);
    assert_eq!(listing.uptime.day, Some(1000));
    assert_eq!(listing.uptime.month, Some(1000));
    assert!(listing.no_probe);
    let now = at(3 * HOUR);
    assert_eq!(world.done(world.store.history(id, now)).hours.len(), 3);
    assert_eq!(world.done(world.store.totals(now)).probes_of_day, 3);
    // Another one two days later: nobody has asked for a day.
    let later = Probed {
        at: at(51 * HOUR),
        ..unwanted
    };
    world.done(world.store.record(id, later));
    let uptime = world.listing(id).uptime;
    assert_eq!((uptime.day, uptime.week), (None, Some(1000)));
}

#[test]
fn the_uptime_of_a_service_that_is_not_probed_any_more_ends() {
    let world = World::new();
    let [id, other] = ["a", "b"].map(|it| world.add(&format!("https://{it}.example/joke")));
    world.done(world.store.record(id, seen_up(0, 1)));
    let uptime = |id, hours: u64| {
        world.done(world.store.prune(at(hours * HOUR)));
        let uptime = world.listing(id).uptime;
        let past = world.done(world.store.history(id, at(hours * HOUR)));
        assert_eq!(past.uptime, uptime, "after {hours} hours");
        [uptime.day, uptime.week, uptime.month].map(|it| it.is_some())
    };
    assert_eq!(uptime(id, 23), [true, true, true]);
    assert_eq!(uptime(id, 24), [false, true, true]);
    assert_eq!(uptime(id, 7 * 24 - 1), [false, true, true]);
    assert_eq!(uptime(id, 7 * 24), [false, false, true]);
    assert_eq!(uptime(id, 30 * 24 - 1), [false, false, true]);
    assert_eq!(uptime(id, 30 * 24), [false, false, false]);
    assert_eq!(uptime(other, 30 * 24), [false, false, false]);
}

#[test]
fn probes_come_due_in_order_and_hidden_ones_never() {
    let world = World::new();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|it| world.add(&format!("https://x.example/{it}")));
    for (id, next) in [(a, Some(30)), (b, Some(10)), (c, None), (d, Some(20))] {
        world.done(world.store.schedule(id, next.map(at)));
    }
    let due = |secs| -> Vec<_> {
        let due = world.done(world.store.due(at(secs), 10));
        due.into_iter().map(|it| it.id).collect()
    };
    assert_eq!(due(9), []);
    assert_eq!(due(30), [b, d, a]);
    let hidden = Hidden {
        reason: "spam".to_owned(),
        merged_into: None,
    };
    world.done(world.store.hide(d, Some(hidden), at(1)));
    assert_eq!(due(30), [b, a]);
    assert_eq!(world.done(world.store.due(at(30), 1)).len(), 1);
    assert!(world.done(world.store.due_one(d)).is_some());
    let missing = ListingId::of(&crate::store_fixture::url("https://none.example/"));
    let result = world.wait(world.store.schedule(missing, None));
    assert_eq!(result, Err(StoreError::NotFound));
}

#[test]
fn a_paid_probe_is_shown_with_the_listing_and_its_past() {
    let world = World::new();
    let id = world.add(JOKE);
    let paid = |secs, works| PaidProbe {
        at: at(secs),
        works,
        paid: Msat::from_sat(50),
        latency_ms: 900,
        reason: (!works).then(|| "500 after it was paid".to_owned()),
    };
    world.done(world.store.record_paid(id, paid(20, true)));
    // An older one that is told late is history alone.
    world.done(world.store.record_paid(id, paid(10, false)));
    assert_eq!(world.listing(id).paid, Some(paid(20, true)));
    let history = world.done(world.store.history(id, at(30)));
    assert_eq!(
        history.paid,
        [paid(10, false), paid(20, true)].map(PaidPoint)
    );
}

#[test]
fn categories_count_what_lies_below_them() {
    let world = World::new();
    for (path, category) in [
        ("a", "ai/images"),
        ("b", "ai"),
        ("c", "ai/text"),
        ("d", "fun"),
    ] {
        let mut new = submitted(&format!("https://x.example/{path}"));
        new.words.category = Some(category.to_owned());
        world.add_new(new);
    }
    let categories = world.done(world.store.categories());
    let of = |name: &str, count| Category {
        name: name.to_owned(),
        count,
    };
    let expected = [
        of("ai", 3),
        of("ai/images", 1),
        of("ai/text", 1),
        of("fun", 1),
    ];
    assert_eq!(categories, expected);
}

#[test]
fn totals_count_what_is_shown_by_state() {
    let world = World::new();
    let [a, b, c] = ["a", "b", "c"].map(|it| world.add(&format!("https://x.example/{it}")));
    world.done(world.store.record(a, seen_up(0, 1)));
    world.done(world.store.record(b, seen_down(0)));
    let hidden = Hidden {
        reason: "spam".to_owned(),
        merged_into: None,
    };
    world.done(world.store.hide(c, Some(hidden), at(0)));
    let totals = world.done(world.store.totals(at(0)));
    assert_eq!(totals.listings, 2);
    assert_eq!(totals.probes_of_day, 2);
    let mut by_state = totals.by_state;
    by_state.sort_by_key(|(state, _)| state.name());
    assert_eq!(by_state, [(State::Down, 1), (State::Up, 1)]);
}

#[test]
fn an_export_has_each_shown_listing_once() {
    let world = World::new();
    let mut all: Vec<_> = (0..25)
        .map(|it| world.add(&format!("https://x.example/{it}")))
        .collect();
    all.sort();
    let mut after = None;
    let mut exported = Vec::new();
    loop {
        let page = world.done(world.store.page(after, 10));
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        exported.extend(page.iter().map(|it| it.id));
    }
    assert_eq!(exported, all);
}

#[test]
fn a_store_that_is_opened_again_has_everything() {
    let world = World::new();
    let id = world.add(JOKE);
    world.own(id, "key");
    world.done(world.store.record(id, seen_up(0, 7000)));
    let listing = world.listing(id);
    let copy = world.folder.path().join("copy.db");
    world.done(world.store.backup(&copy));
    assert!(
        world.wait(world.store.backup(&copy)).is_err(),
        "never written over"
    );
    let again = world.again();
    assert_eq!(world.done(again.listing(id)), Some(listing.clone()));
    let copied = SqliteStore::open(&copy).unwrap();
    assert_eq!(world.done(copied.listing(id)), Some(listing));
    let query = l402_registry::Query {
        text: "joke".to_owned(),
        ..l402_registry::Query::default()
    };
    assert_eq!(world.done(copied.search(query)).listings.len(), 1);
}

#[test]
fn two_stores_on_one_file_agree() {
    let world = World::new();
    let other = world.again();
    let now = UnixTime::from_secs(START);
    world.wait(async {
        let of = |store: &SqliteStore, from: u64| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in from..from + 50 {
                    let new = submitted(&format!("https://x.example/{number}"));
                    store.add(vec![new], now).await.expect("it is added");
                }
            })
        };
        // Half of the addresses are the same.
        let (a, b) = (of(&world.store, 0), of(&other, 25));
        a.await.unwrap();
        b.await.unwrap();
    });
    let here = world.done(world.store.page(None, 1000));
    let there = world.done(other.page(None, 1000));
    assert_eq!(here.len(), 75);
    assert_eq!(here, there);
    // Only one of two becomes the owner.
    let id = here[0].id;
    let take = |store: &SqliteStore, key: &str| {
        let store = store.clone();
        let owner = Some(owner(key));
        async move { store.set_owner(id, None, owner, None, now).await }
    };
    let (a, b) = world.wait(async { tokio::join!(take(&world.store, "a"), take(&other, "b")) });
    assert_eq!(
        usize::from(a.is_ok()) + usize::from(b.is_ok()),
        1,
        "{a:?} {b:?}"
    );
}

#[test]
fn a_change_that_fails_does_not_take_others_back() {
    let world = World::new();
    let id = world.add(JOKE);
    let outcomes = world.wait(async {
        tokio::join!(
            world.store.add_review(review(id, 1, 0)),
            world.store.add_review(review(id, 1, 0)),
            world.store.add_review(review(id, 2, 0)),
        )
    });
    assert_eq!(outcomes, (Ok(()), Err(StoreError::Taken), Ok(())));
    assert_eq!(world.done(world.store.reviews(id, true)).len(), 2);
}

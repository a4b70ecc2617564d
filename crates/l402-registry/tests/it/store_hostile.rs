//! Texts that would be an order to the database, and questions that would keep it busy.

use l402_registry::{
    Claim, Cursor, Edit, Filter, Hidden, ListingId, OwnerProof, Query, Sort, Store, StoreError,
    Words, WordsFrom,
};

use crate::store_fixture::{World, at, claim, submitted};

/// Texts of SQL and of FTS5's own language.
const TEXTS: [&str; 24] = [
    "'; DROP TABLE listings; --",
    "\" OR 1=1 --",
    "x'); DELETE FROM found; --",
    "name : joke",
    "{name tags} : joke",
    "^joke",
    "joke*",
    "joke OR cat",
    "joke NOT cat",
    "joke AND",
    "AND",
    "NEAR(joke cat, 5)",
    "NEAR(",
    "(((((((((",
    "- joke",
    "+joke",
    "found",
    "rank : 1",
    "rowid",
    "\"",
    "\"\"\"\"",
    "joke\u{0}cat",
    "% _ %",
    "?1 :a @b $c",
];

// ATTACKS G-11: SQL, FTS5 operators and quotes in a search are words, and change nothing.
#[test]
fn no_text_of_a_search_is_an_order() {
    let world = World::new();
    let id = world.add("https://a.example/joke");
    for text in TEXTS {
        for sort in Sort::ALL {
            let query = Query {
                text: text.to_owned(),
                filter: Filter {
                    category: (sort == Sort::Price).then(|| text.to_owned()),
                    client: (sort == Sort::Uptime).then(|| text.to_owned()),
                    host: (sort == Sort::Latency).then(|| text.to_owned()),
                    ..Filter::default()
                },
                sort,
                ..Query::default()
            };
            let found = world.done(world.store.search(query));
            assert_eq!(found.total, found.listings.len() as u64, "{text}");
        }
        assert_eq!(world.find_text("joke"), [id], "after {text}");
    }
    // None of them is an operator: each word has to be there.
    for text in [
        "joke OR cat",
        "joke NOT cat",
        "NEAR(joke cat, 5)",
        "rank : 1",
    ] {
        assert_eq!(world.find_text(text), [], "{text}");
    }
}

// ATTACKS G-11: SQL in every text that is stored comes back as it was, and changes nothing.
#[test]
fn no_text_that_is_stored_is_an_order() {
    let world = World::new();
    let other = world.add("https://b.example/other");
    for (number, text) in TEXTS.into_iter().enumerate() {
        let mut new = submitted(&format!("https://a.example/{number}?q=';--"));
        new.words = Words {
            name: text.to_owned(),
            description: text.to_owned(),
            category: Some(text.to_owned()),
            tags: vec![text.to_owned()],
            provider: text.to_owned(),
            ..Words::default()
        };
        new.words_from = WordsFrom::Document;
        new.method = text.to_owned();
        let id = world.add_new(new.clone());
        let listing = world.listing(id);
        assert_eq!(
            (listing.words, listing.method),
            (new.words.clone(), new.method)
        );
        let key = format!("{text}-key");
        world.own(id, &key);
        let edit = Edit {
            words: Some(new.words.clone()),
            ..Edit::default()
        };
        world.done(world.store.edit(id, key, edit, at(1)));
        let open = Claim {
            proof: OwnerProof::Node,
            ..claim(id, text)
        };
        world.done(world.store.open_claim(open.clone(), at(1)));
        assert_eq!(
            world.done(world.store.claim(text.to_owned(), at(1))),
            Some(open)
        );
        world.done(
            world
                .store
                .ban(text.to_owned(), Some(text.to_owned()), at(1)),
        );
        let hidden = Hidden {
            reason: text.to_owned(),
            merged_into: Some(text.to_owned()),
        };
        world.done(world.store.hide(id, Some(hidden.clone()), at(1)));
        assert_eq!(world.listing(id).hidden, Some(hidden));
    }
    assert_eq!(world.find_text("other"), [other]);
    assert_eq!(world.done(world.store.page(None, 1000)).len(), 1);
}

// ATTACKS G-11: a query of 1 MiB is cut, and costs as little as a short one.
#[test]
fn a_very_long_query_is_cut() {
    let world = World::new();
    let id = world.add("https://a.example/joke");
    let long = "joke ".repeat(1 << 18);
    assert_eq!(world.find_text(&long), [id]);
    assert_eq!(world.find_text(&"j".repeat(1 << 20)), []);
    assert_eq!(world.find_text(&"\"".repeat(1 << 20)), []);
    let filter = Filter {
        host: Some("a".repeat(1 << 20)),
        client: Some("c".repeat(1 << 20)),
        ..Filter::default()
    };
    let found = world.find(Query {
        filter,
        ..Query::default()
    });
    assert_eq!(found, []);
}

// ATTACKS G-11: pages have no numbers; a cursor that was made up costs no more than a real one.
#[test]
fn a_cursor_that_was_made_up_is_a_place_as_any_other() {
    let world = World::new();
    let ids: Vec<ListingId> = (0..5)
        .map(|it| world.add(&format!("https://a.example/{it}")))
        .collect();
    for sort in Sort::ALL {
        for value in [
            None,
            Some(i64::MIN),
            Some(-1),
            Some(1_000_000_000),
            Some(i64::MAX),
        ] {
            for id in ["0000000000000000", "ffffffffffffffff"] {
                let after = Cursor {
                    sort,
                    value,
                    id: id.parse().unwrap(),
                };
                let found = world.done(world.store.search(Query {
                    sort,
                    after: Some(after),
                    ..Query::default()
                }));
                assert!(found.listings.iter().all(|it| ids.contains(&it.id)));
                assert_eq!(found.total, 5);
            }
        }
    }
    let texts = [
        "newest.1000000000",
        "newest.99999999999999999999.0000000000000000",
        "1000000000",
    ];
    for text in texts {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
}

#[test]
fn a_name_that_no_listing_has_changes_nothing() {
    let world = World::new();
    let missing: ListingId = "0000000000000000".parse().unwrap();
    let edit = world
        .store
        .edit(missing, "key".to_owned(), Edit::default(), at(0));
    assert_eq!(world.wait(edit), Err(StoreError::NotFound));
    assert_eq!(world.done(world.store.listing(missing)), None);
    assert_eq!(world.done(world.store.due_one(missing)), None);
    let history = world.wait(world.store.history(missing, at(0)));
    assert_eq!(history, Err(StoreError::NotFound));
    let reviews = world.wait(world.store.reviews(missing, true));
    assert_eq!(reviews, Err(StoreError::NotFound));
}

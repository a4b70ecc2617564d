//! What the store promises of owners, reviews and moderation.

use l402::PaymentHash;
use l402_registry::{
    Edit, Hidden, NewListing, Owner, ReviewCount, ReviewFate, Store, StoreError, Words, WordsFrom,
};

use crate::store_fixture::{HOUR, World, at, claim, owner, review, seen_up, submitted};

const JOKE: &str = "https://api.example.com/v1/joke";

#[test]
fn the_words_of_an_owner_stay_until_nobody_owns_the_listing() {
    let world = World::new();
    let id = world.add(JOKE);
    world.own(id, "key");
    let words = Words {
        name: "Fine jokes".to_owned(),
        category: Some("fun/jokes".to_owned()),
        ..Words::default()
    };
    let edit = Edit {
        method: Some("POST".to_owned()),
        words: Some(words.clone()),
        no_probe: Some(true),
    };
    let by = |key: &str| world.wait(world.store.edit(id, key.to_owned(), edit.clone(), at(9)));
    assert_eq!(by("another"), Err(StoreError::Taken));
    assert_eq!(by("key"), Ok(()));
    let document = NewListing {
        words_from: WordsFrom::Document,
        ..submitted(JOKE)
    };
    world.add_new(document.clone());
    let listing = world.listing(id);
    assert_eq!((&listing.words, listing.method.as_str()), (&words, "POST"));
    assert_eq!(
        (listing.words_from, listing.changed),
        (WordsFrom::Owner, at(9))
    );
    assert!(listing.no_probe);
    assert_eq!(world.done(world.store.due(at(9), 10)), []);
    assert_eq!(world.find_text("fine"), [id]);
    let key = Some("key".to_owned());
    world.done(world.store.set_owner(id, key, None, None, at(10)));
    assert_eq!(world.listing(id).words_from, WordsFrom::Submitted);
    world.add_new(document);
    assert_eq!(world.listing(id).words.name, "joke");
}

#[test]
fn what_an_owner_has_said_outlasts_a_directory_that_is_read_again() {
    let world = World::new();
    let imported = NewListing {
        words_from: WordsFrom::Imported,
        ..submitted(JOKE)
    };
    let id = world.add_new(imported.clone());
    world.own(id, "key");
    let edit = |edit: Edit| world.done(world.store.edit(id, "key".to_owned(), edit, at(9)));
    edit(Edit {
        no_probe: Some(true),
        ..Edit::default()
    });
    let document = NewListing {
        words_from: WordsFrom::Document,
        method: "PUT".to_owned(),
        ..submitted(JOKE)
    };
    for again in [imported, document.clone()] {
        world.add_new(again);
        let listing = world.listing(id);
        assert!(listing.no_probe, "{:?}", listing.words_from);
        assert_eq!(world.done(world.store.due(at(9), 10)), []);
    }
    // Of the method the owner has said nothing yet.
    assert_eq!(world.listing(id).method, "PUT");
    edit(Edit {
        method: Some("POST".to_owned()),
        ..Edit::default()
    });
    world.add_new(document.clone());
    assert_eq!(world.listing(id).method, "POST");
    // Without an owner, the document at the origin is believed again.
    let key = Some("key".to_owned());
    world.done(world.store.set_owner(id, key, None, None, at(10)));
    world.add_new(document);
    let listing = world.listing(id);
    assert_eq!((&*listing.method, listing.no_probe), ("PUT", false));
}

#[test]
fn only_one_of_two_claims_makes_an_owner() {
    let world = World::new();
    let id = world.add(JOKE);
    for nonce in ["one", "two"] {
        world.done(world.store.open_claim(claim(id, nonce), at(0)));
    }
    let take = |nonce: &str, key: &str| {
        let owner = Some(owner(key));
        world.wait(
            world
                .store
                .set_owner(id, None, owner, Some(nonce.to_owned()), at(1)),
        )
    };
    assert_eq!(take("three", "key"), Err(StoreError::NotFound));
    assert_eq!(take("one", "key"), Ok(()));
    assert_eq!(take("two", "other"), Err(StoreError::Taken));
    assert_eq!(world.done(world.store.claim("one".to_owned(), at(1))), None);
    assert_eq!(
        world.done(world.store.claim("two".to_owned(), at(1))),
        Some(claim(id, "two"))
    );
    assert_eq!(world.listing(id).owner, Some(owner("key")));
    assert_eq!(world.done(world.store.totals(at(1))).owned, 1);
}

#[test]
fn a_claim_ends_after_its_time_and_a_hundred_are_open_at_most() {
    let world = World::new();
    let id = world.add(JOKE);
    for number in 0..100 {
        world.done(
            world
                .store
                .open_claim(claim(id, &format!("{number}")), at(0)),
        );
    }
    let open = |nonce: &str, secs| {
        let mut claim = claim(id, nonce);
        claim.until = at(secs + 72 * HOUR);
        world.wait(world.store.open_claim(claim, at(secs)))
    };
    assert_eq!(open("one more", HOUR - 1), Err(StoreError::TooMany));
    let get = |secs| world.done(world.store.claim("3".to_owned(), at(secs)));
    assert!(get(72 * HOUR).is_some());
    assert!(get(72 * HOUR + 1).is_none());
    let late = world.store.set_owner(
        id,
        None,
        Some(owner("key")),
        Some("3".to_owned()),
        at(72 * HOUR + 1),
    );
    assert_eq!(world.wait(late), Err(StoreError::NotFound));
    assert_eq!(world.listing(id).owner, None);
    assert_eq!(open("one more", 72 * HOUR + 1), Ok(()));
    assert_eq!(open("one more", 72 * HOUR + 2), Err(StoreError::Taken));
}

// ATTACKS G-08: strangers fill the places for claims, and keep the owner out.
#[test]
fn the_oldest_claim_makes_room_after_an_hour() {
    let world = World::new();
    let id = world.add(JOKE);
    let open = |nonce: &str, secs| {
        let mut claim = claim(id, nonce);
        claim.until = at(secs + 72 * HOUR);
        world.wait(world.store.open_claim(claim, at(secs)))
    };
    for number in 0..100 {
        assert_eq!(open(&format!("{number}"), number), Ok(()));
    }
    assert_eq!(open("owner", HOUR - 1), Err(StoreError::TooMany));
    assert_eq!(open("owner", HOUR), Ok(()));
    let get = |nonce: &str| world.done(world.store.claim(nonce.to_owned(), at(HOUR)));
    assert!(get("0").is_none());
    assert!(get("1").is_some() && get("owner").is_some());
}

#[test]
fn owners_whose_proof_is_old_are_found() {
    let world = World::new();
    let [a, b] = ["a", "b"].map(|it| world.add(&format!("https://x.example/{it}")));
    world.own(a, "a");
    world.own(b, "b");
    let stale = |secs| -> Vec<_> {
        let stale = world.done(world.store.stale_owners(at(secs), 10));
        stale.into_iter().map(|it| it.id).collect()
    };
    assert_eq!(stale(0), []);
    assert_eq!(stale(1).len(), 2);
    let looked_at = Owner {
        checked: at(5),
        failed: 1,
        ..owner("a")
    };
    let before = Some("a".to_owned());
    let change = world
        .store
        .set_owner(a, before, Some(looked_at.clone()), None, at(5));
    world.done(change);
    assert_eq!(stale(1), [b]);
    let listing = world.listing(a);
    assert_eq!(listing.owner, Some(looked_at));
    assert_eq!(listing.changed, at(0), "another look changes nothing");
}

// ATTACKS G-09: a payment makes one review, and three a day of a listing count.
#[test]
fn a_payment_has_one_review_and_three_a_day_count() {
    let world = World::new();
    let [id, other] = ["a", "b"].map(|it| world.add(&format!("https://x.example/{it}")));
    for number in 0..5 {
        let secs = u64::from(number);
        world.done(world.store.add_review(review(id, number, secs)));
    }
    let again = world.wait(world.store.add_review(review(id, 0, 9)));
    assert_eq!(again, Err(StoreError::Taken));
    let elsewhere = world.wait(world.store.add_review(review(other, 0, 9)));
    assert_eq!(elsewhere, Err(StoreError::Taken));
    let counted = ReviewCount {
        count: 3,
        stars: 12,
    };
    assert_eq!(world.listing(id).reviews, counted);
    world.done(world.store.add_review(review(id, 5, 24 * HOUR + 4)));
    assert_eq!(world.listing(id).reviews.count, 4);
    let counts: Vec<_> = world
        .done(world.store.reviews(id, false))
        .iter()
        .map(|it| (it.payment_hash.as_bytes()[0], it.counts))
        .collect();
    let expected = [
        (5, true),
        (2, true),
        (1, true),
        (0, true),
        // A flood of what does not count hides nothing that does.
        (4, false),
        (3, false),
    ];
    assert_eq!(counts, expected);
}

#[test]
fn a_review_is_answered_marked_and_hidden() {
    let world = World::new();
    let [id, other] = ["a", "b"].map(|it| world.add(&format!("https://x.example/{it}")));
    world.done(world.store.add_review(review(id, 1, 0)));
    let hash = PaymentHash::from_bytes([1; 32]);
    let judge = |id, fate| world.wait(world.store.judge_review(id, hash, fate));
    assert_eq!(judge(other, ReviewFate::Abuse), Err(StoreError::NotFound));
    assert_eq!(
        judge(id, ReviewFate::Answer(Some("Thanks.".to_owned()))),
        Ok(())
    );
    assert_eq!(judge(id, ReviewFate::Abuse), Ok(()));
    assert_eq!(judge(id, ReviewFate::Abuse), Ok(()));
    assert_eq!(judge(id, ReviewFate::Hidden(true)), Ok(()));
    assert_eq!(world.listing(id).reviews, ReviewCount::default());
    assert_eq!(world.done(world.store.reviews(id, false)), []);
    let all = world.done(world.store.reviews(id, true));
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].answer.as_deref(), all[0].abuse),
        (Some("Thanks."), 2)
    );
    assert_eq!(judge(id, ReviewFate::Hidden(false)), Ok(()));
    assert_eq!(world.listing(id).reviews.count, 1);
}

#[test]
fn a_removed_listing_leaves_nothing_behind() {
    let world = World::new();
    let id = world.add(JOKE);
    world.own(id, "key");
    world.done(world.store.record(id, seen_up(0, 1)));
    world.done(world.store.add_review(review(id, 1, 0)));
    world.done(world.store.open_claim(claim(id, "nonce"), at(0)));
    let remove = |key: Option<&str>| world.wait(world.store.remove(id, key.map(str::to_owned)));
    assert_eq!(remove(Some("another")), Err(StoreError::Taken));
    assert_eq!(remove(Some("key")), Ok(()));
    assert_eq!(remove(None), Err(StoreError::NotFound));
    assert_eq!(world.done(world.store.listing(id)), None);
    assert_eq!(world.find_text("joke"), []);
    // Added again, it is new.
    world.add(JOKE);
    assert_eq!(world.listing(id).owner, None);
    assert_eq!(world.listing(id).reviews.count, 0);
    assert_eq!(world.done(world.store.history(id, at(0))).points, []);
    assert_eq!(
        world.done(world.store.claim("nonce".to_owned(), at(0))),
        None
    );
}

#[test]
fn an_owner_cannot_show_a_hidden_listing_by_removing_it() {
    let world = World::new();
    let id = world.add(JOKE);
    world.own(id, "key");
    let hidden = Hidden {
        reason: "fraud".to_owned(),
        merged_into: Some("00".repeat(8)),
    };
    world.done(world.store.hide(id, Some(hidden.clone()), at(1)));
    let by_owner = world.wait(world.store.remove(id, Some("key".to_owned())));
    assert_eq!(by_owner, Err(StoreError::Taken));
    assert_eq!(world.listing(id).hidden, Some(hidden));
    world.done(world.store.hide(id, None, at(2)));
    assert_eq!(world.find_text("joke"), [id]);
}

#[test]
fn a_ban_hides_a_host_with_all_names_below_it() {
    let world = World::new();
    let urls = [
        "https://bad.example/a",
        "https://x.bad.example/a",
        "https://notbad.example/a",
    ];
    let [top, below, other] = urls.map(|it| world.add(it));
    let spam = Hidden {
        reason: "a copy".to_owned(),
        merged_into: None,
    };
    let by_hand = world.add("https://bad.example/b");
    world.done(world.store.hide(by_hand, Some(spam.clone()), at(0)));
    let ban = |host: &str, reason: Option<&str>| {
        let call = world
            .store
            .ban(host.to_owned(), reason.map(str::to_owned), at(1));
        world.done(call);
    };
    ban("BAD.example.", Some("fraud"));
    assert_eq!(world.find_text(""), [other]);
    let reason = |id| world.listing(id).hidden.map(|it| it.reason);
    assert_eq!(reason(top).as_deref(), Some("fraud"));
    assert_eq!(reason(below).as_deref(), Some("fraud"));
    assert_eq!(reason(by_hand).as_deref(), Some("a copy"));
    // New ones are hidden at once, and nobody shows one again while the ban stands.
    let new = world.add("https://y.x.bad.example/a");
    assert_eq!(reason(new).as_deref(), Some("fraud"));
    world.done(world.store.hide(top, None, at(2)));
    assert_eq!(reason(top).as_deref(), Some("fraud"));
    ban("x.bad.example", Some("also this one"));
    let banned = world.done(world.store.banned());
    assert_eq!(banned.len(), 2);
    assert_eq!(banned[0], ("bad.example".to_owned(), "fraud".to_owned()));
    // Lifted: but for what another ban or a moderator hides.
    ban("bad.example", None);
    assert_eq!(reason(top), None);
    assert_eq!(reason(below).as_deref(), Some("also this one"));
    assert_eq!(reason(by_hand).as_deref(), Some("a copy"));
    ban("x.bad.example", None);
    assert_eq!(world.find_text("a").len(), 4);
    assert_eq!(world.done(world.store.banned()), []);
}

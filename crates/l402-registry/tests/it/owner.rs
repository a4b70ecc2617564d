//! Claims of listings, and what their owners may do.

use http::StatusCode;
use l402_lightning::Sign as _;
use l402_registry::{
    ClaimInstructions, DeskError, Edit, ListingId, NewListing, OwnerProof, Rechecked, Store as _,
    Words, WordsFrom,
};

use super::owner_world::{DAY, HOST, World, line};
use super::store_fixture::submitted;

/// Returns the code of an error that must be one.
fn code<T: std::fmt::Debug>(result: Result<T, DeskError>) -> &'static str {
    result.expect_err("an error").code()
}

fn named(name: &str) -> Edit {
    Edit {
        words: Some(Words {
            name: name.to_owned(),
            ..Words::default()
        }),
        ..Edit::default()
    }
}

#[tokio::test]
async fn a_file_at_the_origin_proves_the_owner() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    let ticket = world.begin(id, OwnerProof::File).await;
    assert!(ticket.nonce.starts_with("registry.example:"), "{ticket:?}");
    assert!(!format!("{ticket:?}").contains(&ticket.key));
    let ClaimInstructions::File { url, line } = ticket.instructions.clone() else {
        panic!("{ticket:?}");
    };
    assert_eq!(url, world.url("/.well-known/l402-registry-verify.txt"));

    assert_eq!(code(world.finish(&ticket).await), "not_proved");
    assert_eq!(world.listing(id).await.owner, None);
    world.publish(&format!("# ours\n\n{line}\n"));
    let owner = world.finish(&ticket).await.unwrap();
    assert_eq!(owner.proof, OwnerProof::File);
    assert_ne!(owner.key_hash, ticket.key, "the key is not kept");
    assert_eq!(world.listing(id).await.owner, Some(owner));
    // A claim is used up.
    assert_eq!(code(world.finish(&ticket).await), "not_found");
}

#[tokio::test]
async fn a_txt_record_proves_the_owner() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    let ticket = world.begin(id, OwnerProof::Dns).await;
    let ClaimInstructions::Dns { name, text } = ticket.instructions.clone() else {
        panic!("{ticket:?}");
    };
    assert_eq!(name, format!("_l402-registry.{HOST}"));
    let error = world.finish(&ticket).await.unwrap_err();
    assert!(error.to_string().contains("no TXT record"), "{error}");
    world.set_txt(&["v=spf1 -all"]).await;
    assert_eq!(code(world.finish(&ticket).await), "not_proved");
    world.set_txt(&["v=spf1 -all", &text]).await;
    let owner = world.finish(&ticket).await.unwrap();
    assert_eq!(owner.proof, OwnerProof::Dns);

    let by_address = world.add("https://192.0.2.1/joke").await;
    let begun = world
        .registry
        .claim_begin(by_address, OwnerProof::Dns, None)
        .await;
    assert_eq!(code(begun), "bad_input");
}

#[tokio::test]
async fn the_node_of_the_invoices_proves_the_owner_by_a_signature() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    let ticket = world.begin(id, OwnerProof::Node).await;
    let message = line(&ticket);
    let url = world.listing(id).await.url;
    assert_eq!(
        message,
        format!("l402 registry claim {url} {}", ticket.nonce)
    );
    let finish = async |signature: Option<String>| {
        let registry = &world.registry;
        registry
            .claim_finish(&ticket.nonce, &ticket.key, signature.as_deref())
            .await
    };
    assert_eq!(code(finish(None).await), "bad_input");
    let stranger = l402_testkit::TestHome::new();
    let foreign = stranger.sandbox.sign(message.as_bytes()).await.unwrap();
    assert_eq!(code(finish(Some(foreign)).await), "not_proved");
    let other = world.sign(&message.replace("joke", "yoke")).await;
    assert_eq!(code(finish(Some(other)).await), "not_proved");

    let owner = finish(Some(world.sign(&message).await)).await.unwrap();
    assert_eq!(owner.node, Some(hex::encode(world.node.payee())));
}

#[tokio::test]
async fn a_node_must_have_signed_an_invoice_lately() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    let never = world.add(&world.url("/never")).await;
    world.clock.advance(2 * DAY);
    for id in [id, never] {
        world.store.schedule(id, None).await.unwrap();
        let begun = world.registry.claim_begin(id, OwnerProof::Node, None).await;
        assert_eq!(code(begun), "not_proved");
        // A probe is due at once.
        let due = world.listing(id).await.health.next_probe;
        assert_eq!(due, Some(world.now()));
    }
    world.registry.probes_wanted().await;
    // To ask again costs the seller nothing.
    world.store.schedule(id, None).await.unwrap();
    let begun = world.registry.claim_begin(id, OwnerProof::Node, None).await;
    assert_eq!(code(begun), "not_proved");
    assert_eq!(world.listing(id).await.health.next_probe, None);
    world.seen(id, world.node.payee()).await;
    world.begin(id, OwnerProof::Node).await;
}

// ATTACKS G-08: a registry cannot pass a claim on to another one as its own.
#[tokio::test]
async fn a_proof_for_one_registry_is_none_for_another() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    // The evil registry claims at the good one, and shows its own user what it was told.
    let evil = world.other_registry("https://evil.example/");
    let asked = evil.claim_begin(id, OwnerProof::File, None).await.unwrap();
    assert!(asked.nonce.starts_with("evil.example:"));
    let good = world.begin(id, OwnerProof::File).await;
    // The user publishes what he means for the evil registry.
    world.publish(&line(&asked));
    assert_eq!(code(world.finish(&good).await), "not_proved");
    let passed_on = world
        .registry
        .claim_finish(&asked.nonce, &asked.key, None)
        .await;
    assert_eq!(code(passed_on), "not_proved");
    // Both share a store here, so the bare nonce is known; the line still names another registry.
    let bare = asked.nonce.rsplit_once(':').unwrap().1;
    let passed_on = world.registry.claim_finish(bare, &asked.key, None).await;
    assert_eq!(code(passed_on), "not_proved");

    let asked = evil.claim_begin(id, OwnerProof::Node, None).await.unwrap();
    let signature = world.sign(&line(&asked)).await;
    let bare = asked.nonce.rsplit_once(':').unwrap().1;
    let registry = &world.registry;
    let passed_on = registry
        .claim_finish(bare, &asked.key, Some(&signature))
        .await;
    assert_eq!(code(passed_on), "not_proved");
}

// ATTACKS G-08: what another host says, and where a host sends its visitors, proves nothing.
#[tokio::test]
async fn only_the_listings_own_origin_speaks_for_it() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    let ticket = world.begin(id, OwnerProof::File).await;
    let line = line(&ticket);
    let elsewhere = Some(world.url("/elsewhere"));
    for (status, text, redirect) in [
        (
            StatusCode::MOVED_PERMANENTLY,
            line.clone(),
            elsewhere.clone(),
        ),
        (StatusCode::FOUND, line.clone(), elsewhere),
        (StatusCode::NOT_FOUND, line.clone(), None),
        (StatusCode::PARTIAL_CONTENT, line.clone(), None),
        (StatusCode::OK, format!("<html>{line}</html>"), None),
        (StatusCode::OK, format!("# {line}"), None),
        (
            StatusCode::OK,
            format!("{}\n{line}", "x".repeat(5000)),
            None,
        ),
    ] {
        world.answer(status, &text, redirect);
        assert_eq!(code(world.finish(&ticket).await), "not_proved", "{status}");
        // Looks at one host have a limit.
        world.clock.advance(DAY / 24);
    }
    // A look-alike with the same words, at a host of its own, has no part in the proof.
    world.publish(&line);
    let copy = world.add("https://api.se1ler.example/joke").await;
    let copied = world.begin(copy, OwnerProof::File).await;
    assert_eq!(code(world.finish(&copied).await), "not_proved");
    world.finish(&ticket).await.unwrap();
    assert_eq!(world.listing(copy).await.owner, None);
}

// ATTACKS G-08: a node's signature never takes a listing from the owner of the address.
#[tokio::test]
async fn a_proof_of_the_address_outranks_a_node() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    let by_node = world.own_by_node(id).await;
    let waiting = world.begin(id, OwnerProof::Node).await;
    let by_file = world.own_by_file(id).await;
    assert_eq!(
        code(world.registry.edit(id, &by_node, named("old")).await),
        "not_proved"
    );
    world
        .registry
        .edit(id, &by_file, named("new"))
        .await
        .unwrap();

    let begun = world.registry.claim_begin(id, OwnerProof::Node, None).await;
    assert_eq!(code(begun), "taken");
    let signature = world.sign(&line(&waiting)).await;
    let registry = &world.registry;
    let finished = registry
        .claim_finish(&waiting.nonce, &waiting.key, Some(&signature))
        .await;
    assert_eq!(code(finished), "taken");
    // Not even if the file is gone for the moment.
    world.publish("");
    let finished = registry
        .claim_finish(&waiting.nonce, &waiting.key, Some(&signature))
        .await;
    assert_eq!(code(finished), "taken");
}

#[tokio::test]
async fn of_two_equal_proofs_the_one_that_stands_wins() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    let first = world.begin(id, OwnerProof::File).await;
    world.publish(&line(&first));
    world.finish(&first).await.unwrap();
    let second = world.begin(id, OwnerProof::File).await;
    world.publish(&format!("{}\n{}", line(&first), line(&second)));
    let error = world.finish(&second).await.unwrap_err();
    assert_eq!(error.code(), "taken");
    assert!(error.to_string().contains(&line(&first)), "{error}");
    world.publish(&line(&second));
    world.finish(&second).await.unwrap();
    assert_eq!(
        code(world.registry.remove(id, &first.key).await),
        "not_proved"
    );

    // A record and a file are equal.
    let third = world.begin(id, OwnerProof::Dns).await;
    world.set_txt(&[&line(&third)]).await;
    assert_eq!(code(world.finish(&third).await), "taken");
    world.answer(StatusCode::GONE, "", None);
    world.finish(&third).await.unwrap();
    assert_eq!(
        code(world.registry.remove(id, &second.key).await),
        "not_proved"
    );
    world.registry.remove(id, &third.key).await.unwrap();
}

#[tokio::test]
async fn a_node_signs_again_if_its_key_is_lost() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    let lost = world.own_by_node(id).await;
    let found = world.own_by_node(id).await;
    assert_eq!(
        code(world.registry.edit(id, &lost, named("x")).await),
        "not_proved"
    );
    world.registry.edit(id, &found, named("x")).await.unwrap();
}

#[tokio::test]
async fn another_node_takes_over_once_it_signs_the_invoices() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    let old = world.own_by_node(id).await;
    let other = l402_testkit::TestHome::new();
    world.seen(id, other.sandbox.payee()).await;
    let ticket = world.begin(id, OwnerProof::Node).await;
    let signature = other.sandbox.sign(line(&ticket).as_bytes()).await.unwrap();
    let registry = &world.registry;
    let owner = registry
        .claim_finish(&ticket.nonce, &ticket.key, Some(&signature))
        .await;
    assert_eq!(
        owner.unwrap().node,
        Some(hex::encode(other.sandbox.payee()))
    );
    assert_eq!(
        code(registry.edit(id, &old, named("x")).await),
        "not_proved"
    );
}

// ATTACKS G-08: of two claims that are proved in one moment, one wins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_claims_at_once_make_one_owner() {
    let world = World::new().await;
    for round in 0..5 {
        let id = world.listed(&format!("/{round}")).await;
        let [one, two] = [
            world.begin(id, OwnerProof::File).await,
            world.begin(id, OwnerProof::File).await,
        ];
        world.publish(&format!("{}\n{}", line(&one), line(&two)));
        let (first, second) = tokio::join!(world.finish(&one), world.finish(&two));
        let (won, lost) = match (first, second) {
            (Ok(owner), Err(error)) | (Err(error), Ok(owner)) => (owner, error),
            other => panic!("{other:?}"),
        };
        assert_eq!(lost.code(), "taken");
        assert_eq!(world.listing(id).await.owner, Some(won));
        // Looks at one host have a limit.
        world.clock.advance(DAY / 24);
    }
}

#[tokio::test]
async fn a_claim_needs_its_key_and_ends_after_72_hours() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    let ticket = world.begin(id, OwnerProof::File).await;
    world.publish(&line(&ticket));
    let registry = &world.registry;
    for key in ["", "0", &"0".repeat(64), &ticket.key.to_uppercase()] {
        let finished = registry.claim_finish(&ticket.nonce, key, None).await;
        assert_eq!(code(finished), "not_proved", "{key}");
    }
    for nonce in ["", "0", "registry.example:0", "x'; DROP TABLE claims; --"] {
        let finished = registry.claim_finish(nonce, &ticket.key, None).await;
        assert_eq!(code(finished), "not_found", "{nonce}");
    }
    world.clock.advance(3 * DAY + DAY / 24);
    assert_eq!(code(world.finish(&ticket).await), "not_found");
    let nobody: ListingId = "0123456789abcdef".parse().unwrap();
    let begun = registry.claim_begin(nobody, OwnerProof::File, None).await;
    assert_eq!(code(begun), "not_found");
}

#[tokio::test]
async fn one_caller_does_not_fill_the_claims_of_a_listing() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    let caller = |text: &str| Some(text.parse().unwrap());
    let begin = async |peer| world.registry.claim_begin(id, OwnerProof::File, peer).await;
    for _ in 0..3 {
        begin(caller("198.51.100.1")).await.unwrap();
    }
    assert_eq!(code(begin(caller("198.51.100.1")).await), "too_many");
    begin(caller("198.51.100.2")).await.unwrap();
    // One network of IPv6 is one caller.
    for host in 1..=3 {
        begin(caller(&format!("2001:db8::{host}"))).await.unwrap();
    }
    assert_eq!(code(begin(caller("2001:db8::4")).await), "too_many");
}

#[tokio::test]
async fn only_the_owners_key_edits_and_removes() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    let registry = &world.registry;
    let stranger = "0".repeat(64);
    assert_eq!(
        code(registry.edit(id, &stranger, named("x")).await),
        "not_proved"
    );
    let key = world.own_by_file(id).await;
    for wrong in [&stranger, "", &key[1..]] {
        assert_eq!(
            code(registry.edit(id, wrong, named("x")).await),
            "not_proved"
        );
        assert_eq!(code(registry.remove(id, wrong).await), "not_proved");
        assert_eq!(code(registry.transfer(id, wrong).await), "not_proved");
        assert_eq!(code(registry.revoke(id, wrong).await), "not_proved");
    }
    assert_eq!(
        code(registry.edit(id, &key, Edit::default()).await),
        "bad_input"
    );
    let method = |text: &str| Edit {
        method: Some(text.to_owned()),
        ..Edit::default()
    };
    assert_eq!(
        code(registry.edit(id, &key, method("TRACE")).await),
        "bad_input"
    );
    registry.edit(id, &key, method("post")).await.unwrap();
    let words = format!("a\u{202e}b {}", "x".repeat(500));
    registry.edit(id, &key, named(&words)).await.unwrap();
    let listing = world.listing(id).await;
    assert_eq!(listing.method, "POST");
    assert_eq!(listing.words_from, WordsFrom::Owner);
    assert!(
        listing.words.name.starts_with("ab x"),
        "{}",
        listing.words.name
    );
    assert_eq!(listing.words.name.chars().count(), 100);
    registry.remove(id, &key).await.unwrap();
    assert_eq!(world.store.listing(id).await.unwrap(), None);
    assert_eq!(code(registry.remove(id, &key).await), "not_found");
}

#[tokio::test]
async fn a_listing_that_is_given_up_belongs_to_nobody() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    let key = world.own_by_file(id).await;
    let registry = &world.registry;
    registry.edit(id, &key, named("Mine")).await.unwrap();
    let document = || NewListing {
        words_from: WordsFrom::Document,
        words: Words {
            name: "From the document".to_owned(),
            ..Words::default()
        },
        ..submitted(&world.url("/joke"))
    };
    world
        .store
        .add(vec![document()], world.now())
        .await
        .unwrap();
    assert_eq!(world.listing(id).await.words.name, "Mine");
    registry.revoke(id, &key).await.unwrap();
    let listing = world.listing(id).await;
    assert_eq!((listing.owner, listing.words.name.as_str()), (None, "Mine"));
    assert_eq!(
        code(registry.edit(id, &key, named("x")).await),
        "not_proved"
    );
    world
        .store
        .add(vec![document()], world.now())
        .await
        .unwrap();
    assert_eq!(world.listing(id).await.words.name, "From the document");
}

#[tokio::test]
async fn a_transfer_voids_the_old_key_and_wants_the_address_as_well() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    let old = world.own_by_file(id).await;
    let registry = &world.registry;
    let new = registry.transfer(id, &old).await.unwrap();
    assert_eq!(code(registry.transfer(id, &old).await), "not_proved");
    registry.edit(id, &new, named("x")).await.unwrap();
    // The file still names the old key: three looks, and nobody owns it.
    for look in 1..=3 {
        world.clock.advance(8 * DAY);
        let done = registry.recheck_owners().await.unwrap();
        assert_eq!((done.looked, done.missing), (1, 1));
        assert_eq!(world.listing(id).await.owner.is_none(), look == 3);
    }
}

// ATTACKS G-08: who loses the domain loses the listing, and its new holder can have it at once.
#[tokio::test]
async fn a_lapsed_domain_takes_the_listing_with_it() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    let key = world.own_by_file(id).await;
    let registry = &world.registry;
    world.clock.advance(6 * DAY);
    assert_eq!(
        registry.recheck_owners().await.unwrap(),
        Rechecked::default()
    );
    world.clock.advance(2 * DAY);
    let done = registry.recheck_owners().await.unwrap();
    assert_eq!((done.looked, done.missing, done.lost), (1, 0, 0));
    // A short outage is forgiven.
    let file = line(&world.begin(id, OwnerProof::File).await);
    let standing = world.listing(id).await.owner.unwrap();
    let good = format!("{} {}", file.rsplit_once(' ').unwrap().0, standing.key_hash);
    world.answer(StatusCode::BAD_GATEWAY, "", None);
    for failed in [1, 2] {
        world.clock.advance(8 * DAY);
        assert_eq!(registry.recheck_owners().await.unwrap().missing, 1);
        // One look in an interval, however often the schedule asks.
        assert_eq!(registry.recheck_owners().await.unwrap().looked, 0);
        assert_eq!(world.listing(id).await.owner.unwrap().failed, failed);
    }
    world.publish(&good);
    world.clock.advance(8 * DAY);
    assert_eq!(registry.recheck_owners().await.unwrap().missing, 0);
    assert_eq!(world.listing(id).await.owner.unwrap().failed, 0);

    // The domain lapses, and somebody else has it before the next look.
    let next = world.begin(id, OwnerProof::Dns).await;
    world.set_txt(&[&line(&next)]).await;
    world.answer(StatusCode::OK, "parked", None);
    world.finish(&next).await.unwrap();
    assert_eq!(
        code(registry.edit(id, &key, named("x")).await),
        "not_proved"
    );
    // It lapses again, and nobody wants it.
    world.set_txt(&[]).await;
    for lost in [0, 0, 1] {
        world.clock.advance(8 * DAY);
        assert_eq!(registry.recheck_owners().await.unwrap().lost, lost);
    }
    assert_eq!(world.listing(id).await.owner, None);
}

#[tokio::test]
async fn a_node_stays_the_owner_as_long_as_it_signs_the_invoices() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    world.own_by_node(id).await;
    world.clock.advance(8 * DAY);
    let done = world.registry.recheck_owners().await.unwrap();
    assert_eq!((done.looked, done.missing), (1, 0));
    world.seen(id, [2; 33]).await;
    for lost in [0, 0, 1] {
        world.clock.advance(8 * DAY);
        let done = world.registry.recheck_owners().await.unwrap();
        assert_eq!((done.looked, done.missing, done.lost), (1, 1, lost));
    }
}

#[tokio::test]
async fn one_file_is_asked_for_once_however_many_listings_it_proves() {
    let world = World::new().await;
    let mut lines = String::new();
    for path in ["/a", "/b", "/c"] {
        let id = world.listed(path).await;
        let ticket = world.begin(id, OwnerProof::File).await;
        lines = format!("{lines}\n{}", line(&ticket));
        world.publish(&lines);
        world.finish(&ticket).await.unwrap();
    }
    world.clock.advance(8 * DAY);
    let before = world.asked();
    let done = world.registry.recheck_owners().await.unwrap();
    assert_eq!((done.looked, done.missing), (3, 0));
    assert_eq!(world.asked() - before, 1);
}

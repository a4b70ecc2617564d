//! Stored tokens: what is left of them, the way out, and what was paid for and never answered.

use std::time::Duration;

use l402::{Msat, PaymentHash};
use l402_client::{EntryQuery, Narrowing, Request, State};

use crate::server::Trouble;
use crate::world::{START, World};

fn only(world: &World) -> PaymentHash {
    world.entries()[0].payment_hash
}

#[tokio::test]
async fn what_is_left_of_a_token_is_what_the_last_answer_said() {
    let world = World::new().await;
    world.server.plan().policy = "uses=10".parse().unwrap();
    world.server.plan().tells = true;
    let journal = world.journal();
    for left in [9, 8] {
        world.fetch(&world.client(), "/a").await.unwrap();
        let tokens = journal.tokens(None, 10).unwrap();
        assert_eq!(tokens.len(), 1);
        let token = &tokens[0];
        assert_eq!((token.uses_left, token.state), (Some(left), State::Served));
        assert_eq!(token.services, ["joke"]);
        assert!(token.until.is_some() && token.is_presented);
    }
}

/// A seller writes the numbers of its headers as it likes.
#[tokio::test]
async fn no_number_of_a_header_keeps_an_answer_from_being_recorded() {
    let world = World::new().await;
    world.server.plan().policy = "uses=10".parse().unwrap();
    world.server.plan().claims = Some(u64::MAX);
    world.fetch(&world.client(), "/a").await.unwrap();
    assert_eq!(world.states(), [State::Served]);
    let token = &world.journal().tokens(None, 10).unwrap()[0];
    assert_eq!(token.uses_left, Some(i64::MAX.unsigned_abs()));
}

#[tokio::test]
async fn a_forgotten_token_stays_in_the_journal_and_is_presented_no_more() {
    let world = World::new().await;
    world.server.plan().policy = "time=3600".parse().unwrap();
    world.fetch(&world.client(), "/a").await.unwrap();
    let (journal, hash, now) = (world.journal(), only(&world), START);
    assert!(journal.forget(&hash).unwrap());
    assert!(!journal.forget(&hash).unwrap());
    assert!(journal.tokens(Some(now), 10).unwrap().is_empty());
    assert_eq!(journal.tokens(None, 10).unwrap().len(), 1);
    let fetched = world.fetch(&world.client(), "/a").await.unwrap();
    assert_eq!(fetched.reused, Some(false));
    assert_eq!(world.spent().await, Msat::from_sat(100));
}

/// What is exported works elsewhere, and what is narrowed works for less.
#[tokio::test]
async fn an_exported_credential_shows_itself_only_when_asked() {
    let world = World::new().await;
    world.server.plan().policy = "time=3600".parse().unwrap();
    world.fetch(&world.client(), "/a").await.unwrap();
    let credential = world.journal().credential(&only(&world)).unwrap().unwrap();
    let soon = START.saturating_add(Duration::from_secs(60));
    let narrower = credential.narrowed(&Narrowing {
        expires: Some(soon),
        ..Narrowing::default()
    });
    let narrower = narrower.unwrap();
    for shown in [&credential, &narrower] {
        let preimage = shown.preimage().to_hex();
        let header = shown.to_header();
        assert_eq!(header, format!("L402 {}:{preimage}", shown.token()));
        let debug = format!("{shown:?}");
        assert!(!debug.contains(&preimage) && !debug.contains(shown.token()));
    }
    assert!(narrower.token().len() > credential.token().len());
}

#[tokio::test]
async fn what_was_never_answered_is_presented_again_and_nothing_is_paid() {
    let world = World::new().await;
    world.server.plan().troubles = vec![Trouble::Reset];
    world.fetch(&world.client(), "/a").await.unwrap_err();
    let (journal, hash) = (world.journal(), only(&world));
    let unserved = EntryQuery::default().in_states(State::UNSERVED);
    assert_eq!(journal.count(&unserved).unwrap(), 1);
    let request = |path: &str| Request::get(world.server.url(path));
    // For another request it would be used up by something that nobody bought.
    for other in ["/b", "/a?q"] {
        let answer = world.client().resume(hash, request(other)).await.unwrap();
        assert!(answer.is_none(), "{other}");
    }
    assert_eq!(world.server.seen().presented, 1);
    let answer = world.client().resume(hash, request("/a")).await.unwrap();
    let answer = answer.expect("an answer");
    assert!(answer.receipt().unwrap().reused);
    assert_eq!(&answer.bytes(100).await.unwrap()[..], b"a joke");
    assert_eq!(world.states(), [State::Served]);
    assert_eq!(journal.count(&unserved).unwrap(), 0);
    assert_eq!(world.spent().await, Msat::from_sat(50));
    // It was answered now: once more would be another purchase.
    let answer = world.client().resume(hash, request("/a")).await.unwrap();
    assert!(answer.is_none());
}

#[tokio::test]
async fn pages_and_totals_say_what_the_whole_list_says() {
    let world = World::new().await;
    for path in ["/a", "/b", "/c", "/d", "/e"] {
        world.fetch(&world.client(), path).await.unwrap();
        world.clock.advance(Duration::from_secs(10 * 60 * 60));
    }
    let (journal, all) = (world.journal(), EntryQuery::default());
    let (mut paths, mut from) = (Vec::new(), None);
    loop {
        let page = journal.page(&all, 2, from).unwrap();
        paths.extend(page.entries.into_iter().map(|entry| entry.path));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(paths, ["/e", "/d", "/c", "/b", "/a"]);
    let days = journal.totals_by_day(&all, 10).unwrap();
    let origins = journal.totals_by_origin(&all, 10).unwrap();
    let moved: Vec<Msat> = days.iter().map(|day| day.moved).collect();
    let sum = moved
        .iter()
        .fold(Msat::ZERO, |sum, day| sum.saturating_add(*day));
    assert_eq!((sum, origins[0].moved), (world.spent().await, sum));
    assert!(days.len() >= 2 && origins.len() == 1);
    assert!(days[0].day > days[1].day);
    let late = all.clone().since(world.entries()[1].created);
    assert_eq!(journal.count(&late).unwrap(), 2);
    let origin = origins[0].origin.strip_prefix("http://").expect("http");
    assert_eq!(journal.count(&all.clone().of_origin(origin)).unwrap(), 5);
    assert_eq!(journal.count(&all.of_origin("b.example")).unwrap(), 0);
    let hash = only(&world).to_string();
    let found = journal.beginning_with(&hash[..12], 2).unwrap();
    assert_eq!(found[0].path, "/e");
}

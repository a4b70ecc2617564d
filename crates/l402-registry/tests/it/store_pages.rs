//! Pages of a search: whatever the listings and the question, each listing that fits is on one page.

use std::collections::BTreeSet;

use l402::Msat;
use l402_registry::{Filter, ListingId, Probed, Query, Sort, State, Store};
use proptest::prelude::*;

use crate::store_fixture::{World, at, health, observed, submitted};

/// A listing of few different values, so that many are equal in each order.
#[derive(Clone, Debug)]
struct Made {
    word: bool,
    probe: Option<(bool, u64, u32)>,
}

fn made() -> impl Strategy<Value = Made> {
    let probe = proptest::option::of((any::<bool>(), 0..4_u64, 0..4_u32));
    (any::<bool>(), probe).prop_map(|(word, probe)| Made { word, probe })
}

fn question() -> impl Strategy<Value = Query> {
    let sort = proptest::sample::select(Sort::ALL.to_vec());
    let states = prop_oneof![Just(vec![]), Just(vec![State::Up]), Just(vec![State::Down])];
    let price_to = proptest::option::of(0..4_u64);
    (any::<bool>(), sort, states, price_to, 1..6_u32).prop_map(
        |(word, sort, states, price_to, limit)| Query {
            text: if word {
                "cat".to_owned()
            } else {
                String::new()
            },
            filter: Filter {
                states,
                price_to: price_to.map(Msat::new),
                ..Filter::default()
            },
            sort,
            limit,
            after: None,
        },
    )
}

fn put(world: &World, all: &[Made]) -> Vec<ListingId> {
    let new = all.iter().enumerate().map(|(number, made)| {
        let mut new = submitted(&format!("https://a.example/{number}"));
        new.words.name = if made.word { "cat" } else { "dog" }.to_owned();
        new
    });
    let added = world.done(world.store.add(new.collect(), at(0)));
    let ids: Vec<_> = added.into_iter().map(l402_registry::Added::id).collect();
    let probes = all.iter().zip(&ids).filter_map(|(made, id)| {
        let (up, price, latency_ms) = made.probe?;
        let state = if up { State::Up } else { State::Down };
        let mut seen = observed(0, price);
        seen.latency_ms = latency_ms;
        let probed = Probed {
            at: at(0),
            health: health(state, 0),
            observed: Some(seen),
            no_probe: false,
        };
        Some((*id, probed))
    });
    world.record_many(probes);
    ids
}

fn fits(made: &Made, query: &Query) -> bool {
    let state = match made.probe {
        None => State::Unknown,
        Some((true, ..)) => State::Up,
        Some((false, ..)) => State::Down,
    };
    let price = made.probe.map(|(_, price, _)| Msat::new(price));
    let Filter {
        states, price_to, ..
    } = &query.filter;
    (query.text.is_empty() || made.word)
        && (states.is_empty() || states.contains(&state))
        && price_to.is_none_or(|to| price.is_some_and(|price| price <= to))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn each_listing_that_fits_is_on_one_page(
        all in proptest::collection::vec(made(), 0..30),
        questions in proptest::collection::vec(question(), 1..8),
    ) {
        let world = World::new();
        let ids = put(&world, &all);
        for query in questions {
            let expected: BTreeSet<_> = ids
                .iter()
                .zip(&all)
                .filter(|(_, made)| fits(made, &query))
                .map(|(id, _)| *id)
                .collect();
            let total = world.done(world.store.search(query.clone())).total;
            prop_assert_eq!(total, expected.len() as u64);
            let found = world.find(query);
            let distinct: BTreeSet<_> = found.iter().copied().collect();
            prop_assert_eq!(found.len(), distinct.len(), "none twice");
            prop_assert_eq!(distinct, expected);
        }
    }
}

//! The whole of it in one process: real gateway, real SQLite ledger, sandbox node, an upstream
//! that counts what it served, and buyers that present their credentials all at once.

use std::collections::HashMap;

use l402::Msat;
use l402_tests::{Outcome, PRICE_SAT, Upstream, World};

/// What one credential got when it was presented many times at once.
fn tally(outcomes: &[Outcome]) -> HashMap<u16, usize> {
    let mut counts = HashMap::new();
    for outcome in outcomes {
        *counts.entry(outcome.status).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_single_use_tokens_fifty_times_at_once_are_served_a_thousand_times() {
    let world = World::start(Upstream::healthy()).await;
    let mut served = 0;
    for _batch in 0..20 {
        let tokens = world.buy_tokens(50).await;
        let all = world.present_at_once(&tokens, 50).await;
        for outcomes in &all {
            let counts = tally(outcomes);
            assert_eq!(counts.get(&200), Some(&1), "served once: {counts:?}");
            let refused = outcomes.iter().filter(|o| o.status != 200);
            for outcome in refused {
                let expected = [(409, "in_use"), (402, "consumed")];
                assert!(
                    expected.contains(&(outcome.status, &outcome.code)),
                    "{outcome:?}"
                );
            }
            served += 1;
        }
    }
    assert_eq!(served, 1000);
    assert_eq!(world.upstream.delivered(), 1000);
    assert_eq!(
        world.earned(),
        Msat::from_sat(PRICE_SAT * 1000),
        "each paid once"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_fails_half_the_time_serves_each_token_once_and_nobody_pays_twice() {
    let world = World::start(Upstream::failing_every_second_time()).await;
    let tokens = world.buy_tokens(100).await;
    for token in &tokens {
        let mut statuses = Vec::new();
        while !statuses.contains(&200) {
            assert!(statuses.len() < 40, "never served: {statuses:?}");
            statuses.push(world.present(token).await.status);
        }
        let after = world.present(token).await;
        assert_eq!((after.status, after.code.as_str()), (402, "consumed"));
    }
    assert_eq!(world.upstream.delivered(), 100);
    assert!(world.upstream.failed() > 0, "the upstream did fail");
    assert_eq!(
        world.earned(),
        Msat::from_sat(PRICE_SAT * 100),
        "each paid once"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_is_conserved() {
    let world = World::start(Upstream::healthy()).await;
    let before = world.spendable().await;
    let tokens = world.buy_tokens(20).await;
    for token in &tokens {
        assert_eq!(world.present(token).await.status, 200);
    }
    let spent = before
        .checked_sub(world.spendable().await)
        .expect("money only leaves the wallet");
    assert_eq!(spent, Msat::from_sat(PRICE_SAT * 20));
    assert_eq!(world.earned(), spent);
}

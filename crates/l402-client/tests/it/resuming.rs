//! A crash or a silent wallet: its purchase is found out before anything is paid again.

use std::time::Duration;

use l402::Msat;
use l402_client::{BudgetLimit, Error, State};
use l402_lightning::sandbox::Fault;

use crate::world::World;

/// ATTACKS C-19.
#[tokio::test]
async fn unknown_stays_unknown_and_is_not_paid_again() {
    let world = World::new().await;
    world.fault(Fault::Held);
    for _ in 0..3 {
        let error = world.fetch(&world.client(), "/joke").await.unwrap_err();
        assert!(matches!(error, Error::PaymentUnknown { .. }), "{error}");
        assert_eq!(world.client().reconcile().await.unwrap(), 1);
    }
    assert_eq!(world.states(), [State::Unknown]);
    assert_eq!(world.server.seen().asked, 1);
    world.fault(Fault::None);
    assert_eq!(
        world.fetch(&world.client(), "/joke").await.unwrap().reused,
        Some(true)
    );
    assert_eq!(world.spent().await, Msat::from_sat(50));
    assert_eq!(world.states(), [State::Served]);
}

/// ATTACKS C-20.
#[tokio::test]
async fn another_path_goes_on_while_one_is_unknown() {
    let world = World::new().await;
    world.fault(Fault::Unknown);
    world.fetch(&world.client(), "/joke").await.unwrap_err();
    world.fault(Fault::None);
    assert_eq!(
        world.fetch(&world.client(), "/other").await.unwrap().body,
        "a joke"
    );
    world.fetch(&world.client(), "/joke").await.unwrap_err();
}

#[tokio::test]
async fn a_payment_that_settled_unheard_is_used_by_the_next_run() {
    let world = World::new().await;
    world.fault(Fault::EndsMidPayment);
    world.fetch(&world.client(), "/joke").await.unwrap_err();
    world.fault(Fault::None);
    assert_eq!(world.client().reconcile().await.unwrap(), 0);
    assert_eq!(world.states(), [State::Paid]);
    assert_eq!(
        world.fetch(&world.client(), "/joke").await.unwrap().reused,
        Some(true)
    );
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test]
async fn what_is_unknown_is_reserved_in_the_budget_for_ever() {
    let world = World::new().await;
    let limits = l402_client::Limits::default().with_per_day(Msat::from_sat(100));
    let client = world.builder().limits(limits).build().unwrap();
    world.fault(Fault::Unknown);
    world.fetch(&client, "/joke").await.unwrap_err();
    world.fault(Fault::None);
    world.clock.advance(Duration::from_secs(3 * 24 * 60 * 60));
    let error = world.fetch(&client, "/other").await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::OverBudget {
                which: BudgetLimit::PerDay,
                ..
            }
        ),
        "{error}"
    );
}

/// A payment that nobody has heard of again holds its fee limit in reserve, too.
#[tokio::test]
async fn before_the_day_is_over_what_was_cut_short_elsewhere_is_found_out() {
    let world = World::new().await;
    let limits = l402_client::Limits::default().with_per_day(Msat::from_sat(100));
    let client = world.builder().limits(limits).build().unwrap();
    world.fault(Fault::EndsMidPayment);
    world.fetch(&client, "/joke").await.unwrap_err();
    world.fault(Fault::None);
    assert_eq!(world.states(), [State::Unknown]);
    // Of another service, which the purchase does not cover.
    let fetched = world.fetch(&client, "/other").await.unwrap();
    assert_eq!(fetched.reused, Some(false));
    assert_eq!(world.states(), [State::Served, State::Paid]);
    assert_eq!(world.spent().await, Msat::from_sat(100));
}

#[tokio::test]
async fn a_day_that_is_over_is_not_asked_about_twice_if_nothing_is_open() {
    let world = World::new().await;
    let limits = l402_client::Limits::default().with_per_day(Msat::from_sat(49));
    let client = world.builder().limits(limits).build().unwrap();
    let error = world.fetch(&client, "/joke").await.unwrap_err();
    assert_eq!(error.code(), "over_budget", "{error}");
    assert_eq!(world.server.seen().asked, 1);
}

/// Puts the row back to where it stood when a crash hit.
fn rewind(world: &World, sql: &str) {
    let db = rusqlite::Connection::open(world.folder().join("client.db")).expect("the file");
    assert_eq!(db.execute(sql, []).expect("one statement"), 1);
}

const TO_INTENT: &str = "UPDATE purchase SET state = 'intent'";
const TO_ASKED: &str = "UPDATE purchase SET state = 'unknown', preimage = NULL, live = 0, \
                        paid_msat = 0, paid_at = NULL";

#[tokio::test]
async fn a_crash_before_the_wallet_was_asked_costs_nothing() {
    let world = World::new().await;
    world.fault(Fault::Fails);
    world.fetch(&world.client(), "/joke").await.unwrap_err();
    rewind(&world, TO_INTENT);
    world.fault(Fault::None);
    assert_eq!(
        world.fetch(&world.client(), "/joke").await.unwrap().reused,
        Some(false)
    );
    assert_eq!(world.states(), [State::Served, State::Failed]);
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

/// ATTACKS C-18.
#[tokio::test]
async fn a_crash_between_payment_and_proof_pays_once() {
    let world = World::new().await;
    world.server.plan().troubles = vec![crate::server::Trouble::Status(500)];
    world.fetch(&world.client(), "/joke").await.unwrap_err();
    rewind(&world, TO_ASKED);
    assert_eq!(
        world.fetch(&world.client(), "/joke").await.unwrap().reused,
        Some(true)
    );
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_had_by_the_next_run() {
    let world = World::new().await;
    let request = l402_client::Request::get(world.server.url("/joke"));
    world.server.plan().troubles = vec![crate::server::Trouble::Reset];
    drop(world.client().send(request).await.unwrap());
    assert_eq!(world.states(), [State::Paid]);
    assert_eq!(
        world.fetch(&world.client(), "/joke").await.unwrap().reused,
        Some(true)
    );
}

#[tokio::test]
async fn a_paid_purchase_that_is_refused_is_reported_and_not_bought_again_at_once() {
    let world = World::new().await;
    let request = l402_client::Request::get(world.server.url("/joke"));
    drop(world.client().send(request).await.unwrap());
    // The server counts the answer as had, and gives no reason: only the second refusal is final.
    for again in [true, false] {
        let error = world.fetch(&world.client(), "/joke").await.unwrap_err();
        let is = matches!(error, Error::PaidButFailed { retry_same_token, .. }
            if retry_same_token == again);
        assert!(is, "{error}");
    }
    assert_eq!(
        (world.states(), world.spent().await),
        (vec![State::Refused], Msat::from_sat(50))
    );
    let error = world.fetch(&world.client(), "/joke").await.unwrap_err();
    assert_eq!(error.code(), "seller_stopped", "{error}");
    let client = world.builder().buy_despite_stop(true).build().unwrap();
    let fetched = world.fetch(&client, "/joke").await.unwrap();
    assert_eq!(fetched.reused, Some(false));
}

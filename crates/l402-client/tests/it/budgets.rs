//! Budgets by name: races for the last satoshi, stops in mid-purchase, and money that nobody knows of.

use std::sync::Arc;
use std::time::Duration;

use l402::{Msat, Policy, UnixTime};
use l402_client::{
    Budget, BudgetLimit, BudgetLimits, BudgetName, Client, Error, Event, Journal, Limits, Progress,
    Quote, Refused, State,
};
use l402_lightning::sandbox::Fault;
use tokio::task::JoinSet;

use crate::world::{START, World, fetch};

fn name(text: &str) -> BudgetName {
    text.parse().expect("a name")
}

impl World {
    fn change(&self, budget: &str, change: impl FnOnce(&mut Budget)) {
        let changed = self.journal().change_budget(&name(budget), |budget| {
            change(budget);
            true
        });
        assert!(changed.expect("a budget"));
    }

    fn limit(&self, budget: &str, which: BudgetLimit, sat: u64) {
        self.change(budget, |budget| {
            budget.limits = budget.limits.with(which, Some(Msat::from_sat(sat)));
        });
    }

    fn payer(&self, budget: &str) -> Client {
        let builder = self.builder().budget(name(budget));
        builder.build().expect("a client")
    }
}

/// The limit and the budget that refuse a purchase.
async fn refused(
    world: &World,
    client: &Client,
) -> (BudgetLimit, Option<String>, Option<UnixTime>) {
    match world.fetch(client, "/joke").await {
        Err(Error::OverBudget {
            which,
            budget,
            frees,
            ..
        }) => (which, budget, frees),
        other => panic!("{other:?}"),
    }
}

/// ATTACKS C-23, C-25.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_race_for_the_last_satoshi_of_any_limit_never_go_over_it() {
    for which in BudgetLimit::ALL {
        let world = World::new().await;
        if which == BudgetLimit::PerRequest {
            continue;
        }
        // Three of 50 sat fit, with a satoshi to spare; the children have limits that are wider.
        world.limit("default", which, 151);
        for child in ["ann", "bob"] {
            world.limit(child, which, 1000);
        }
        // Each client has the file open for itself, as another process would.
        let clients = ["ann", "bob", "default"].map(|budget| world.payer(budget));
        let mut tasks = JoinSet::new();
        for at in 0..12 {
            let (client, url) = (
                clients[at % 3].clone(),
                world.server.url(&format!("/joke{at}")),
            );
            tasks.spawn(async move { fetch(&client, url).await.is_ok() });
        }
        let served = tasks.join_all().await.into_iter().filter(|it| *it).count();
        assert_eq!(
            world.spent().await,
            Msat::from_sat(50 * served as u64),
            "{which}"
        );
        // A purchase reserves its largest fee until it is paid, so that one of the three may be refused.
        assert!((2..=3).contains(&served), "{which}: {served}");
    }
}

/// ATTACKS C-25.
#[tokio::test]
async fn a_child_pays_within_its_own_limits_and_those_of_its_parents() {
    let world = World::new().await;
    world.limit("default", BudgetLimit::PerDay, 120);
    world.limit("ann", BudgetLimit::PerHour, 70);
    let (ann, own) = (world.payer("ann"), world.client());
    world.fetch(&ann, "/joke").await.unwrap();
    let hour = Duration::from_secs(60 * 60);
    let frees = Some(START.saturating_add(hour));
    let told = (BudgetLimit::PerHour, Some("ann".to_owned()), frees);
    assert_eq!(refused(&world, &ann).await, told);
    // What the child has spent counts for its parent.
    world.fetch(&own, "/joke").await.unwrap();
    world.clock.advance(hour);
    let frees = Some(START.saturating_add(24 * hour));
    let told = (BudgetLimit::PerDay, Some("default".to_owned()), frees);
    assert_eq!(refused(&world, &ann).await, told);
    world.clock.advance(23 * hour);
    world.fetch(&ann, "/joke").await.unwrap();
    assert_eq!(world.spent().await, Msat::from_sat(150));
    let now = START.saturating_add(24 * hour);
    let report = world.journal().budget_report(&name("ann"), now).unwrap();
    let spent: Vec<_> = report
        .limits
        .iter()
        .map(|line| line.spent.ceil_sat())
        .collect();
    // One request, origin, payee, hour, day, 30 days, in all.
    assert_eq!(spent, [0, 50, 50, 50, 50, 100, 100]);
    assert_eq!(
        report.limits[1].about,
        Some(world.server.url("/").origin().ascii_serialization())
    );
}

/// ATTACKS C-20, C-25.
#[tokio::test]
async fn what_is_unknown_counts_in_every_window_at_any_age() {
    let world = World::new().await;
    world.fault(Fault::Held);
    world
        .fetch(&world.payer("default"), "/joke")
        .await
        .unwrap_err();
    assert_eq!(world.states(), [State::Unknown]);
    world.clock.advance(Duration::from_secs(40 * 24 * 60 * 60));
    for which in BudgetLimit::ALL {
        // 50 sat and the largest fee of 10 are reserved.
        let limits = Limits::default().with(which, Msat::from_sat(109));
        let client = world.builder().limits(limits).build().unwrap();
        if which != BudgetLimit::PerRequest {
            let error = world.fetch(&client, "/other").await.unwrap_err();
            assert!(
                matches!(error, Error::OverBudget { which: w, frees: None, .. } if w == which),
                "{error}"
            );
        }
    }
    let limits = Limits::default().with_in_all(Msat::from_sat(110));
    world.fault(Fault::None);
    let client = world.builder().limits(limits).build().unwrap();
    world.fetch(&client, "/other").await.unwrap();
}

/// Stops a budget at the moment of the approval, and says yes.
struct Stopping(Journal);

impl Progress for Stopping {
    fn event(&self, _event: &Event) {}

    fn approve(&self, _quote: &Quote) -> bool {
        let stopped = self.0.change_budget(&BudgetName::default(), |budget| {
            budget.stopped = Some(START);
            true
        });
        stopped.is_ok()
    }
}

#[tokio::test]
async fn a_stop_in_the_midst_of_a_purchase_comes_before_the_wallet() {
    let world = World::new().await;
    world.limit("ann", BudgetLimit::PerDay, 1000);
    let progress = Arc::new(Stopping(world.journal()));
    let builder = world.builder().budget(name("ann")).progress(progress);
    let client = builder.build().unwrap();
    let is_stopped = |error: &Error| {
        matches!(
            error,
            Error::Refused {
                reason: Refused::BudgetStopped,
                ..
            }
        ) && error.no_money_moved()
    };
    for _ in 0..2 {
        // Once in the midst, and once from the beginning.
        let error = world.fetch(&client, "/joke").await.unwrap_err();
        assert!(is_stopped(&error), "{error}");
        assert!(
            error
                .to_string()
                .contains("default, which ann counts against"),
            "{error}"
        );
    }
    assert_eq!(world.states(), [State::Failed]);
    assert_eq!(world.spent().await, Msat::ZERO);
    world.change("default", |budget| budget.stopped = None);
    world.fetch(&world.payer("ann"), "/joke").await.unwrap();
}

#[tokio::test]
async fn what_was_paid_before_a_stop_is_used_after_it() {
    let world = World::new().await;
    world.server.plan().policy = Policy::Time(Duration::from_secs(3600));
    world.fetch(&world.client(), "/joke").await.unwrap();
    world.fault(Fault::Held);
    world.fetch(&world.client(), "/other").await.unwrap_err();
    world.change("default", |budget| budget.stopped = Some(START));
    let fetched = world.fetch(&world.client(), "/joke").await.unwrap();
    assert_eq!(fetched.reused, Some(true));
    // What the wallet was asked before is found out, and its answer is had.
    world.fault(Fault::None);
    let fetched = world.fetch(&world.client(), "/other").await.unwrap();
    assert_eq!(fetched.reused, Some(true));
    assert_eq!(world.spent().await, Msat::from_sat(100));
}

#[tokio::test]
async fn a_budget_that_is_not_there_pays_nothing() {
    let world = World::new().await;
    world.limit("ann", BudgetLimit::PerDay, 1000);
    let error = world
        .fetch(&world.payer("anne"), "/joke")
        .await
        .unwrap_err();
    assert_eq!(error.code(), "unknown_budget");
    assert_eq!(
        error.to_string(),
        "there is no budget anne; there are: default, ann; no money moved"
    );
    assert_eq!(
        (world.entries().len(), world.spent().await),
        (0, Msat::ZERO)
    );
}

#[tokio::test]
async fn a_ceiling_only_lowers() {
    let world = World::new().await;
    let day = BudgetLimit::PerDay;
    let ceiling = |sat| {
        let ceiling = BudgetLimits::default().with(day, Some(Msat::from_sat(sat)));
        Limits::default().with_ceiling(&ceiling)
    };
    world.limit("default", day, 49);
    for limits in [
        ceiling(1_000_000),
        Limits::default().with_per_day(Msat::MAX),
    ] {
        let client = world.builder().limits(limits).build().unwrap();
        let told = (day, Some("default".to_owned()), None);
        assert_eq!(refused(&world, &client).await, told);
    }
    world.limit("default", day, 1_000_000);
    let client = world.builder().limits(ceiling(49)).build().unwrap();
    assert_eq!(refused(&world, &client).await, (day, None, None));
    world.fetch(&world.client(), "/joke").await.unwrap();
}

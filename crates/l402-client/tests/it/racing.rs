//! Many at once: tasks, and journals opened twice as by two processes.

use std::time::Duration;

use l402::{Msat, Policy};
use l402_client::{Client, Limits};
use tokio::task::JoinSet;

use crate::world::{World, fetch};

/// Returns the number of calls that brought an answer.
async fn race(
    world: &World,
    clients: &[Client],
    calls: usize,
    path: impl Fn(usize) -> String,
) -> usize {
    let mut tasks = JoinSet::new();
    for (at, client) in clients.iter().cycle().take(calls).enumerate() {
        let (client, url) = (client.clone(), world.server.url(&path(at)));
        tasks.spawn(async move { fetch(&client, url).await.is_ok() });
    }
    tasks
        .join_all()
        .await
        .into_iter()
        .filter(|served| *served)
        .count()
}

/// ATTACKS C-17.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_tasks_on_one_reusable_url_pay_once() {
    let world = World::new().await;
    world.server.plan().policy = Policy::Time(Duration::from_secs(3600));
    let served = race(&world, &[world.client()], 1000, |_| "/joke".into()).await;
    assert_eq!(served, 1000);
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_reusable_url_pay_once() {
    let world = World::new().await;
    world.server.plan().policy = Policy::Time(Duration::from_secs(3600));
    let clients = [world.client(), world.client()];
    assert_eq!(race(&world, &clients, 40, |_| "/joke".into()).await, 40);
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

/// ATTACKS C-23.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_at_once_never_go_over_the_budget() {
    for paths in [1, 100] {
        let world = World::new().await;
        let limits = Limits::default().with_per_day(Msat::from_sat(500));
        let client = || world.builder().limits(limits).build().unwrap();
        let clients = [client(), client()];
        let served = race(&world, &clients, 100, |at| format!("/joke{}", at % paths)).await;
        let spent = world.spent().await;
        assert_eq!(spent, Msat::from_sat(50 * u64::try_from(served).unwrap()));
        assert!((8..=10).contains(&served), "{served}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_for_one_answer_are_each_used_by_one_task() {
    let world = World::new().await;
    let clients = [world.client(), world.client()];
    assert_eq!(race(&world, &clients, 30, |_| "/joke".into()).await, 30);
    assert_eq!(world.spent().await, Msat::from_sat(50 * 30));
    assert_eq!(world.server.seen().served, 30);
}

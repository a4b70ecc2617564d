//! Many at once: tasks, and journals opened twice as by two processes.

use std::time::Duration;

use l402::{Msat, Policy};
use l402_client::{Client, Limits};
use l402_host::{Clock as _, SystemClock};
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

// FAULTS T3: nobody queues for a page that costs nothing, neither here nor in another program.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_free_page_is_had_by_all_at_once() {
    let world = World::new().await;
    let clients = [world.client(), world.client()];
    let clock = SystemClock::default();
    assert_eq!(
        race(&world, &clients, 20, |_| "/free-and-slow".into()).await,
        20
    );
    // In a row they would take 6 s.
    assert!(clock.monotonic() < Duration::from_secs(3));
    assert_eq!(world.server.seen().asked, 20);
    assert_eq!(world.entries().len(), 0);
}

/// A crowd that asks ahead of the queue may be more than a seller gives challenges to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_put_off_in_a_crowd_uses_what_another_bought() {
    let world = World::new().await;
    world.server.plan().policy = Policy::Time(Duration::from_secs(3600));
    world.server.plan().challenges_left = 1;
    world.server.plan().pause = Duration::from_millis(300);
    let clients = [world.client(), world.client()];
    let (client, url) = (clients[0].clone(), world.server.url("/joke"));
    let first = tokio::spawn(async move { fetch(&client, url).await.is_ok() });
    while world.server.seen().asked == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(race(&world, &clients, 19, |_| "/joke".into()).await, 19);
    assert!(first.await.unwrap());
    assert_eq!(world.spent().await, Msat::from_sat(50));
    assert_eq!(world.server.seen().served, 20);
}

/// A caller who is alone is put off once, and asks no second time.
#[tokio::test]
async fn a_refusal_for_haste_is_asked_for_once() {
    let world = World::new().await;
    world.server.plan().challenges_left = 0;
    let fetched = world.fetch(&world.client(), "/joke").await.unwrap();
    assert_eq!((fetched.status, world.server.seen().asked), (429, 1));
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

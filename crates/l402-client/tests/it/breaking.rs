//! Sellers who take money and serve nothing, each time at another path: buying there ends.

use std::time::Duration;

use l402::Msat;
use l402_client::{Client, State};

use crate::server::Trouble;
use crate::world::World;

/// Fetches so many paths of one seller, and returns the codes of the errors, `ok` for an answer.
async fn codes(world: &World, client: &Client, paths: std::ops::Range<u32>) -> Vec<String> {
    let mut codes = Vec::new();
    for at in paths {
        // Another service at each path, so that nothing that was bought before covers it.
        let fetched = world.fetch(client, &format!("/s{at}/x")).await;
        codes.push(fetched.map_or_else(|error| error.code().to_owned(), |_| "ok".to_owned()));
    }
    codes
}

/// ATTACKS C-14. Each fault costs three payments at most, whatever the paths.
#[tokio::test]
async fn a_seller_who_serves_nothing_is_paid_three_times_whatever_the_path() {
    for (name, trouble, code) in [
        ("fails", Trouble::Status(500), "paid_but_failed"),
        ("is not there", Trouble::Status(503), "paid_but_failed"),
        ("breaks off", Trouble::Reset, "paid_but_failed"),
        ("finds nothing", Trouble::Status(404), "ok"),
    ] {
        let world = World::new().await;
        world.server.plan().own_services = true;
        world.server.plan().troubles = vec![trouble; 5];
        let codes = codes(&world, &world.client(), 0..6).await;
        assert_eq!(codes[..3], [code; 3], "{name}");
        assert_eq!(codes[3..], ["seller_stopped"; 3], "{name}");
        assert_eq!(world.spent().await, Msat::from_sat(150), "{name}");
        assert_eq!(world.states(), [State::Paid; 3], "{name}");
    }
}

#[tokio::test]
async fn an_answer_a_day_or_a_yes_lets_a_seller_go_on() {
    let world = World::new().await;
    world.server.plan().own_services = true;
    let fails = || world.server.plan().troubles = vec![Trouble::Status(500); 3];
    fails();
    let client = world.client();
    codes(&world, &client, 0..3).await;
    assert_eq!(codes(&world, &client, 3..4).await, ["seller_stopped"]);
    let insisting = world.builder().buy_despite_stop(true).build().unwrap();
    fails();
    assert_eq!(codes(&world, &insisting, 4..5).await, ["paid_but_failed"]);
    world.server.plan().troubles.clear();
    // What was paid for is had for nothing, and ends it.
    assert_eq!(codes(&world, &client, 3..4).await, ["seller_stopped"]);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(codes(&world, &client, 0..1).await, ["ok"]);
    assert_eq!(codes(&world, &client, 5..6).await, ["ok"]);
    fails();
    assert_eq!(codes(&world, &client, 6..9).await, ["paid_but_failed"; 3]);
    assert_eq!(codes(&world, &client, 9..10).await, ["seller_stopped"]);
    world.clock.advance(Duration::from_secs(24 * 60 * 60 + 1));
    assert_eq!(codes(&world, &client, 9..10).await, ["ok"]);
}

/// ATTACKS C-14. Refusals without a reason, each at a path of its own.
#[tokio::test]
async fn a_seller_who_always_asks_again_is_paid_once_a_call_and_then_left() {
    let world = World::new().await;
    world.server.plan().own_services = true;
    world.server.plan().always_402 = true;
    let codes = codes(&world, &world.client(), 0..5).await;
    let paid = codes
        .iter()
        .filter(|code| *code == "paid_but_failed")
        .count();
    assert!((1..=3).contains(&paid), "{codes:?}");
    assert_eq!(codes.last().unwrap(), "seller_stopped", "{codes:?}");
    let most = Msat::from_sat(50 * u64::try_from(paid).unwrap());
    assert_eq!(world.spent().await, most);
}

/// What another seller does wrong stops nobody else, and neither does another host at its address.
#[tokio::test]
async fn one_seller_is_stopped_and_no_other() {
    let world = World::new().await;
    world.server.plan().own_services = true;
    world.server.plan().troubles = vec![Trouble::Status(500); 3];
    let client = world.client();
    codes(&world, &client, 0..3).await;
    let other = crate::server::PaidServer::open(&world.sandbox, &world.clock);
    let fetched = crate::world::fetch(&client, other.url("/joke")).await;
    assert_eq!(fetched.unwrap().status, 200);
    let mut request = l402_client::Request::get(world.server.url("/s0/x"));
    let host = "other.example".parse().unwrap();
    request.headers.insert("host", host);
    assert_eq!(client.send(request).await.unwrap().status(), 200);
    assert_eq!(codes(&world, &client, 3..4).await, ["seller_stopped"]);
}

/// ATTACKS C-14. Each paid page leads to itself for ever, and gives the use back.
#[tokio::test]
async fn circles_of_redirects_are_paid_three_times_at_most() {
    let world = World::new().await;
    world.server.plan().own_services = true;
    let client = world.builder().follow_redirects(true).build().unwrap();
    let mut codes = Vec::new();
    for at in 0..5 {
        let fetched = world.fetch(&client, &format!("/s{at}/moved/302?")).await;
        codes.push(fetched.unwrap_err().code().to_owned());
    }
    assert_eq!(codes[..3], ["paid_but_failed"; 3], "{codes:?}");
    assert_eq!(codes[3..], ["seller_stopped"; 2], "{codes:?}");
    assert_eq!(world.spent().await, Msat::from_sat(150));
}

//! Several upstreams of one route: the choice of one, one that dies and comes back, and checks.

mod checks;
mod replica;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use self::replica::{Replica, bound, free, hold, routes_to, until};
use crate::harness::{GatewayUnderTest, QUIET, describe, request, send, serve, upstream};
use crate::upstream::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_where_the_fewest_are_under_way() {
    let replicas = ['a', 'b', 'c'].map(Replica::start);
    let [a, b, c] = &replicas;
    let server = serve(&routes_to(&[a, b, c], "")).await;
    for _ in 0..30 {
        free(&server).await;
    }
    for replica in &replicas {
        // Ten each in turn, but for a count that ends a moment after its answer.
        assert!((5..=15).contains(&replica.served()), "{}", replica.served());
    }
    let arrived = || replicas.iter().map(Replica::arrived).sum::<usize>();
    let mut held = Vec::new();
    for count in 1..=9 {
        held.push(hold(&server, "GET", None));
        until("it has arrived", || arrived() == count).await;
    }
    assert_eq!(replicas.each_ref().map(Replica::arrived), [3, 3, 3]);
    // Two of one replica end, so that the next two are for it.
    b.state.gate.add_permits(2);
    until("they are answered", || {
        held.iter().filter(|held| held.is_finished()).count() == 2
    })
    .await;
    for count in 10..=11 {
        held.push(hold(&server, "GET", None));
        until("it has arrived", || arrived() == count).await;
    }
    assert_eq!(replicas.each_ref().map(Replica::arrived), [3, 5, 3]);
    replicas
        .iter()
        .for_each(|replica| replica.state.gate.add_permits(9));
    for held in held {
        assert_eq!(held.await.unwrap().status(), 200);
    }
}

/// Buys and uses until nobody counts its rounds any more. Panics at the first request that fails.
async fn load(server: Arc<GatewayUnderTest>, rounds: mpsc::Sender<()>) {
    while rounds.send(()).await.is_ok() {
        let credential = server.buy("/x").await;
        let paid = server.get("/x", Some(&credential)).await;
        assert_eq!(paid.status(), 200, "{}", paid.text());
        let spent = server.get("/x", Some(&credential)).await;
        assert_eq!(spent.status(), 402, "used once: {}", spent.text());
        free(&server).await;
    }
}

async fn take(rounds: &mut mpsc::Receiver<()>, count: usize) {
    for _ in 0..count {
        rounds.recv().await.expect("a buyer that has not failed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dies_under_load_and_comes_back_and_no_buyer_notices() {
    let (mut a, b) = (Replica::start('a'), Replica::start('b'));
    let server = Arc::new(serve(&routes_to(&[&a, &b], "")).await);
    let (round, mut rounds) = mpsc::channel(1);
    let buyers: Vec<_> = (0..3)
        .map(|_| tokio::spawn(load(Arc::clone(&server), round.clone())))
        .collect();
    drop(round);
    for _ in 0..2 {
        take(&mut rounds, 12).await;
        a.die().await;
        let before = a.served();
        take(&mut rounds, 12).await;
        assert_eq!(a.served(), before);
        a.come_back();
        // Nobody waits for it, but those who go elsewhere have it looked at.
        let back = async {
            while a.served() == before {
                take(&mut rounds, 1).await;
            }
        };
        timeout(PATIENCE, back)
            .await
            .expect("it gets requests again");
    }
    drop(rounds);
    for buyer in buyers {
        buyer.await.expect("no request failed");
    }
}

/// ATTACKS.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_seen_goes_nowhere_else_and_is_not_charged() {
    let (mut a, mut b) = (Replica::start('a'), Replica::start('b'));
    let server = serve(&routes_to(&[&a, &b], "")).await;
    let credential = server.buy("/held").await;
    let held = hold(&server, "POST", Some(&credential));
    until("it has arrived", || a.arrived() + b.arrived() == 1).await;
    let (dead, alive) = if a.arrived() == 1 {
        (&mut a, &b)
    } else {
        (&mut b, &a)
    };
    dead.die().await;
    let failed = held.await.unwrap();
    assert_eq!(
        (failed.status(), failed.code().as_str()),
        (502, "upstream_failed")
    );
    assert_eq!(alive.arrived(), 0, "it was sent once");
    // The use was given back.
    alive.state.gate.add_permits(1);
    let again = hold(&server, "POST", Some(&credential)).await.unwrap();
    assert_eq!(again.status(), 200, "{}", again.text());
    let spent = server.get("/held", Some(&credential)).await;
    assert_eq!(spent.status(), 402, "one answer, one use");
    assert_eq!(alive.arrived(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_repeated_goes_to_one_other_and_is_charged_once() {
    let mut all = ['a', 'b', 'c'].map(Replica::start);
    let server = serve(&routes_to(&[&all[0], &all[1], &all[2]], "")).await;
    let credential = server.buy("/held").await;
    let held = hold(&server, "GET", Some(&credential));
    let mut arrived = 0;
    // Each dies with the request. After the second it is not repeated any more.
    for turn in 1..=2 {
        until("it has arrived", || {
            all.iter().map(Replica::arrived).sum::<usize>() == turn
        })
        .await;
        let holds = |replica: &Replica| replica.arrived() == 1 && replica.task.is_some();
        let index = all.iter().position(holds).expect("one");
        all[index].die().await;
        arrived += 1;
    }
    let failed = held.await.unwrap();
    assert_eq!(
        (failed.status(), failed.code().as_str()),
        (502, "upstream_failed")
    );
    let now: usize = all.iter().map(Replica::arrived).sum();
    assert_eq!(now, arrived, "the third one lives");
    let alive = all
        .iter()
        .find(|replica| replica.task.is_some())
        .expect("one");
    alive.state.gate.add_permits(1);
    let paid = server.get("/held", Some(&credential)).await;
    assert_eq!(paid.status(), 200, "it was given back: {}", paid.text());
    assert_eq!(server.get("/held", Some(&credential)).await.status(), 402);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sold_if_all_are_down() {
    let (mut a, mut b) = (Replica::start('a'), Replica::start('b'));
    let server = serve(&routes_to(&[&a, &b], "")).await;
    let credential = server.buy("/x").await;
    a.die().await;
    b.die().await;
    let failed = server.get("/x", Some(&credential)).await;
    assert_eq!(failed.code(), "upstream_failed");
    let failed = server.get("/x", Some(&credential)).await;
    assert_eq!(failed.code(), "upstream_failed", "tried all the same");
    let unsold = server.get("/x", None).await;
    assert_eq!(
        (unsold.status(), unsold.code().as_str()),
        (503, "upstream_unavailable")
    );
    assert_eq!(unsold.header("retry-after"), Some("1"));
    b.come_back();
    // As long as a payment has to wait that was failed twice.
    server.clock.advance(Duration::from_secs(1));
    let paid = server.get("/x", Some(&credential)).await;
    assert_eq!((paid.status(), paid.text().as_str()), (200, "b"));
    assert_eq!(server.get("/x", None).await.status(), 402);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_adds_and_removes_upstreams_while_requests_run() {
    let all = ['a', 'b', 'c'].map(Replica::start);
    let [a, b, c] = &all;
    let server = Arc::new(serve(&routes_to(&[a, b], "")).await);
    let mut held = Vec::new();
    for count in 1..=2 {
        held.push(hold(&server, "GET", None));
        until("it has arrived", || a.arrived() + b.arrived() == count).await;
    }
    // What is under way at the other would keep others from it.
    b.state.gate.add_permits(1);
    let (round, mut rounds) = mpsc::channel(1);
    let buyers: Vec<_> = (0..3)
        .map(|_| tokio::spawn(load(Arc::clone(&server), round.clone())))
        .collect();
    drop(round);
    for served in [[b, c], [c, a], [a, b], [b, c]] {
        take(&mut rounds, 6).await;
        assert!(server.reload(&routes_to(&served, "")).is_ok());
        let before = served.map(Replica::served);
        take(&mut rounds, 9).await;
        for (replica, before) in served.iter().zip(before) {
            assert!(replica.served() > before, "{}", replica.state.name);
        }
    }
    drop(rounds);
    for buyer in buyers {
        buyer.await.expect("no request failed");
    }
    let gone = a.served();
    for _ in 0..10 {
        free(&server).await;
    }
    assert_eq!(a.served(), gone);
    // One of them waits at the replica that was removed.
    a.state.gate.add_permits(1);
    for held in held {
        assert_eq!(held.await.unwrap().status(), 200);
    }
}

/// Each request names the upstream that it is sent to, also if it was meant for another at first.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_goes_to_another_bears_its_name() {
    for (scheme, http2) in [("http", false), ("h2c", true)] {
        let dead = bound(([127, 0, 0, 1], 0).into());
        let dead_address = dead.local_addr().expect("an address");
        let live = upstream(http2, describe).await;
        let server = serve(&format!(
            "{QUIET}[[route]]\npath = \"/free\"\nfree = true\n\
             upstream = [\"{scheme}://{dead_address}/v1\", \"{scheme}://{live}/v1\"]\n"
        ))
        .await;
        for _ in 0..4 {
            let body = b"as it came";
            let answer = send(server.address, request("POST", "/free", None, body)).await;
            assert_eq!(answer.status(), 200, "{}", answer.text());
            let seen = answer.json();
            assert_eq!(seen["body"], "as it came");
            let target = seen["target"].as_str().expect("a target");
            let named = match http2 {
                true => target.to_owned(),
                false => seen["headers"].to_string(),
            };
            assert!(named.contains(&live.to_string()), "{named}");
            assert!(target.ends_with("/v1/free"), "{target}");
        }
    }
}

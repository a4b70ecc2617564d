//! An outage of the seller's lnd while its gateway is busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use l402_interop::{Regtest, until};
use tokio::task::JoinSet;

use crate::backend::Nodes;
use crate::gateway::{Answer, TestGateway, ask};

/// The number of buyers at once, each with a credential of its own.
const BUYERS: usize = 4;

/// A load of requests with paid credentials, one after the other from each buyer, until it is
/// stopped.
struct Load {
    served: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    buyers: JoinSet<Vec<Answer>>,
}

impl Load {
    fn start(gateway: &TestGateway, credentials: Vec<String>) -> Self {
        let mut load = Self {
            served: Arc::default(),
            over: Arc::default(),
            buyers: JoinSet::new(),
        };
        for credential in credentials {
            let (served, over) = (Arc::clone(&load.served), Arc::clone(&load.over));
            let (http, url) = gateway.caller();
            load.buyers.spawn(async move {
                let mut refused = Vec::new();
                while !over.load(Ordering::SeqCst) {
                    let answer = ask(&http, &url, Some(&credential)).await;
                    if answer.status == 200 {
                        served.fetch_add(1, Ordering::SeqCst);
                    } else {
                        refused.push(answer);
                    }
                }
                refused
            });
        }
        load
    }

    /// Waits until this many more requests were served.
    async fn goes_on(&self, more: usize) {
        let goal = self.served.load(Ordering::SeqCst) + more;
        until("paid requests are served", async || {
            (self.served.load(Ordering::SeqCst) >= goal).then_some(())
        })
        .await;
    }

    /// Stops the load; returns the answers other than 200.
    async fn end(mut self) -> Vec<Answer> {
        self.over.store(true, Ordering::SeqCst);
        let mut refused = Vec::new();
        while let Some(buyer) = self.buyers.join_next().await {
            refused.extend(buyer.expect("no buyer panics"));
        }
        refused
    }
}

/// Asks without a credential until the answer has this status. Only 402 and 503 may come before.
async fn priced(gateway: &TestGateway, status: u16) -> Answer {
    until("the gateway knows of its node", async || {
        let answer = gateway.ask(None).await;
        assert!(matches!(answer.status, 402 | 503), "{answer:?}");
        (answer.status == status).then_some(answer)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_lnd_a_gateway_serves_the_paid_turns_away_the_new_and_recovers_by_itself() {
    let mut net = Regtest::start().await;
    let nodes = Nodes::of(&net).await;
    let gateway = TestGateway::open(&net, "policy = \"time=1h\"").await;
    let mut credentials = Vec::new();
    for _ in 0..BUYERS {
        credentials.push(gateway.buy(&*nodes.pay).await);
    }
    let load = Load::start(&gateway, credentials);
    load.goes_on(100).await;

    net.seller.stop().await;
    priced(&gateway, 503).await;
    for _ in 0..5 {
        let turned_away = gateway.ask(None).await;
        assert_eq!(turned_away.status, 503, "{turned_away:?}");
        assert_eq!(turned_away.code(), "node_unavailable");
        assert!(turned_away.challenges.is_empty(), "{turned_away:?}");
        let wait = turned_away.retry_after.expect("Retry-After");
        assert!((1..=10).contains(&wait), "{wait} s");
    }
    load.goes_on(100).await;

    net.seller.resume().await;
    let back = priced(&gateway, 402).await;
    assert_eq!(back.challenge().scheme(), l402::Scheme::L402);
    net.channel_is_active().await;
    let bought = gateway.buy(&*nodes.pay).await;
    assert_eq!(gateway.ask(Some(&bought)).await.status, 200);
    load.goes_on(100).await;
    let refused = load.end().await;
    assert!(refused.is_empty(), "{refused:?}");
}

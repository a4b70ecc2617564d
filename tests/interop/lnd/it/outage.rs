//! The seller's lnd goes away and comes back while its shop is busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use l402_interop::{Regtest, until};
use tokio::task::JoinSet;

use crate::backend::Nodes;
use crate::shop::{Answer, Shop, ask};

/// So many buyers at once, each with a credential of its own.
const BUYERS: usize = 4;

/// Requests with paid credentials, one after the other from each buyer, until told to stop.
struct Load {
    served: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    buyers: JoinSet<Vec<Answer>>,
}

impl Load {
    fn start(shop: &Shop, credentials: Vec<String>) -> Self {
        let mut load = Self {
            served: Arc::default(),
            over: Arc::default(),
            buyers: JoinSet::new(),
        };
        for credential in credentials {
            let (served, over) = (Arc::clone(&load.served), Arc::clone(&load.over));
            let (http, url) = shop.caller();
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

    /// Waits until so many more were served.
    async fn goes_on(&self, more: usize) {
        let goal = self.served.load(Ordering::SeqCst) + more;
        until("paid requests are served", async || {
            (self.served.load(Ordering::SeqCst) >= goal).then_some(())
        })
        .await;
    }

    /// Ends it; gives what was not served.
    async fn end(mut self) -> Vec<Answer> {
        self.over.store(true, Ordering::SeqCst);
        let mut refused = Vec::new();
        while let Some(buyer) = self.buyers.join_next().await {
            refused.extend(buyer.expect("no buyer panics"));
        }
        refused
    }
}

/// Asks for the price until the answer has this status. Nothing but 402 and 503 may come before.
async fn priced(shop: &Shop, status: u16) -> Answer {
    until("the shop knows of its node", async || {
        let answer = shop.ask(None).await;
        assert!(matches!(answer.status, 402 | 503), "{answer:?}");
        (answer.status == status).then_some(answer)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_lnd_a_shop_serves_the_paid_turns_away_the_new_and_recovers_by_itself() {
    let mut net = Regtest::start().await;
    let nodes = Nodes::of(&net).await;
    let shop = Shop::open(&net, "policy = \"time=1h\"").await;
    let mut credentials = Vec::new();
    for _ in 0..BUYERS {
        credentials.push(shop.buy(&*nodes.pay).await);
    }
    let load = Load::start(&shop, credentials);
    load.goes_on(100).await;

    net.seller.stop().await;
    priced(&shop, 503).await;
    for _ in 0..5 {
        let turned_away = shop.ask(None).await;
        assert_eq!(turned_away.status, 503, "{turned_away:?}");
        assert_eq!(turned_away.code(), "node_unavailable");
        assert!(turned_away.challenges.is_empty(), "{turned_away:?}");
        let wait = turned_away.retry_after.expect("Retry-After");
        assert!((1..=10).contains(&wait), "{wait} s");
    }
    load.goes_on(100).await;

    net.seller.resume().await;
    let back = priced(&shop, 402).await;
    assert_eq!(back.challenge().scheme(), l402::Scheme::L402);
    net.channel_is_active().await;
    let bought = shop.buy(&*nodes.pay).await;
    assert_eq!(shop.ask(Some(&bought)).await.status, 200);
    load.goes_on(100).await;
    let refused = load.end().await;
    assert!(refused.is_empty(), "{refused:?}");
}

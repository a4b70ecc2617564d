//! A wallet is opened once something is to be paid or looked up, and never before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use l402::{Msat, Policy};
use l402_client::{Client, Error, State, WalletSource};
use l402_host::BoxFuture;
use l402_lightning::Pay;
use l402_lightning::sandbox::Fault;

use crate::world::World;

/// Counts its openings, and fails while it is told to.
#[derive(Clone)]
struct Source {
    wallet: Arc<dyn Pay>,
    opened: Arc<AtomicU32>,
    fails: Arc<AtomicBool>,
}

impl WalletSource for Source {
    fn open(&self) -> BoxFuture<'_, Result<Option<Arc<dyn Pay>>, Error>> {
        Box::pin(async {
            self.opened.fetch_add(1, Ordering::SeqCst);
            match self.fails.load(Ordering::SeqCst) {
                true => Err(Error::Wallet {
                    detail: "its node is down".into(),
                }),
                false => Ok(Some(Arc::clone(&self.wallet))),
            }
        })
    }
}

fn buyer(world: &World) -> (Client, Source) {
    let source = Source {
        wallet: world.wallet.clone(),
        opened: Arc::default(),
        fails: Arc::default(),
    };
    let client = world.builder().wallet_source(source.clone());
    (client.build().expect("a client"), source)
}

#[tokio::test]
async fn what_was_bought_before_is_had_without_the_wallet() {
    let world = World::new().await;
    world.server.plan().policy = "uses=3".parse::<Policy>().unwrap();
    let (client, source) = buyer(&world);
    assert_eq!(source.opened.load(Ordering::SeqCst), 0);
    world.fetch(&client, "/joke").await.unwrap();
    let spent = world.spent().await;
    // Once for the price and the payment.
    assert_eq!(source.opened.load(Ordering::SeqCst), 1);

    let (later, source) = buyer(&world);
    source.fails.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let again = world.fetch(&later, "/joke").await.unwrap();
        assert_eq!(again.reused, Some(true));
    }
    assert_eq!(source.opened.load(Ordering::SeqCst), 0);
    assert_eq!(world.spent().await, spent);
}

#[tokio::test]
async fn a_wallet_that_does_not_open_pays_nothing_and_is_opened_again() {
    let world = World::new().await;
    let (client, source) = buyer(&world);
    source.fails.store(true, Ordering::SeqCst);
    let error = world.fetch(&client, "/joke").await.unwrap_err();
    assert!(matches!(error, Error::Wallet { .. }), "{error}");
    assert!(error.no_money_moved());
    assert_eq!(world.spent().await, Msat::ZERO);
    assert!(world.entries().is_empty());
    source.fails.store(false, Ordering::SeqCst);
    assert_eq!(world.fetch(&client, "/joke").await.unwrap().body, "a joke");
}

/// An earlier payment stays unknown, and nothing is bought meanwhile.
#[tokio::test]
async fn a_wallet_that_does_not_open_leaves_what_is_unknown() {
    let world = World::new().await;
    world.fault(Fault::EndsMidPayment);
    let lost = world.fetch(&world.client(), "/joke").await;
    assert!(matches!(lost, Err(Error::PaymentUnknown { .. })));
    world.fault(Fault::None);
    let (client, source) = buyer(&world);
    source.fails.store(true, Ordering::SeqCst);
    let error = world.fetch(&client, "/joke").await.unwrap_err();
    assert!(matches!(error, Error::PaymentUnknown { .. }), "{error}");
    assert!(error.to_string().contains("its node is down"), "{error}");
    assert_eq!(world.states(), [State::Unknown]);
    source.fails.store(false, Ordering::SeqCst);
    let answer = world.fetch(&client, "/joke").await.unwrap();
    assert_eq!(answer.reused, Some(true));
}

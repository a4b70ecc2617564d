//! Invoices of a wallet, and their settlements.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use l402::Msat;
use l402_lightning::{ErrorKind, Open, SettlementIndex};

use super::setup::{Setup, node};
use crate::contract::{
    asked, invoice, is_settled, order, the_newest_index_tells_nothing_of_the_past,
};

#[tokio::test]
async fn tells_settlements_from_the_newest_on() {
    let setup = Setup::new().await;
    the_newest_index_tells_nothing_of_the_past(&setup).await;
}

#[tokio::test]
async fn an_invoice_that_is_not_what_was_asked_is_refused() {
    let setup = Setup::new().await;
    let made = setup
        .receive
        .create_invoice(asked(Msat::from_sat(1)))
        .await
        .expect("an invoice");
    assert_eq!(made.terms().network, setup.receive.network());
    // The wallet's clock is more than ten minutes from ours.
    let clock = Arc::new(l402_host::ManualClock::new(l402::UnixTime::from_secs(
        1_790_001_000,
    )));
    let open = Open::new(setup.folder.path(), clock);
    let node = node(
        setup.folder.path().join("seller"),
        &setup.seller.uri(&[setup.relay.url()]),
    );
    let receive = node.receiver(open).await.expect("receives").receive;
    let error = receive
        .create_invoice(asked(Msat::from_sat(1)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn settlements_without_notifications_are_asked_for_and_found() {
    let setup = Setup::with(false, false).await;
    let mut stream = setup.receive.settlements(SettlementIndex::default());
    let bought = invoice(&setup, Msat::from_sat(3)).await;
    assert!(is_settled(
        &setup.pay.pay(order(bought.bolt11())).await,
        &bought
    ));
    let told = stream.next().await.expect("goes on").expect("a settlement");
    assert_eq!(told.payment_hash, bought.payment_hash());
}

/// What was listed before is not listed again at each look.
#[tokio::test]
async fn a_look_for_settlements_ends_where_nothing_is_new() {
    let setup = Setup::with(false, false).await;
    let mut stream = setup.receive.settlements(SettlementIndex::default());
    for (sat, deepest) in [(7, usize::MAX), (1, 2)] {
        let mut paid = Vec::new();
        for _ in 0..sat {
            let bought = invoice(&setup, Msat::from_sat(sat)).await;
            let payment = setup.pay.pay(order(bought.bolt11())).await;
            assert!(is_settled(&payment, &bought), "{payment:?}");
            paid.push(bought.payment_hash());
        }
        for hash in paid {
            let told = stream.next().await.expect("goes on").expect("a settlement");
            assert_eq!(told.payment_hash, hash);
        }
        // One page with the new payment, and one on which nothing is new.
        let asked = setup.seller.deepest.swap(0, Ordering::SeqCst);
        assert!(asked <= deepest, "{asked}");
        assert!(sat == 1 || asked >= 7, "{asked}");
    }
}

/// Unpaid invoices bring the next look at the wallet nearer, and never put it off.
#[tokio::test]
async fn a_flood_of_invoices_hides_no_settlement() {
    let setup = Setup::with(false, false).await;
    let mut stream = setup.receive.settlements(SettlementIndex::default());
    let before = invoice(&setup, Msat::from_sat(1)).await;
    let first = setup.pay.pay(order(before.bolt11())).await;
    assert!(is_settled(&first, &before), "{first:?}");
    // From here on the stream pauses between two looks.
    stream.next().await.expect("goes on").expect("a settlement");
    let bought = invoice(&setup, Msat::from_sat(3)).await;
    let second = setup.pay.pay(order(bought.bolt11())).await;
    assert!(is_settled(&second, &bought), "{second:?}");
    let flood = async {
        for _ in 0..60 {
            invoice(&setup, Msat::from_sat(2)).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        told = stream.next() => {
            let told = told.expect("goes on").expect("a settlement");
            assert_eq!(told.payment_hash, bought.payment_hash());
        }
        () = flood => panic!("no settlement was told while invoices were made"),
    }
}

//! Nodes that go away and come back, before, during and after a payment.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use l402::{Msat, PaymentHash};
use l402_host::SystemClock;
use l402_lightning::ldk::Ldk;
use l402_lightning::ldk::ldk_node::lightning_invoice::Bolt11Invoice;
use l402_lightning::{
    ErrorKind, InvoiceState, NewInvoice, Pay, PayRequest, Payment, Receive, Settlement,
    SettlementIndex,
};
use l402_regtest::Pair;

use crate::contract::{asked, is_settled, order};

const AMOUNT: Msat = Msat::from_sat(70);

async fn start() -> Pair {
    Pair::start(Arc::new(SystemClock::default())).await
}

async fn invoice(seller: &Ldk) -> NewInvoice {
    seller
        .create_invoice(asked(AMOUNT))
        .await
        .expect("an invoice")
}

async fn balance(ldk: &Ldk) -> Msat {
    ldk.balance().await.expect("a balance")
}

async fn lookup(ldk: &Ldk, hash: PaymentHash) -> Option<Payment> {
    Pay::lookup(ldk, hash).await.expect("an answer")
}

/// Returns the first settlement after `from`.
async fn next_settlement(seller: &Ldk, from: SettlementIndex) -> Settlement {
    let mut settlements = seller.settlements(from);
    let next = tokio::time::timeout(Duration::from_secs(30), settlements.next());
    let next = next.await.expect("in time").expect("goes on");
    next.expect("a settlement")
}

fn impatient(bolt11: &str) -> PayRequest {
    let mut request = order(bolt11);
    request.deadline = Duration::from_secs(1);
    request
}

fn proof(payment: &Payment) -> (String, Msat, Msat) {
    match payment {
        Payment::Settled {
            preimage,
            paid,
            fee,
        } => (preimage.to_hex().to_string(), *paid, *fee),
        other => panic!("not settled: {other:?}"),
    }
}

// BACKENDS ldk unknown_then_settled, deadline: real
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_in_flight_is_unknown_until_the_seller_is_back() {
    let mut pair = start().await;
    let before = balance(&pair.buyer).await;
    let bought = invoice(&pair.seller).await;

    pair.wire.hold();
    for _ in 0..2 {
        let payment = pair.buyer.pay(impatient(bought.bolt11())).await;
        assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    }
    pair.restart_seller().await;
    let payment = lookup(&pair.buyer, bought.payment_hash()).await;
    assert!(matches!(payment, Some(Payment::Unknown(_))), "{payment:?}");

    pair.reconnect().await;
    let settled = next_settlement(&pair.seller, SettlementIndex::default()).await;
    assert_eq!(
        (settled.payment_hash, settled.paid),
        (bought.payment_hash(), AMOUNT)
    );
    let payment = pair.buyer.pay(order(bought.bolt11())).await;
    assert!(is_settled(&payment, &bought), "{payment:?}");
    assert_eq!(
        before.checked_sub(balance(&pair.buyer).await),
        Some(AMOUNT),
        "the money moved once"
    );
}

// BACKENDS ldk restart, lookup_after_restart: real
#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_that_restarts_gives_the_same_answer() {
    let mut pair = start().await;
    let (done, flying) = (invoice(&pair.seller).await, invoice(&pair.seller).await);
    let before = balance(&pair.buyer).await;
    let name = pair.buyer.name();
    let paid = proof(&pair.buyer.pay(order(done.bolt11())).await);
    pair.wire.hold();
    let payment = pair.buyer.pay(impatient(flying.bolt11())).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");

    pair.buyer.stop().await.expect("stops");
    assert_eq!(proof(&pair.buyer.pay(order(done.bolt11())).await), paid);
    let payment = pair.buyer.pay(order(flying.bolt11())).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    pair.restart_buyer().await;
    assert_eq!(pair.buyer.name(), name);
    let looked_up = lookup(&pair.buyer, done.payment_hash()).await;
    assert_eq!(proof(&looked_up.expect("begun")), paid);
    assert_eq!(proof(&pair.buyer.pay(order(done.bolt11())).await), paid);
    let payment = pair.buyer.pay(impatient(flying.bolt11())).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    let payment = lookup(&pair.buyer, flying.payment_hash()).await;
    assert!(matches!(payment, Some(Payment::Unknown(_))), "{payment:?}");

    pair.wire.cut(pair.wire.target());
    pair.reconnect().await;
    let payment = pair.buyer.pay(order(flying.bolt11())).await;
    assert!(is_settled(&payment, &flying), "{payment:?}");
    let cost = before.checked_sub(balance(&pair.buyer).await);
    assert_eq!(cost, AMOUNT.checked_add(AMOUNT));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_channel_a_payment_fails_and_may_be_tried_again() {
    let mut pair = start().await;
    let before = balance(&pair.buyer).await;
    let bought = invoice(&pair.seller).await;
    pair.seller.stop().await.expect("stops");
    pair.buyer_is_alone().await;
    let payment = pair.buyer.pay(order(bought.bolt11())).await;
    assert!(matches!(payment, Payment::Failed(_)), "{payment:?}");
    let payment = lookup(&pair.buyer, bought.payment_hash()).await;
    assert!(matches!(payment, Some(Payment::Failed(_))), "{payment:?}");
    assert_eq!(balance(&pair.buyer).await, before);

    pair.restart_seller().await;
    pair.reconnect().await;
    let payment = pair.buyer.pay(order(bought.bolt11())).await;
    assert!(is_settled(&payment, &bought), "{payment:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settlements_go_on_after_a_restart() {
    let mut pair = start().await;
    let bought = [invoice(&pair.seller).await, invoice(&pair.seller).await];
    let payment = pair.buyer.pay(order(bought[0].bolt11())).await;
    assert!(is_settled(&payment, &bought[0]), "{payment:?}");
    let first = next_settlement(&pair.seller, SettlementIndex::default()).await;
    assert_eq!(first.payment_hash, bought[0].payment_hash());

    pair.restart_seller().await;
    pair.reconnect().await;
    let again = next_settlement(&pair.seller, SettlementIndex::default()).await;
    assert_eq!(again, first);
    let payment = pair.buyer.pay(order(bought[1].bolt11())).await;
    assert!(is_settled(&payment, &bought[1]), "{payment:?}");
    let second = next_settlement(&pair.seller, first.index).await;
    assert_eq!(second.payment_hash, bought[1].payment_hash());
    assert!(second.index > first.index);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_node_answers_that_it_is_unavailable() {
    let pair = start().await;
    let bought = invoice(&pair.seller).await;
    let mut settlements = pair.seller.settlements(SettlementIndex::default());
    let (told, stopped) = tokio::join!(settlements.next(), pair.seller.stop());
    stopped.expect("stops");
    let error = told.expect("an end").expect_err("no settlement");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    pair.seller.stop().await.expect("stops again");

    let refused = pair.seller.create_invoice(asked(AMOUNT)).await;
    let error = refused.expect_err("no invoice");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    // What is written down can still be read.
    let state = Receive::lookup(&*pair.seller, bought.payment_hash()).await;
    assert_eq!(state.expect("a state"), InvoiceState::Unseen);

    pair.buyer.stop().await.expect("stops");
    let payment = pair.buyer.pay(order(bought.bolt11())).await;
    assert!(matches!(payment, Payment::Failed(_)), "{payment:?}");
    assert!(lookup(&pair.buyer, bought.payment_hash()).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_hints_at_the_channel_that_nobody_else_knows_of() {
    let pair = start().await;
    let made = invoice(&pair.seller).await;
    let parsed: Bolt11Invoice = made.bolt11().parse().expect("BOLT 11");
    let hints = parsed.private_routes();
    assert_eq!(hints.len(), 1);
    assert_eq!(hints[0].0[0].src_node_id, pair.buyer.node().node_id());
    assert_eq!(parsed.recover_payee_pub_key(), pair.seller.node().node_id());
}

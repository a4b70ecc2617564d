//! Payments that the seller's lnd holds, and then takes or gives back.

use std::time::Duration;

use l402::{Msat, Preimage};
use l402_interop::{Regtest, until};
use l402_lightning::{InvoiceState, NewInvoice, Pay, Payment};

use crate::backend::Nodes;
use crate::contract::{is_settled, order};

const SAT: u64 = 70;

async fn hold(net: &Regtest, preimage: &Preimage) -> NewInvoice {
    let hash = preimage.payment_hash();
    let bolt11 = net.seller.hold_invoice(hash.as_bytes(), SAT).await;
    NewInvoice::read(bolt11).expect("BOLT 11")
}

/// Begins a payment, and waits until the seller's lnd holds it.
async fn begin(nodes: &Nodes, held: &NewInvoice) {
    let mut impatient = order(held.bolt11());
    impatient.deadline = Duration::from_secs(1);
    let payment = nodes.pay.pay(impatient).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    until("lnd holds the payment", async || {
        let state = nodes.receive.lookup(held.payment_hash()).await;
        (state.expect("a state") == InvoiceState::Held).then_some(())
    })
    .await;
    assert_is_unknown(&*nodes.pay, held).await;
}

async fn assert_is_unknown(pay: &dyn Pay, held: &NewInvoice) {
    let found = pay.lookup(held.payment_hash()).await.expect("an answer");
    assert!(matches!(found, Some(Payment::Unknown(_))), "{found:?}");
}

// BACKENDS lnd held, unknown_then_settled, once_per_hash, restart: real
#[tokio::test(flavor = "multi_thread")]
async fn a_held_payment_outlives_a_restart_of_the_payers_lnd_and_is_paid_once() {
    let mut net = Regtest::start().await;
    let nodes = Nodes::of(&net).await;
    let before = nodes.pay.balance().await.expect("a balance");
    let preimage = Preimage::from_bytes([8; 32]);
    let held = hold(&net, &preimage).await;
    begin(&nodes, &held).await;

    net.buyer.stop().await;
    let away = nodes.pay.lookup(held.payment_hash()).await;
    assert!(away.is_err(), "{away:?}");
    net.buyer.resume().await;
    net.channel_is_active().await;
    assert_is_unknown(&*nodes.pay, &held).await;

    net.seller.settle(preimage.as_bytes()).await;
    // A second call follows the first payment to its end.
    let payment = nodes.pay.pay(order(held.bolt11())).await;
    assert!(is_settled(&payment, &held), "{payment:?}");
    let after = nodes.pay.balance().await.expect("a balance");
    assert_eq!(before.checked_sub(after), Some(Msat::from_sat(SAT)));
}

// BACKENDS lnd unknown_then_failed: real
#[tokio::test(flavor = "multi_thread")]
async fn a_held_payment_that_is_given_back_has_failed() {
    let net = Regtest::start().await;
    let nodes = Nodes::of(&net).await;
    let before = nodes.pay.balance().await.expect("a balance");
    let held = hold(&net, &Preimage::from_bytes([9; 32])).await;
    begin(&nodes, &held).await;
    net.seller.give_back(held.payment_hash().as_bytes()).await;
    let ended = until("the payment ends", async || {
        let found = nodes.pay.lookup(held.payment_hash()).await;
        let found = found.expect("an answer").expect("it was begun");
        (!matches!(found, Payment::Unknown(_))).then_some(found)
    });
    let ended = ended.await;
    assert!(matches!(ended, Payment::Failed(_)), "{ended:?}");
    until("the money is back", async || {
        let balance = nodes.pay.balance().await.expect("a balance");
        (balance == before).then_some(())
    })
    .await;
}

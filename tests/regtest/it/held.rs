//! Payments that the payee holds, and then takes or gives back.

use std::sync::Arc;
use std::time::Duration;

use l402::Preimage;
use l402_host::SystemClock;
use l402_lightning::ldk::Ldk;
use l402_lightning::ldk::ldk_node::lightning::types::payment::{PaymentHash, PaymentPreimage};
use l402_lightning::ldk::ldk_node::lightning_invoice::{Bolt11InvoiceDescription, Description};
use l402_lightning::{InvoiceState, NewInvoice, Pay, PayRequest, Payment, Receive};
use l402_regtest::{Pair, eventually};

use crate::contract::{is_settled, order};

const AMOUNT_MSAT: u64 = 70_000;

/// Returns an invoice whose payment the seller's node holds, because it lacks the preimage.
fn hold_invoice(seller: &Ldk, preimage: &Preimage) -> NewInvoice {
    let text = Description::new("a joke".to_owned()).expect("short");
    let description = Bolt11InvoiceDescription::Direct(text);
    let hash = PaymentHash(*preimage.payment_hash().as_bytes());
    let payments = seller.node().bolt11_payment();
    let made = payments.receive_for_hash(AMOUNT_MSAT, &description, 600, hash);
    NewInvoice::read(made.expect("an invoice").to_string()).expect("BOLT 11")
}

/// Begins a payment that is then held.
async fn begin(pair: &Pair, held: &NewInvoice) {
    let mut impatient: PayRequest = order(held.bolt11());
    impatient.deadline = Duration::from_secs(1);
    let payment = pair.buyer.pay(impatient).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    let payment = Pay::lookup(&*pair.buyer, held.payment_hash()).await;
    let payment = payment.expect("an answer").expect("begun");
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    let state = Receive::lookup(&*pair.seller, held.payment_hash()).await;
    let state = state.expect("a state");
    assert!(!matches!(state, InvoiceState::Settled { .. }), "{state:?}");
}

// BACKENDS ldk held, unknown_then_settled, unknown_then_failed: real
#[tokio::test(flavor = "multi_thread")]
async fn a_held_payment_ends_as_its_payee_decides() {
    let pair = Pair::start(Arc::new(SystemClock::default())).await;
    let before = pair.buyer.balance().await.expect("a balance");
    let given = Preimage::from_bytes([8; 32]);
    let given_back = hold_invoice(&pair.seller, &given);
    begin(&pair, &given_back).await;
    let payments = pair.seller.node().bolt11_payment();
    let hash = PaymentHash(*given_back.payment_hash().as_bytes());
    // Repeated, since it does nothing before the payment has arrived.
    eventually("the payment is given back", || async {
        let _ = payments.fail_for_hash(hash);
        let payment = Pay::lookup(&*pair.buyer, given_back.payment_hash()).await;
        matches!(payment, Ok(Some(Payment::Failed(_))))
    })
    .await;
    // A second call follows the first payment to its end.
    let payment = pair.buyer.pay(order(given_back.bolt11())).await;
    assert!(matches!(payment, Payment::Failed(_)), "{payment:?}");
    let payment = Pay::lookup(&*pair.buyer, given_back.payment_hash()).await;
    let payment = payment.expect("an answer").expect("begun");
    assert!(matches!(payment, Payment::Failed(_)), "{payment:?}");
    assert_eq!(pair.buyer.balance().await.expect("a balance"), before);

    let taken = Preimage::from_bytes([9; 32]);
    let kept = hold_invoice(&pair.seller, &taken);
    begin(&pair, &kept).await;
    let hash = PaymentHash(*kept.payment_hash().as_bytes());
    eventually("the payment is taken", || async {
        let preimage = PaymentPreimage(*taken.as_bytes());
        let _ = payments.claim_for_hash(hash, AMOUNT_MSAT, preimage);
        let payment = Pay::lookup(&*pair.buyer, kept.payment_hash()).await;
        matches!(payment, Ok(Some(Payment::Settled { .. })))
    })
    .await;
    let payment = pair.buyer.pay(order(kept.bolt11())).await;
    assert!(is_settled(&payment, &kept), "{payment:?}");
    let after = pair.buyer.balance().await.expect("a balance");
    assert_eq!(before.checked_sub(after), kept.terms().amount);
}

//! The contract of all backends.

use std::sync::atomic::Ordering;

use super::setup::Setup;
use crate::contract::keeps_every_promise;

// BACKENDS nwc fee_limit: not applicable: the protocol has no fee limit
// BACKENDS nwc html_error: not applicable: answers come over a websocket, signed and encrypted

// BACKENDS nwc pay, expired, already_paid, once_per_hash, msat, preimage_proven: double
#[tokio::test]
async fn keeps_the_contract() {
    let setup = Setup::new().await;
    keeps_every_promise(&setup).await;
    // Nine calls of the contract, one invoice.
    assert_eq!(
        setup.buyer.called("pay_invoice"),
        setup.buyer.pays.load(Ordering::SeqCst)
    );
}

#[tokio::test]
async fn keeps_the_contract_with_nip04_alone_and_without_notifications() {
    keeps_every_promise(&Setup::with(true, false).await).await;
}

//! Channels that are closed: what becomes of their coins, and of the payments in them.

use std::sync::Arc;
use std::time::Duration;

use l402::Msat;
use l402_host::SystemClock;
use l402_lightning::ldk::{NodeBalance, NodeOperator};
use l402_lightning::{Pay, Payment, Receive as _};
use l402_regtest::{Pair, eventually};

use crate::contract::{asked, is_settled, order};

/// The blocks after which every lock of these channels has ended.
const LOCKED: u32 = 160;

/// The coins of the buyer before the channel, in satoshi, and the most that closing may cost.
const FUNDS_SAT: u64 = 10_000_000;
const FEES_SAT: u64 = 50_000;

/// The amount that the channel gives to the seller when it opens, in satoshi.
const PUSHED_SAT: u64 = 800_000;

async fn start() -> (Pair, NodeOperator) {
    let pair = Pair::start(Arc::new(SystemClock::default())).await;
    let operator = NodeOperator::of(Arc::clone(&pair.buyer));
    (pair, operator)
}

async fn balance(operator: &NodeOperator) -> NodeBalance {
    operator.balance().await.expect("a balance")
}

/// Closes the only channel of a node, and returns once it is listed no longer.
async fn close(operator: &NodeOperator, force: bool) {
    let channels = operator.channels().await.expect("channels");
    assert_eq!(channels.len(), 1);
    let id = &channels[0].id;
    let closed = operator.close_channel(&id[..8], force).await;
    assert_eq!(closed.expect("is closed").id, *id);
    eventually("the channel is gone", || async {
        operator.channels().await.expect("channels").is_empty()
    })
    .await;
}

/// Mines until a condition holds, while every node reads each block.
async fn mine_until<F: Future<Output = bool>>(pair: &Pair, what: &str, holds: impl Fn() -> F) {
    for _ in 0..LOCKED {
        pair.sync().await;
        if holds().await {
            return;
        }
        pair.chain.mine(1);
        // What a node does about a block, it does beside reading it.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("in time: {what}");
}

// BACKENDS ldk lookup_after_restart: real
#[tokio::test(flavor = "multi_thread")]
async fn after_a_forced_close_the_coins_come_back_and_what_was_paid_stays_paid() {
    let (mut pair, operator) = start().await;
    let bought = pair
        .seller
        .create_invoice(asked(Msat::from_sat(5000)))
        .await;
    let bought = bought.expect("an invoice");
    let payment = pair.buyer.pay(order(bought.bolt11())).await;
    assert!(is_settled(&payment, &bought), "{payment:?}");
    // The buyer has the preimage before its channel has forgotten the payment.
    eventually("nothing of the payment is in the channel", || async {
        balance(&operator).await.claimable.is_empty()
    })
    .await;
    let before = balance(&operator).await;
    assert!(before.sendable_msat > 0);

    close(&operator, true).await;
    let closed = balance(&operator).await;
    assert_eq!((closed.sendable_msat, closed.receivable_msat), (0, 0));
    assert_eq!(pair.buyer.balance().await.expect("a balance"), Msat::ZERO);
    let is_locked = || async {
        let balance = balance(&operator).await;
        balance
            .claimable
            .iter()
            .any(|coins| coins.state == "locked" && coins.from_height > Some(pair.chain.height()))
    };
    mine_until(&pair, "the coins are locked", is_locked).await;
    let locked = balance(&operator).await;
    assert_eq!(locked.channels_sat, 0, "{locked:?}");

    let all_back = || async {
        let balance = balance(&operator).await;
        balance.claimable.is_empty() && balance.onchain_sat > before.onchain_sat
    };
    mine_until(&pair, "the coins are back", all_back).await;
    let back = balance(&operator).await.onchain_sat;
    let due = FUNDS_SAT - PUSHED_SAT - 5000;
    assert!((due - FEES_SAT..=due).contains(&back), "{back} of {due}");

    drop(operator);
    pair.restart_buyer().await;
    let payment = pair.buyer.pay(order(bought.bolt11())).await;
    assert!(is_settled(&payment, &bought), "{payment:?}");
}

/// The payment hangs when the channel is closed. It is unknown until the chain itself has given the
/// coins back.
// BACKENDS ldk unknown_then_failed: real
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_in_a_closed_channel_fails_only_when_the_chain_says_so() {
    let (pair, operator) = start().await;
    let bought = pair
        .seller
        .create_invoice(asked(Msat::from_sat(5000)))
        .await;
    let bought = bought.expect("an invoice");
    pair.wire.hold();
    let mut request = order(bought.bolt11());
    request.deadline = Duration::from_secs(1);
    let payment = pair.buyer.pay(request).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");

    close(&operator, true).await;
    let lookup = || Pay::lookup(&*pair.buyer, bought.payment_hash());
    let payment = lookup().await.expect("an answer");
    assert!(matches!(payment, Some(Payment::Unknown(_))), "{payment:?}");
    let has_failed = || async {
        match lookup().await.expect("an answer") {
            Some(Payment::Unknown(_)) => false,
            Some(Payment::Failed(_)) => true,
            other => panic!("not paid: {other:?}"),
        }
    };
    mine_until(&pair, "the payment has failed", has_failed).await;
    // For good: asked again, nothing is begun.
    let payment = pair.buyer.pay(order(bought.bolt11())).await;
    assert!(matches!(payment, Payment::Failed(_)), "{payment:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_that_both_agree_on_brings_the_coins_at_once() {
    let (pair, operator) = start().await;
    let before = balance(&operator).await.onchain_sat;
    for wrong in ["", "zz"] {
        let refused = operator.close_channel(wrong, false).await;
        refused.expect_err("names no channel");
    }
    close(&operator, false).await;
    let all_back = || async {
        let balance = balance(&operator).await;
        balance.claimable.is_empty() && balance.onchain_sat > before
    };
    let height = pair.chain.height();
    mine_until(&pair, "the coins are back", all_back).await;
    assert!(pair.chain.height() - height <= 12, "without a lock");
}

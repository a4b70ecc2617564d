//! Payments whose end is not known at first, and what proves one.

use std::sync::atomic::Ordering;
use std::time::Duration;

use l402_lightning::{ErrorKind, Payment};

use super::setup::{Setup, soon};
use super::wallet::Mischief;
use crate::contract::{Bench, is_settled, order};

// BACKENDS nwc unknown_then_settled, deadline: double
#[tokio::test]
async fn a_lost_answer_is_unknown_or_found_by_asking() {
    for mischief in [
        Mischief::LosesReply,
        Mischief::ClosesInMidPayment,
        Mischief::Garbage,
        Mischief::Huge,
        Mischief::PaysAndSays("INTERNAL"),
        Mischief::PaysAndSays("PAYMENT_FAILED"),
        Mischief::PaysAndSays("SOMETHING_NEW"),
    ] {
        let setup = Setup::new().await;
        let (bought, payment) = setup.pay_with(mischief).await;
        // Asked after the answer was lost, the wallet says that it has paid.
        assert!(
            is_settled(&payment, &bought) || matches!(payment, Payment::Unknown(_)),
            "{mischief:?}: {payment:?}"
        );
        let later = setup.looked_up(&bought).await.expect("begun");
        assert!(is_settled(&later, &bought), "{mischief:?}: {later:?}");
        assert!(is_settled(
            &setup.pay.pay(order(bought.bolt11())).await,
            &bought
        ));
        assert_eq!(setup.buyer.pays.load(Ordering::SeqCst), 1, "{mischief:?}");
        assert_eq!(setup.spent().await, 50, "{mischief:?}");
    }
}

#[tokio::test]
async fn what_the_wallet_says_of_its_own_refusal_is_a_failure() {
    let setup = Setup::new().await;
    for code in [
        "INSUFFICIENT_BALANCE",
        "QUOTA_EXCEEDED",
        "RATE_LIMITED",
        "RESTRICTED",
        "UNAUTHORIZED",
        "NOT_IMPLEMENTED",
    ] {
        let (bought, payment) = setup.pay_with(Mischief::Says(code)).await;
        let Payment::Failed(failure) = payment else {
            panic!("{code}: {payment:?}")
        };
        let text = failure.error.to_string();
        assert!(!text.contains('\u{1b}'), "{text}");
        // It may be tried again.
        setup.buyer.set(Mischief::None);
        assert!(
            is_settled(&setup.pay.pay(order(bought.bolt11())).await, &bought),
            "{code}"
        );
    }
}

// BACKENDS nwc unknown_then_failed: double
#[tokio::test]
async fn what_proves_nothing_is_unknown_until_request_and_invoice_have_ended() {
    for mischief in [
        Mischief::Says("INTERNAL"),
        Mischief::Says("OTHER"),
        Mischief::Says("NOT_FOUND"),
        // Perhaps of a time-out, and what timed out may still arrive.
        Mischief::Says("PAYMENT_FAILED"),
        Mischief::OtherAuthor,
        Mischief::BadSignature,
        Mischief::OtherRequest,
    ] {
        let setup = Setup::new().await;
        let (bought, payment) = setup.pay_with(mischief).await;
        assert!(
            matches!(payment, Payment::Unknown(_)),
            "{mischief:?}: {payment:?}"
        );
        let unknown = |payment: &Option<Payment>| matches!(payment, Some(Payment::Unknown(_)));
        assert!(unknown(&setup.looked_up(&bought).await), "{mischief:?}");
        // The request has ended, and the invoice has not.
        setup.pass(Duration::from_secs(599)).await;
        assert!(unknown(&setup.looked_up(&bought).await), "{mischief:?}");
        // Both have ended, and the clocks of both sides may differ.
        setup.pass(Duration::from_secs(600)).await;
        assert!(unknown(&setup.looked_up(&bought).await), "{mischief:?}");
        setup.pass(Duration::from_secs(3)).await;
        let ended = setup.looked_up(&bought).await;
        assert!(
            matches!(ended, Some(Payment::Failed(_))),
            "{mischief:?}: {ended:?}"
        );
        assert_eq!(setup.spent().await, 0);
    }
}

// BACKENDS nwc restart, lookup_after_restart: double
#[tokio::test]
async fn a_restart_does_not_forget_a_payment_that_the_wallet_does_not_know_yet() {
    let setup = Setup::new().await;
    let (bought, payment) = setup.pay_with(Mischief::LosesReplyAndForgets).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    let again = setup.restart().await;
    let looked_up = again
        .lookup(bought.payment_hash())
        .await
        .expect("an answer");
    assert!(
        matches!(looked_up, Some(Payment::Unknown(_))),
        "{looked_up:?}"
    );
    let payment = again.pay(soon(bought.bolt11())).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    assert_eq!(setup.buyer.called("pay_invoice"), 1);
    setup.buyer.set(Mischief::None);
    assert!(is_settled(
        &again.pay(order(bought.bolt11())).await,
        &bought
    ));
    assert_eq!(setup.buyer.called("pay_invoice"), 1);
}

/// Two processes at once ask for one invoice. ATTACKS C-17.
#[tokio::test]
async fn two_processes_ask_for_a_payment_once() {
    let setup = Setup::new().await;
    let (one, other) = (setup.restart().await, setup.restart().await);
    for mischief in [Mischief::Says("INSUFFICIENT_BALANCE"), Mischief::None] {
        let (bought, _) = setup.pay_with(Mischief::Says("RESTRICTED")).await;
        setup.buyer.set(mischief);
        let before = setup.buyer.called("pay_invoice");
        let request = || order(bought.bolt11());
        let both = tokio::join!(one.pay(request()), other.pay(request()));
        let asked = setup.buyer.called("pay_invoice") - before;
        if mischief == Mischief::None {
            assert!(is_settled(&both.0, &bought) && is_settled(&both.1, &bought));
            assert_eq!(asked, 1);
        } else {
            // One after the other, and each was refused for itself.
            assert!(matches!(both, (Payment::Failed(_), Payment::Failed(_))));
            assert_eq!(asked, 2);
        }
    }
    assert_eq!(setup.spent().await, 50);
}

#[tokio::test]
async fn a_fee_that_is_not_told_counts_as_the_highest() {
    let setup = Setup::new().await;
    let (bought, payment) = setup.pay_with(Mischief::TellsNoFee).await;
    let found = setup.restart().await.lookup(bought.payment_hash()).await;
    for payment in [payment, found.expect("an answer").expect("begun")] {
        let Payment::Settled { fee, .. } = payment else {
            panic!("{payment:?}")
        };
        assert_eq!(fee, soon(bought.bolt11()).max_fee);
    }
}

// BACKENDS nwc held, cancellation: double
#[tokio::test]
async fn a_payment_in_flight_is_waited_for_and_never_sent_again() {
    let setup = Setup::new().await;
    let (bought, payment) = setup.pay_with(Mischief::Delays).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    // A caller who leaves changes nothing.
    drop(
        tokio::time::timeout(
            Duration::from_millis(50),
            setup.pay.pay(soon(bought.bolt11())),
        )
        .await,
    );
    setup.buyer.set(Mischief::Holds);
    let payment = setup.pay.pay(soon(bought.bolt11())).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    setup.buyer.set(Mischief::None);
    setup.buyer.release.notify_waiters();
    let waits = async {
        loop {
            match setup.pay.pay(order(bought.bolt11())).await {
                Payment::Unknown(_) => tokio::task::yield_now().await,
                ended => return ended,
            }
        }
    };
    let payment = tokio::time::timeout(Duration::from_secs(20), waits)
        .await
        .expect("an end");
    assert!(is_settled(&payment, &bought), "{payment:?}");
    assert_eq!(setup.buyer.called("pay_invoice"), 1);
}

#[tokio::test]
async fn a_late_request_is_not_carried_out_after_its_expiration() {
    let setup = Setup::new().await;
    let (_, payment) = setup.pay_with(Mischief::Late).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    setup.pass(Duration::from_secs(31)).await;
    setup.buyer.set(Mischief::None);
    setup.buyer.release.notify_waiters();
    assert_eq!(setup.spent().await, 0);
    assert_eq!(setup.buyer.pays.load(Ordering::SeqCst), 0);
}

// BACKENDS nwc bad_preimage: double
#[tokio::test]
async fn a_preimage_that_proves_nothing_is_no_payment() {
    let setup = Setup::new().await;
    let (bought, payment) = setup.pay_with(Mischief::LiesAboutPreimage).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    let later = setup.looked_up(&bought).await;
    assert!(matches!(later, Some(Payment::Unknown(_))), "{later:?}");
}

#[tokio::test]
async fn a_wallet_that_is_away_is_no_unknown_payment() {
    let setup = Setup::new().await;
    let (_, payment) = setup.pay_with(Mischief::Silent).await;
    let Payment::Failed(failure) = payment else {
        panic!("{payment:?}")
    };
    assert_eq!(failure.error.kind(), ErrorKind::Timeout);
    assert_eq!(setup.buyer.called("pay_invoice"), 0);
}

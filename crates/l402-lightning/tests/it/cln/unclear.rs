//! Payments whose end is not known at first.

use std::time::Duration;

use l402::Msat;
use l402_lightning::{InvoiceState, Payment};
use l402_testkit::cln::ClnFault;

use super::setup::{Setup, WAYS, Way, soon};
use crate::contract::{Bench, invoice, is_settled, order};

/// The time after which a failure that another process left is final.
const LATER: Duration = Duration::from_secs(121);

// BACKENDS cln unknown_then_settled, held, deadline: double
// BACKENDS cln-rest unknown_then_settled, held, deadline: double
#[tokio::test]
async fn a_payment_in_flight_is_unknown_until_it_settles() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        let (bought, payment) = setup.pay_with(ClnFault::InFlight).await;
        assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
        let later = setup.lookup(&bought).await;
        assert!(matches!(later, Some(Payment::Unknown(_))), "{later:?}");
        let sold = setup.receive.lookup(bought.payment_hash()).await.unwrap();
        assert_eq!(sold, InvoiceState::Open);
        // A second call follows the first payment.
        let again = setup.pay.pay(soon(bought.bolt11())).await;
        assert!(matches!(again, Payment::Unknown(_)), "{again:?}");
        setup.set(ClnFault::None);
        setup.fake.cln.resolve(bought.payment_hash(), true).await;
        let later = setup.lookup(&bought).await.unwrap();
        assert!(is_settled(&later, &bought), "{later:?}");
        let again = setup.pay.pay(order(bought.bolt11())).await;
        assert!(is_settled(&again, &bought), "{again:?}");
        assert_eq!(setup.fake.cln.xpays(), 1);
    }
}

// BACKENDS cln unknown_then_failed, lookup_after_restart: double
// BACKENDS cln-rest unknown_then_failed, lookup_after_restart: double
#[tokio::test]
async fn a_payment_in_flight_is_unknown_until_it_surely_failed() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        let (bought, _) = setup.pay_with(ClnFault::InFlight).await;
        let hash = bought.payment_hash();
        setup.fake.cln.resolve(hash, false).await;
        // The node may try another part, as far as this process and the next one can tell.
        let restarted = setup.reopened().await;
        for pay in [&setup.pay, &restarted] {
            let later = pay.lookup(hash).await.unwrap();
            assert!(matches!(later, Some(Payment::Unknown(_))), "{later:?}");
        }
        setup.pass(LATER).await;
        let later = restarted.lookup(hash).await.unwrap();
        assert!(matches!(later, Some(Payment::Failed(_))), "{later:?}");
    }
}

#[tokio::test]
async fn a_node_that_gives_up_while_a_part_is_in_flight_proves_nothing() {
    for (way, settles) in [(Way::Rest, true), (Way::Socket, false)] {
        let setup = Setup::new(way).await;
        let (bought, payment) = setup.pay_with(ClnFault::GivesUpInFlight).await;
        assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
        setup.set(ClnFault::None);
        setup.fake.cln.resolve(bought.payment_hash(), settles).await;
        // The `xpay` has ended in its own words, so the record is final at once.
        let later = setup.lookup(&bought).await.unwrap();
        match settles {
            true => assert!(is_settled(&later, &bought), "{later:?}"),
            false => assert!(matches!(later, Payment::Failed(_)), "{later:?}"),
        }
    }
}

/// A failed part is no failed payment while the node tries the next one.
#[tokio::test]
async fn a_payment_between_two_tries_is_unknown_to_everybody() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        let (bought, payment) = setup.pay_with(ClnFault::MidTries).await;
        assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
        setup.set(ClnFault::None);
        let restarted = setup.reopened().await;
        for pay in [&setup.pay, &restarted] {
            let later = pay.lookup(bought.payment_hash()).await.unwrap();
            assert!(matches!(later, Some(Payment::Unknown(_))), "{later:?}");
            let again = pay.pay(soon(bought.bolt11())).await;
            assert!(matches!(again, Payment::Unknown(_)), "{again:?}");
        }
        setup.fake.cln.resolve(bought.payment_hash(), true).await;
        let later = setup.lookup(&bought).await.unwrap();
        assert!(is_settled(&later, &bought), "{later:?}");
        assert_eq!(setup.fake.cln.xpays(), 1);
    }
}

/// The program ends after the `xpay` began, and before the node lists a part of it. ATTACKS C-19.
#[tokio::test]
async fn an_xpay_of_another_process_that_the_node_does_not_list_yet_is_no_failure() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        let (bought, payment) = setup.pay_with(ClnFault::Unlisted).await;
        assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
        let restarted = setup.reopened().await;
        // Neither a second `xpay`, nor the refusal of one.
        setup.fake.cln.set_for("xpay", ClnFault::Refuses(205));
        let again = restarted.pay(soon(bought.bolt11())).await;
        assert!(matches!(again, Payment::Unknown(_)), "{again:?}");
        let later = restarted.lookup(bought.payment_hash()).await.unwrap();
        assert!(matches!(later, Some(Payment::Unknown(_))), "{later:?}");
        assert_eq!(setup.fake.cln.xpays(), 1);
        // An `xpay` ends by itself.
        setup.set(ClnFault::None);
        setup.pass(LATER).await;
        let later = restarted.lookup(bought.payment_hash()).await.unwrap();
        assert!(later.is_none(), "{later:?}");
        let again = restarted.pay(order(bought.bolt11())).await;
        assert!(is_settled(&again, &bought), "{again:?}");
    }
}

#[tokio::test]
async fn a_fee_that_is_not_told_counts_as_the_highest() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        let (bought, payment) = setup.pay_with(ClnFault::CutAfterPay).await;
        assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
        setup.set(ClnFault::TellsNoAmount);
        let found = setup.reopened().await.lookup(bought.payment_hash()).await;
        let found = found.unwrap().unwrap();
        let Payment::Settled { fee, .. } = found else {
            panic!("{found:?}")
        };
        assert_eq!(fee, Msat::from_sat(10));
    }
}

// BACKENDS cln cancellation: double
// BACKENDS cln-rest cancellation: double
#[tokio::test]
async fn a_caller_who_leaves_does_not_end_the_payment() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        let bought = invoice(&setup, Msat::from_sat(50)).await;
        setup.set(ClnFault::InFlight);
        let (pay, order) = (setup.pay(), order(bought.bolt11()));
        let caller = tokio::spawn(async move { pay.pay(order).await });
        while setup.fake.cln.xpays() == 0 {
            tokio::task::yield_now().await;
        }
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        let later = setup.lookup(&bought).await;
        assert!(matches!(later, Some(Payment::Unknown(_))), "{later:?}");
        setup.set(ClnFault::None);
        setup.fake.cln.resolve(bought.payment_hash(), true).await;
        let again = setup.pay.pay(soon(bought.bolt11())).await;
        assert!(is_settled(&again, &bought), "{again:?}");
        assert_eq!(setup.fake.cln.xpays(), 1);
    }
}

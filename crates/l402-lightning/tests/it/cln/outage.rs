//! A node that is away, or starts again.

use futures_util::StreamExt;
use l402::Msat;
use l402_lightning::{ErrorKind, InvoiceState, Payment, SettlementIndex};
use l402_testkit::cln::ClnFault;

use super::setup::{Setup, WAYS};
use crate::contract::{invoice, is_settled, order};

#[tokio::test]
async fn a_node_that_is_away_is_a_certain_failure() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        let bought = invoice(&setup, Msat::from_sat(50)).await;
        setup.fake.stop();
        // Its end comes with the next turn of the runtime.
        while setup.pay.balance().await.is_ok() {}
        let payment = setup.pay.pay(order(bought.bolt11())).await;
        let Payment::Failed(failure) = payment else {
            panic!("{payment:?}")
        };
        assert_eq!(failure.error.kind(), ErrorKind::Unavailable);
        assert!(failure.error.is_retryable());
        assert_eq!(setup.fake.cln.xpays(), 0);
    }
}

/// Nothing is sent, but what was sent before may have settled, also by another process. ATTACKS C-19.
#[tokio::test]
async fn a_node_that_went_away_after_a_lost_answer_leaves_the_payment_unknown() {
    for way in WAYS {
        let mut setup = Setup::new(way).await;
        let (bought, payment) = setup.pay_with(ClnFault::CutAfterPay).await;
        assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
        let restarted = setup.reopened().await;
        setup.fake.stop();
        for pay in [&setup.pay, &restarted] {
            while pay.balance().await.is_ok() {}
            let again = pay.pay(order(bought.bolt11())).await;
            assert!(matches!(again, Payment::Unknown(_)), "{again:?}");
        }
        setup.fake.restart().await;
        let again = setup.pay.pay(order(bought.bolt11())).await;
        assert!(is_settled(&again, &bought), "{again:?}");
        assert_eq!(setup.fake.cln.xpays(), 1);
    }
}

// BACKENDS cln restart: double
// BACKENDS cln-rest restart: double
#[tokio::test]
async fn after_a_restart_everything_goes_on() {
    for way in WAYS {
        let mut setup = Setup::new(way).await;
        let first = invoice(&setup, Msat::from_sat(50)).await;
        let payment = setup.pay.pay(order(first.bolt11())).await;
        assert!(is_settled(&payment, &first), "{payment:?}");
        let receive = setup.receive.clone();
        let mut stream = receive.settlements(SettlementIndex::default());
        let told = stream.next().await.unwrap().unwrap();
        assert_eq!(told.payment_hash, first.payment_hash());
        setup.fake.stop();
        // The stream says that the node went away.
        while stream.next().await.is_some_and(|next| next.is_ok()) {}
        setup.fake.restart().await;
        let state = receive.lookup(first.payment_hash()).await.unwrap();
        let paid = Msat::from_sat(50);
        assert_eq!(state, InvoiceState::Settled { paid });
        let later = setup.lookup(&first).await.unwrap();
        assert!(is_settled(&later, &first), "{later:?}");
        let second = invoice(&setup, Msat::from_sat(51)).await;
        let payment = setup.pay.pay(order(second.bolt11())).await;
        assert!(is_settled(&payment, &second), "{payment:?}");
        let mut stream = receive.settlements(told.index);
        let told = stream.next().await.unwrap().unwrap();
        assert_eq!(told.payment_hash, second.payment_hash());
    }
}

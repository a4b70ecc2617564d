//! Answers that cannot be used.

use std::time::Duration;

use l402::Msat;
use l402_lightning::{ErrorKind, NewInvoice, Payment};
use l402_testkit::cln::ClnFault;

use super::setup::{Setup, WAYS, Way, soon};
use crate::contract::{asked, invoice, is_settled, order};

/// Pays while the node answers `xpay` with this fault.
async fn pay_with(setup: &Setup, fault: ClnFault) -> (NewInvoice, Payment) {
    let bought = invoice(setup, Msat::from_sat(50)).await;
    setup.fake.cln.set_for("xpay", fault);
    let payment = setup.pay.pay(soon(bought.bolt11())).await;
    setup.set(ClnFault::None);
    (bought, payment)
}

// BACKENDS cln html_error, huge_answer, bad_preimage: double
// BACKENDS cln-rest html_error, huge_answer, bad_preimage: double
#[tokio::test]
async fn whatever_is_not_understood_is_unknown() {
    for way in WAYS {
        for fault in [
            ClnFault::AnotherId,
            ClnFault::Endless,
            ClnFault::Html,
            ClnFault::Silent,
            ClnFault::WrongPreimage,
        ] {
            if (way, fault) == (Way::Rest, ClnFault::AnotherId) {
                continue;
            }
            let setup = Setup::new(way).await;
            let (bought, payment) = pay_with(&setup, fault).await;
            let is_unknown = matches!(payment, Payment::Unknown(_));
            assert!(is_unknown, "{way:?} {fault:?}: {payment:?}");
            // In doubt it is not called failed, nor as if it had never begun.
            let later = setup.lookup(&bought).await;
            let paid = matches!(fault, ClnFault::AnotherId | ClnFault::WrongPreimage);
            match later {
                Some(Payment::Unknown(_)) => assert!(!paid, "{way:?} {fault:?}"),
                Some(later) => assert!(paid && is_settled(&later, &bought), "{later:?}"),
                None => panic!("{way:?} {fault:?}"),
            }
        }
    }
}

/// The same before anything was sent: an earlier payment may hide behind such an answer.
#[tokio::test]
async fn nothing_is_sent_while_an_earlier_payment_may_hide() {
    for way in WAYS {
        for fault in [ClnFault::Html, ClnFault::Silent] {
            let setup = Setup::new(way).await;
            let bought = invoice(&setup, Msat::from_sat(50)).await;
            setup.fake.cln.set_for("listpays", fault);
            let payment = setup.pay.pay(soon(bought.bolt11())).await;
            assert!(
                matches!(payment, Payment::Unknown(_)),
                "{fault:?}: {payment:?}"
            );
            assert_eq!(setup.fake.cln.xpays(), 0);
        }
    }
}

#[tokio::test]
async fn a_record_of_another_payment_proves_nothing() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        let bought = invoice(&setup, Msat::from_sat(50)).await;
        let payment = setup.pay.pay(order(bought.bolt11())).await;
        assert!(is_settled(&payment, &bought), "{payment:?}");
        for fault in [ClnFault::AnotherHash, ClnFault::WrongPreimage] {
            setup.fake.cln.set_for("listpays", fault);
            let later = setup.lookup(&bought).await;
            assert!(
                matches!(later, Some(Payment::Unknown(_))),
                "{fault:?}: {later:?}"
            );
            let again = setup.pay.pay(soon(bought.bolt11())).await;
            assert!(matches!(again, Payment::Unknown(_)), "{fault:?}: {again:?}");
        }
        assert_eq!(setup.fake.cln.xpays(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_after_the_payment_is_unknown_and_then_looked_up() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        let (bought, payment) = setup.pay_with(ClnFault::CutAfterPay).await;
        assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
        let later = setup.lookup(&bought).await.unwrap();
        assert!(is_settled(&later, &bought), "{later:?}");
        let again = setup.pay.pay(order(bought.bolt11())).await;
        assert!(is_settled(&again, &bought), "{again:?}");
        assert_eq!(setup.fake.cln.xpays(), 1);
    }
}

// FAULTS C13: a 4xx or an absence is no proof. The same kind here: the answer of a proxy in JSON that
// resembles clnrest's, while the payment goes on behind it.
#[tokio::test]
async fn the_word_of_a_proxy_proves_nothing() {
    for status in [401, 403, 404, 408, 429, 500, 502, 504] {
        let setup = Setup::new(Way::Rest).await;
        let (bought, payment) = setup.pay_with(ClnFault::Proxy(status)).await;
        assert!(
            matches!(payment, Payment::Unknown(_)),
            "{status}: {payment:?}"
        );
        let later = setup.lookup(&bought).await;
        assert!(
            matches!(later, Some(Payment::Unknown(_))),
            "{status}: {later:?}"
        );
    }
}

#[tokio::test]
async fn notifications_and_chunks_do_not_confuse() {
    let setup = Setup::new(Way::Socket).await;
    let (bought, payment) = setup.pay_with(ClnFault::Talkative).await;
    assert!(is_settled(&payment, &bought), "{payment:?}");
}

#[tokio::test]
async fn a_silent_or_endless_node_holds_up_nobody_who_sells() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        for (fault, kind) in [
            (ClnFault::Silent, ErrorKind::Timeout),
            (ClnFault::Endless, ErrorKind::Protocol),
        ] {
            setup.set(fault);
            let made = setup.receive.create_invoice(asked(Msat::from_sat(50)));
            let made = tokio::time::timeout(Duration::from_secs(20), made).await;
            assert_eq!(made.unwrap().unwrap_err().kind(), kind, "{way:?}");
        }
    }
}

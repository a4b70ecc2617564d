//! What both ways keep: the contract, and what a node itself says.

use std::sync::Arc;

use futures_util::future::join_all;
use l402::Msat;
use l402_lightning::{ErrorKind, InvoiceState, Payment};
use l402_testkit::cln::ClnFault;

use super::setup::{Setup, WAYS, Way, soon};
use crate::contract::{
    Bench, asked, invoice, is_settled, keeps_every_promise, order,
    the_newest_index_tells_nothing_of_the_past,
};

async fn keeps_the_contract(way: Way) {
    let setup = Setup::new(way).await;
    let home = &setup.fake.cln.home;
    home.sandbox.set_fee(setup.fee()).expect("a fee");
    keeps_every_promise(&setup).await;
}

// BACKENDS cln pay, fee_limit, expired, already_paid, msat, preimage_proven, once_per_hash: double
#[tokio::test]
async fn the_socket_keeps_the_contract() {
    keeps_the_contract(Way::Socket).await;
}

// BACKENDS cln-rest pay, fee_limit, expired, already_paid, msat, preimage_proven, once_per_hash: double
#[tokio::test]
async fn clnrest_keeps_the_contract() {
    keeps_the_contract(Way::Rest).await;
}

#[tokio::test]
async fn tells_settlements_from_the_newest_on() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        the_newest_index_tells_nothing_of_the_past(&setup).await;
    }
}

/// The search for the newest settlement halves its steps.
#[tokio::test]
async fn finds_the_newest_of_many_settlements() {
    let setup = Setup::new(Way::Socket).await;
    for _ in 0..6 {
        let bought = invoice(&setup, Msat::from_sat(1)).await;
        let payment = setup.pay.pay(order(bought.bolt11())).await;
        assert!(is_settled(&payment, &bought), "{payment:?}");
    }
    the_newest_index_tells_nothing_of_the_past(&setup).await;
}

/// Two programs at once: the second one waits for its turn, and finds the payment.
#[tokio::test]
async fn two_programs_pay_an_invoice_once() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        let others = join_all([setup.reopened(), setup.reopened()]).await;
        let bought = invoice(&setup, Msat::from_sat(50)).await;
        let both = others.iter().map(|pay| pay.pay(order(bought.bolt11())));
        for payment in join_all(both).await {
            assert!(is_settled(&payment, &bought), "{payment:?}");
        }
        let balance = setup.pay.balance().await.unwrap();
        assert_eq!(balance, Msat::from_sat(100_000 - 50));
    }
}

/// The codes of `xpay`, and a look-up that finds nothing.
#[tokio::test]
async fn an_error_and_no_record_are_a_certain_failure() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        for code in [-1, 203, 205, 207, 209, 219, -32601, -32602] {
            let bought = invoice(&setup, Msat::from_sat(50)).await;
            setup.fake.cln.set_for("xpay", ClnFault::Refuses(code));
            let payment = setup.pay.pay(soon(bought.bolt11())).await;
            assert!(matches!(payment, Payment::Failed(_)), "{code}: {payment:?}");
            assert!(setup.lookup(&bought).await.is_none());
        }
        // No code of `xpay`: it may be the word of something before the node.
        let bought = invoice(&setup, Msat::from_sat(50)).await;
        setup.fake.cln.set_for("xpay", ClnFault::Refuses(502));
        let payment = setup.pay.pay(soon(bought.bolt11())).await;
        assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    }
}

#[tokio::test]
async fn a_try_that_failed_may_be_made_again() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        let (bought, payment) = setup.pay_with(ClnFault::FailsAfterTry).await;
        assert!(matches!(payment, Payment::Failed(_)), "{payment:?}");
        let later = setup.lookup(&bought).await;
        assert!(matches!(later, Some(Payment::Failed(_))), "{later:?}");
        setup.set(ClnFault::None);
        let payment = setup.pay.pay(order(bought.bolt11())).await;
        assert!(is_settled(&payment, &bought), "{payment:?}");
    }
}

/// `xpay` would take an offer or an address, whose amount and hash nobody has checked.
#[tokio::test]
async fn only_an_invoice_reaches_the_node() {
    let setup = Setup::new(Way::Socket).await;
    for text in [
        "lno1pg257enxv4ezqcneype82um50ynhxgrwdajx283qfwdpl28qqmc78ymlvhmxcsywdk5wrjnj36jryg488qwlrnzyjczs",
        "somebody@wallet.example",
        "\u{20bf}somebody@wallet.example",
    ] {
        let payment = setup.pay.pay(order(text)).await;
        assert!(matches!(payment, Payment::Failed(_)), "{payment:?}");
    }
    assert_eq!(setup.fake.cln.xpays(), 0);
}

#[tokio::test]
async fn an_invoice_that_nobody_pays_expires() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        let receive = Arc::clone(&setup.receive);
        let unpaid = invoice(&setup, Msat::from_sat(10)).await;
        let hash = unpaid.payment_hash();
        assert_eq!(receive.lookup(hash).await.unwrap(), InvoiceState::Open);
        setup.pass(std::time::Duration::from_secs(601)).await;
        assert_eq!(receive.lookup(hash).await.unwrap(), InvoiceState::Cancelled);
        let unknown = l402::PaymentHash::from_bytes([9; 32]);
        assert_eq!(receive.lookup(unknown).await.unwrap(), InvoiceState::Unseen);
    }
}

#[tokio::test]
async fn an_invoice_that_was_not_asked_for_is_never_handed_on() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        for fault in [
            ClnFault::CheapInvoice,
            ClnFault::AnotherHash,
            ClnFault::Html,
        ] {
            setup.set(fault);
            let made = setup
                .receive
                .create_invoice(asked(Msat::from_sat(50)))
                .await;
            assert_eq!(made.unwrap_err().kind(), ErrorKind::Protocol, "{fault:?}");
        }
        setup.set(ClnFault::None);
        let unpaid = invoice(&setup, Msat::from_sat(10)).await;
        setup.set(ClnFault::AnotherHash);
        let state = setup.receive.lookup(unpaid.payment_hash()).await;
        assert_eq!(state.unwrap_err().kind(), ErrorKind::Protocol);
    }
}

/// The least rune that sells may not list channels; the socket may do everything.
#[tokio::test]
async fn liquidity_is_told_as_far_as_the_credential_may_know_it() {
    let rest = Setup::new(Way::Rest).await;
    assert_eq!(rest.receive.liquidity().await.unwrap(), None);
    let socket = Setup::new(Way::Socket).await;
    let liquidity = socket.receive.liquidity().await.unwrap().expect("known");
    // Not that of the channel on the chain.
    assert_eq!(liquidity.receivable, Msat::from_sat(250_000));
    assert_eq!(
        liquidity.spendable,
        Some(socket.pay.balance().await.unwrap())
    );
}

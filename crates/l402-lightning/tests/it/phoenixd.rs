//! The backend `phoenixd` against a double. The cases are in `wallet_cases.rs`.

use std::path::Path;

use l402::Msat;
use l402_lightning::{Node, PhoenixdNode};
use l402_testkit::wallets::{FULL_PASSWORD, FakeServer, Fault, LIMITED_PASSWORD};

use super::contract::{Bench, keeps_every_promise, the_newest_index_tells_nothing_of_the_past};
use super::wallet_cases::{self as cases, Kind, Setup};

const KIND: Kind = Kind {
    node,
    secrets: [LIMITED_PASSWORD, FULL_PASSWORD],
};

fn node(base: &str, secret: &Path) -> Node {
    Node::Phoenixd(PhoenixdNode {
        url: base.parse().expect("a URL"),
        password: secret.to_owned(),
    })
}

async fn setup() -> Setup {
    Setup::new(KIND, FakeServer::phoenixd().await).await
}

// BACKENDS phoenixd double: our phoenixd in `tests/kit/src/wallets`, which speaks the interface of 0.8
// BACKENDS phoenixd pay, once_per_hash, expired, fee_limit, already_paid, cancellation, deadline: double
// BACKENDS phoenixd preimage_proven, lookup_after_restart: double
#[tokio::test]
async fn keeps_the_contract() {
    let setup = setup().await;
    let sandbox = &setup.server.ledger.home.sandbox;
    sandbox.set_fee(setup.fee()).expect("a fee");
    keeps_every_promise(&setup).await;
}

#[tokio::test]
async fn tells_settlements_from_the_newest_on() {
    the_newest_index_tells_nothing_of_the_past(&setup().await).await;
}

// BACKENDS phoenixd held, unknown_then_settled: double
#[tokio::test]
async fn held_then_settled() {
    cases::held_then_settled(&setup().await).await;
}

// BACKENDS phoenixd unknown_then_failed: double
#[tokio::test]
async fn unknown_then_failed() {
    cases::unknown_then_failed(&setup().await).await;
}

#[tokio::test]
async fn no_record_is_no_failure() {
    cases::no_record_is_no_failure(&setup().await).await;
}

// BACKENDS phoenixd html_error: double
#[tokio::test]
async fn the_page_of_a_proxy_is_no_failure() {
    cases::the_page_of_a_proxy_is_no_failure(&setup().await).await;
}

#[tokio::test]
async fn a_lost_answer_is_looked_up() {
    cases::a_lost_answer_is_looked_up(&setup().await).await;
}

#[tokio::test]
async fn a_refusal_without_a_record_is_a_failure() {
    cases::a_refusal_without_a_record_is_a_failure(&setup().await).await;
}

#[tokio::test]
async fn an_earlier_failure_does_not_fail_a_later_attempt() {
    cases::an_earlier_failure_does_not_fail_a_later_attempt(&setup().await).await;
}

// BACKENDS phoenixd bad_preimage: double
#[tokio::test]
async fn without_its_preimage_nothing_is_settled() {
    cases::without_its_preimage_nothing_is_settled(&setup().await).await;
}

// BACKENDS phoenixd huge_answer: double
#[tokio::test]
async fn an_endless_answer_ends() {
    cases::an_endless_answer_ends(&setup().await).await;
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    cases::silence_ends_at_the_deadline(&setup().await).await;
}

// BACKENDS phoenixd restart: double
#[tokio::test]
async fn restarts_lose_nothing() {
    cases::restarts_lose_nothing(setup().await).await;
}

// BACKENDS phoenixd msat: double
#[tokio::test]
async fn parts_of_a_satoshi() {
    cases::parts_of_a_satoshi(&setup().await).await;
}

#[tokio::test]
async fn a_fee_that_could_be_higher_is_refused() {
    cases::a_fee_that_could_be_higher_is_refused(&setup().await, Msat::from_sat(8)).await;
}

/// ATTACKS O-17.
#[tokio::test]
async fn what_spends_does_not_sell_and_what_receives_does_not_pay() {
    cases::what_spends_does_not_sell_and_what_receives_does_not_pay(&setup().await).await;
}

#[tokio::test]
async fn an_invoice_of_another_amount_is_never_handed_on() {
    cases::an_invoice_of_another_amount_is_never_handed_on(&setup().await).await;
}

#[tokio::test]
async fn a_wallet_that_is_away_is_a_certain_failure() {
    cases::a_wallet_that_is_away_is_a_certain_failure(setup().await).await;
}

#[tokio::test]
async fn files_and_secrets() {
    cases::files_and_secrets(&setup().await).await;
}

#[tokio::test]
async fn an_invoice_of_nobody_is_unseen() {
    let setup = setup().await;
    assert!(setup.receive().preimage_is_proof());
    cases::an_invoice_of_nobody_is_unseen(&setup).await;
    setup.server.ledger.set(Fault::NoContent);
    cases::an_invoice_of_nobody_is_unseen(&setup).await;
}

/// ATTACKS C-19.
#[tokio::test]
async fn what_could_not_be_sent_says_nothing_of_an_earlier_attempt() {
    cases::what_could_not_be_sent_says_nothing_of_an_earlier_attempt(setup().await).await;
}

#[tokio::test]
async fn a_fee_that_is_not_told_counts_as_the_highest() {
    cases::a_fee_that_is_not_told_counts_as_the_highest(&setup().await).await;
}

/// A channel that is closing carries nothing.
#[tokio::test]
async fn its_channels_tell_what_it_can_receive() {
    let setup = setup().await;
    let liquidity = Bench::receive(&setup)
        .liquidity()
        .await
        .unwrap()
        .expect("known");
    assert_eq!(liquidity.receivable, Msat::from_sat(250_000));
    assert_eq!(liquidity.spendable, Some(Msat::from_sat(50_000)));
}

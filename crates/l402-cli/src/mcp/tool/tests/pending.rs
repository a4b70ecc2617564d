//! Payments whose outcome comes late.

use std::time::Duration;

use l402_client::State;
use l402_lightning::sandbox::Fault;
use serde_json::json;

use super::shop::{Shop, is_replayed, outcome, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_long_payment_is_pending_and_its_answer_is_had_later() {
    let shop = Shop::open();
    shop.set_fault(Fault::Slow(Duration::from_millis(1500)));
    let mut agent = shop.agent(None);
    agent.patience = Duration::from_millis(200);
    let url = shop.url("/pay/50/joke?of=today");
    let pending = agent.fetch(&url).await;
    assert_eq!(
        (outcome(&pending), pending.is_error),
        ("pending", false),
        "{}",
        pending.line
    );
    let hash = text(&pending, "/payment_hash").to_owned();
    assert!(pending.line.contains(&hash) && pending.line.contains("l402_resume"));
    // The same call waits for its turn, and tells the same payment.
    let same = agent.fetch(&url).await;
    assert_eq!(
        (outcome(&same), text(&same, "/payment_hash")),
        ("pending", &*hash)
    );

    agent.purse.finish().await;
    let agent = shop.agent(None);
    let had = agent
        .call("l402_resume", json!({ "payment_hash": hash }))
        .await;
    assert_eq!(outcome(&had), "served", "{}", had.line);
    assert!(
        text(&had, "/answer/body/text").contains("\"answer\":1"),
        "{}",
        had.line
    );
    assert_eq!((shop.payments(), shop.served()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_is_kept_even_if_answers_are_not() {
    let shop = Shop::open();
    shop.write_config("[vault]\nenabled = false\n");
    shop.set_fault(Fault::Slow(Duration::from_millis(800)));
    let mut agent = shop.agent(None);
    agent.patience = Duration::from_millis(100);
    let url = shop.url("/pay/50/joke");
    let pending = agent.fetch(&url).await;
    assert_eq!(outcome(&pending), "pending", "{}", pending.line);
    let hash = text(&pending, "/payment_hash").to_owned();
    agent.purse.finish().await;
    let agent = shop.agent(None);
    let had = agent
        .call("l402_resume", json!({ "payment_hash": hash }))
        .await;
    assert_eq!(outcome(&had), "served", "{}", had.line);
    assert_eq!((shop.payments(), shop.served()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_looked_up_and_never_paid_again() {
    let shop = Shop::open();
    shop.set_fault(Fault::EndsMidPayment);
    let agent = shop.agent(None);
    let url = shop.url("/pay/50/joke?of=today");
    let pending = agent.fetch(&url).await;
    assert_eq!(outcome(&pending), "pending", "{}", pending.line);
    let hash = text(&pending, "/payment_hash").to_owned();
    assert_eq!(shop.count(&[State::Unknown]), 1);
    shop.set_fault(Fault::None);

    let looked_up = agent
        .call("lookup_payment", json!({ "payment_hash": hash }))
        .await;
    assert_eq!(text(&looked_up, "/state"), "settled", "{}", looked_up.line);
    assert_eq!(looked_up.structured["served"], false);
    let had = agent
        .call("l402_resume", json!({ "payment_hash": hash }))
        .await;
    assert_eq!(outcome(&had), "served", "{}", had.line);
    assert_eq!(had.structured["payment"]["reused"], true);
    let again = agent
        .call("l402_resume", json!({ "payment_hash": hash }))
        .await;
    assert!(is_replayed(&again), "{}", again.line);
    assert_eq!((shop.payments(), shop.served()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_request_is_told_once_more() {
    let shop = Shop::open();
    shop.set_fault(Fault::EndsMidPayment);
    let url = shop.url("/pay/50/joke?of=today");
    let pending = shop.agent(None).fetch(&url).await;
    let hash = text(&pending, "/payment_hash").to_owned();
    shop.set_fault(Fault::None);

    let agent = shop.agent(None);
    let unknown = agent
        .call("l402_resume", json!({ "payment_hash": hash }))
        .await;
    assert_eq!(
        text(&unknown, "/error/code"),
        "request_unknown",
        "{}",
        unknown.line
    );
    let other = json!({ "payment_hash": hash, "url": shop.url("/pay/50/joke?of=tomorrow") });
    let other = agent.call("l402_resume", other).await;
    assert_eq!(
        text(&other, "/error/code"),
        "request_unknown",
        "{}",
        other.line
    );
    let had = agent
        .call("l402_resume", json!({ "payment_hash": hash, "url": url }))
        .await;
    assert_eq!(outcome(&had), "served", "{}", had.line);
    assert_eq!((shop.payments(), shop.served()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_failed_for_certain_is_no_payment() {
    let shop = Shop::open();
    shop.set_fault(Fault::Fails);
    let agent = shop.agent(None);
    let url = shop.url("/pay/50/joke");
    let failed = agent.fetch(&url).await;
    assert_eq!(
        (outcome(&failed), failed.is_error),
        ("failed", true),
        "{}",
        failed.line
    );
    shop.set_fault(Fault::None);
    let bought = agent.fetch(&url).await;
    assert_eq!(
        (outcome(&bought), is_replayed(&bought)),
        ("served", false),
        "{}",
        bought.line
    );
    assert_eq!(shop.payments(), 1);
}

// ATTACKS A-06: while one call gets what was paid for, the call that has paid for it pays nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_answer_is_being_had_elsewhere_is_not_paid_twice() {
    let shop = Shop::open();
    shop.set_fault(Fault::EndsMidPayment);
    let url = shop.url("/pay/50/slow");
    for key in [None, Some("once")] {
        shop.set_fault(Fault::EndsMidPayment);
        let mut arguments = json!({ "url": format!("{url}?{}", key.unwrap_or("none")) });
        if let Some(key) = key {
            arguments["idempotency_key"] = json!(key);
        }
        let paid = shop.payments();
        let pending = shop.agent(None).call("l402_fetch", arguments.clone()).await;
        let hash = text(&pending, "/payment_hash").to_owned();
        assert_eq!(outcome(&pending), "pending", "{}", pending.line);
        shop.set_fault(Fault::None);
        let (one, two) = (shop.agent(None), shop.agent(None));
        let looked_up = one
            .call("lookup_payment", json!({ "payment_hash": hash }))
            .await;
        assert_eq!(text(&looked_up, "/state"), "settled", "{}", looked_up.line);
        let mut resumed = arguments.clone();
        resumed["payment_hash"] = json!(hash);
        if let Some(fields) = resumed.as_object_mut() {
            fields.remove("idempotency_key");
        }
        let later = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            two.call("l402_fetch", arguments.clone()).await
        };
        let (had, same) = tokio::join!(one.call("l402_resume", resumed), later);
        assert_eq!(outcome(&had), "served", "{}", had.line);
        assert_eq!(
            (outcome(&same), text(&same, "/payment_hash")),
            ("paid", &*hash),
            "{}",
            same.line
        );
        assert_eq!(text(&same, "/error/code"), "busy");
        assert_eq!(shop.payments(), paid + 1);
        let again = two.call("l402_fetch", arguments).await;
        assert_eq!((outcome(&again), is_replayed(&again)), ("served", true));
    }
}

//! Connections: their relays, what they may do, and their secrets.

use l402::Msat;
use l402_lightning::{Error, ErrorKind};

use super::relay::Told;
use super::setup::{Setup, node};

// BACKENDS nwc huge_answer: double
#[tokio::test]
async fn one_relay_of_two_may_be_dead_or_lose_the_connection() {
    let setup = Setup::new().await;
    let dead = "ws://127.0.0.1:1".to_owned();
    let uri = setup.buyer.uri(&[dead, setup.relay.url()]);
    let node = node(setup.folder.path().join("two"), &uri);
    let pay = node.wallet(setup.open()).await.expect("pays").pay;
    assert_eq!(
        pay.balance().await.expect("a balance"),
        Msat::from_sat(100_000)
    );
    for told in [Told::Close, Told::Raw("a".repeat(512 * 1024))] {
        setup.relay.tell(told);
        assert_eq!(
            pay.balance().await.expect("a balance"),
            Msat::from_sat(100_000)
        );
    }
}

#[tokio::test]
async fn a_connection_that_can_spend_is_refused_for_receiving() {
    let setup = Setup::new().await;
    let refused = setup
        .buyer_node()
        .receiver(setup.open())
        .await
        .map(drop)
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unauthorized);
    assert!(refused.to_string().contains("pay_invoice"), "{refused}");
    let accepted = setup.open().with_danger_spending_node(true);
    assert!(setup.buyer_node().receiver(accepted).await.is_ok());
    let node = node(
        setup.folder.path().join("seller"),
        &setup.seller.uri(&[setup.relay.url()]),
    );
    let refused = node.wallet(setup.open()).await.map(drop).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unauthorized);
    assert!(!setup.receive.preimage_is_proof());
}

#[tokio::test]
async fn no_secret_is_in_any_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let setup = Setup::new().await;
    let secret = setup
        .buyer
        .uri(&[setup.relay.url()])
        .rsplit_once("secret=")
        .expect("a secret")
        .1
        .to_owned();
    for text in [
        format!("nostr+walletconnect://{secret}"),
        setup.buyer.uri(&["ws://relay.example.com".to_owned()]),
        setup.buyer.uri(&[]),
        secret.clone(),
        String::new(),
    ] {
        let node = node(folder.path().join("file"), &text);
        let error: Error = node
            .check_receiver(std::path::Path::new(""), false)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Local);
        assert!(!format!("{error} {error:?}").contains(&secret), "{error}");
    }
    let shown = format!("{:?} {} {:?}", setup.pay, setup.pay.name(), setup.receive);
    assert!(!shown.contains(&secret), "{shown}");
}

//! Signing of messages, by every backend that can.

use l402_lightning::sandbox::Sandbox;
use l402_lightning::{ErrorKind, LndNode, Node, Open, Sign as _, recover_signer};
use l402_testkit::TestHome;
use l402_testkit::cln::rune;

use super::cln::{Setup as Cln, WAYS, Way};
use super::lnd::Setup as Lnd;

const MESSAGE: &[u8] = b"l402 registry claim https://api.example.com/ registry.example:5f3a";

/// Signs by a node, and asserts that the sandbox behind it has signed.
async fn signs(node: &Node, open: Open, behind: &Sandbox) {
    let signer = node.signer(open).await.expect("a signer");
    let signature = signer.sign.sign(MESSAGE).await.expect("signed");
    assert_eq!(recover_signer(MESSAGE, &signature), Some(behind.payee()));
}

#[tokio::test]
async fn the_sandbox_signs_with_the_key_of_its_invoices() {
    let home = TestHome::new();
    signs(&Node::Sandbox, home.open(), &home.sandbox).await;
    let signature = home.sandbox.sign(b"other").await.unwrap();
    assert_ne!(
        recover_signer(MESSAGE, &signature),
        Some(home.sandbox.payee())
    );
}

#[tokio::test]
async fn lnd_signs_if_its_macaroon_may() {
    let lnd = Lnd::new().await;
    signs(&lnd.node("admin"), lnd.open(), &lnd.lnd.fake.home.sandbox).await;
    let signer = lnd.node("invoice").signer(lnd.open()).await.unwrap();
    let error = signer.sign.sign(MESSAGE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    let command = LndNode::least_macaroon_to_sign();
    assert!(error.to_string().ends_with(&command), "{error}");
}

#[tokio::test]
async fn core_lightning_signs_over_both_ways_if_its_rune_may() {
    for way in WAYS {
        let cln = Cln::new(way).await;
        let text = format!("{}\n", rune("method=signmessage"));
        std::fs::write(cln.path("signs.rune"), text).unwrap();
        signs(&cln.node("signs"), cln.open(), &cln.fake.cln.home.sandbox).await;
        if way == Way::Rest {
            let signer = cln.node("sells").signer(cln.open()).await.unwrap();
            let error = signer.sign.sign(MESSAGE).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthorized);
            assert!(error.to_string().contains("method=signmessage"), "{error}");
        }
        let signer = cln.node("signs").signer(cln.open()).await.unwrap();
        let error = signer.sign.sign(&[0xff]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
    }
}

#[tokio::test]
async fn a_wallet_that_cannot_sign_names_those_that_can() {
    let home = TestHome::new();
    for text in [
        "lnbits+https://lnbits.example?key=/path/invoice.key",
        "lnurl:you@wallet.example",
        "nwc:/path/connection.nwc",
        "phoenixd+http://127.0.0.1:9740?password=/path/limited.password",
        "sandbox+http://127.0.0.1:8403",
    ] {
        let node: Node = text.parse().unwrap();
        let error = node.signer(home.open()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(error.to_string().contains("use lnd, cln, ldk"), "{error}");
    }
}

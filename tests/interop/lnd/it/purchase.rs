//! Purchases from one lnd to the other.

use futures_util::StreamExt;
use l402::Msat;
use l402_interop::{L402, Regtest};
use l402_lightning::SettlementIndex;
use l402_tests::Upstream;

use crate::backend::{Nodes, least_macaroons};
use crate::gateway::{PRICE_SAT, TestGateway, settle};

#[tokio::test(flavor = "multi_thread")]
async fn one_lnd_pays_the_other_for_an_answer() {
    let net = Regtest::start().await;
    let nodes = Nodes::of(&net).await;
    let gateway = TestGateway::open(&net, "").await;
    let buyer = L402::new("buyer-home", net.folder());
    let wallet = net.buyer.node("admin").to_string();
    let before = nodes.pay.balance().await.expect("a balance");

    let told = " %{http_code} %{l402_price_msat}";
    let ran = buyer
        .run(&["get", &gateway.url, "--wallet", &wallet, "-w", told])
        .await;

    assert_eq!(ran.status, Some(0), "{ran:#?}");
    let price = Msat::from_sat(PRICE_SAT);
    assert_eq!(
        ran.stdout,
        format!("a thing 200 {}", price.msat()),
        "{ran:#?}"
    );
    assert_eq!(gateway.upstream.delivered(), 1);
    let after = nodes.pay.balance().await.expect("a balance");
    assert_eq!(
        before.checked_sub(after),
        Some(price),
        "{before} to {after}"
    );
    let mut settled = nodes.receive.settlements(SettlementIndex::default());
    let settled = settled
        .next()
        .await
        .expect("goes on")
        .expect("a settlement");
    assert_eq!(settled.paid, price);
}

/// As `docs/wallets/lnd.md` says it, with its macaroons and nothing but a command line.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_lnd_sells_and_buys() {
    let net = Regtest::start().await;
    let (sells, pays) = least_macaroons(&net).await;
    let upstream = Upstream::healthy();
    let seller = L402::new("seller-home", net.folder());
    let (_gateway, address) = seller
        .listen(&[
            "serve",
            "--node",
            &sells.to_string(),
            "--upstream",
            &format!("http://{}", upstream.address()),
            "--price",
            "50 sat",
            "--listen",
            "127.0.0.1:0",
            "--json",
        ])
        .await;
    let buyer = L402::new("buyer-home", net.folder());
    let (url, wallet) = (format!("http://{address}/thing"), pays.to_string());
    let told = " %{http_code} %{l402_price_msat}";
    let ran = buyer
        .run(&["get", &url, "--wallet", &wallet, "-w", told])
        .await;
    assert_eq!(ran.status, Some(0), "{ran:#?}");
    assert_eq!(ran.stdout, "a thing 200 50000", "{ran:#?}");
    assert!(!ran.stderr.contains("bakemacaroon"), "{ran:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_outlives_a_restart_of_the_sellers_lnd() {
    let mut net = Regtest::start().await;
    let nodes = Nodes::of(&net).await;
    let gateway = TestGateway::open(&net, "").await;
    let challenge = gateway.challenge().await;

    net.seller.stop().await;
    net.seller.resume().await;
    net.channel_is_active().await;

    let preimage = settle(&*nodes.pay, challenge.invoice()).await;
    let credential = challenge.authorization(&preimage);
    let answer = gateway.ask(Some(&credential)).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "a thing"));
    let again = gateway.ask(Some(&credential)).await;
    assert_eq!((again.status, again.code().as_str()), (402, "consumed"));
}

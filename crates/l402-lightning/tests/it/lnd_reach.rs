//! The ways to an lnd: certificates, macaroons, Tor.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use l402::Msat;
use l402_lightning::{ErrorKind, LndNode, Node, Payment};
use l402_testkit::lnd::certificate;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::contract::{invoice, is_settled, order};
use super::lnd::Setup;

/// ATTACKS C-32.
#[tokio::test]
async fn another_certificate_than_the_pinned_one_ends_before_anything_is_sent() {
    let setup = Setup::new().await;
    std::fs::write(setup.folder.path().join("tls.cert"), certificate().1).unwrap();
    let refused = setup.node("admin").wallet(setup.open()).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unavailable);
    let mut node = setup.node("admin");
    if let Node::Lnd(lnd) = &mut node {
        lnd.network = Some(l402::Network::Regtest);
    }
    let pay = node.wallet(setup.open()).await.unwrap().pay;
    let bought = invoice(&setup, Msat::from_sat(50)).await;
    let payment = pay.pay(order(bought.bolt11())).await;
    let Payment::Failed(failure) = payment else {
        panic!("{payment:?}")
    };
    assert_eq!(failure.error.kind(), ErrorKind::Unavailable);
    assert_eq!(setup.sends(), 0);
}

#[tokio::test]
async fn an_lnd_that_is_away_is_a_certain_failure() {
    let setup = Setup::new().await;
    let bought = invoice(&setup, Msat::from_sat(50)).await;
    let Node::Lnd(lnd) = setup.node("admin") else {
        panic!()
    };
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let away = Node::Lnd(LndNode {
        address: free.to_string(),
        network: Some(l402::Network::Regtest),
        ..lnd
    });
    let pay = away.wallet(setup.open()).await.unwrap().pay;
    let payment = pay.pay(order(bought.bolt11())).await;
    let Payment::Failed(failure) = payment else {
        panic!("{payment:?}")
    };
    assert_eq!(failure.error.kind(), ErrorKind::Unavailable);
    assert!(failure.error.is_retryable());
}

/// ATTACKS O-17.
#[tokio::test]
async fn a_macaroon_that_spends_is_refused_for_selling_unless_accepted() {
    let setup = Setup::new().await;
    let error = setup.receiver("admin", false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.to_string().contains("offchain:write"), "{error}");
    let receive = setup.receiver("admin", true).await.unwrap();
    assert_eq!(receive.network(), l402::Network::Regtest);
    let name = format!("lnd at {} on regtest", setup.lnd.address);
    assert_eq!(setup.pay.name(), name);
}

#[tokio::test]
async fn files_that_cannot_be_read_are_named() {
    let setup = Setup::new().await;
    let error = setup.receiver("missing", false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Local);
    assert!(error.to_string().contains("missing.macaroon"), "{error}");
    std::fs::write(setup.folder.path().join("tls.cert"), "no certificate").unwrap();
    let error = setup.receiver("invoice", false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Local);
    assert!(error.to_string().contains("tls.cert"), "{error}");
}

#[tokio::test]
async fn a_macaroon_may_be_written_in_hexadecimal_or_base64() {
    let setup = Setup::new().await;
    let bytes = std::fs::read(setup.folder.path().join("admin.macaroon")).unwrap();
    for text in [hex::encode(&bytes), STANDARD.encode(&bytes) + "\n"] {
        let file = setup.folder.path().join("text.macaroon");
        std::fs::write(file, text).unwrap();
        let pay = setup.node("text").wallet(setup.open()).await.unwrap().pay;
        let bought = invoice(&setup, Msat::from_sat(5)).await;
        let payment = pay.pay(order(bought.bolt11())).await;
        assert!(is_settled(&payment, &bought), "{payment:?}");
        // It spends in every form.
        let refused = setup.receiver("text", false).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unauthorized);
    }
}

/// Returns the fake's node with this change.
fn changed(setup: &Setup, change: impl FnOnce(&mut LndNode)) -> Node {
    let mut node = setup.node("admin");
    if let Node::Lnd(lnd) = &mut node {
        lnd.network = Some(l402::Network::Regtest);
        change(lnd);
    }
    node
}

/// ATTACKS C-32.
#[tokio::test]
async fn without_a_pin_only_a_public_certificate_is_trusted() {
    let setup = Setup::new().await;
    let node = changed(&setup, |lnd| lnd.tls_cert = None);
    let pay = node.wallet(setup.open()).await.unwrap().pay;
    let bought = invoice(&setup, Msat::from_sat(50)).await;
    let payment = pay.pay(order(bought.bolt11())).await;
    let Payment::Failed(failure) = payment else {
        panic!("{payment:?}")
    };
    assert_eq!(failure.error.kind(), ErrorKind::Unavailable);
    let text = failure.error.to_string();
    assert!(text.contains("name that with &tls_cert=FILE"), "{text}");
    assert_eq!(setup.sends(), 0);
}

/// Takes one connection as a SOCKS proxy, and relays it to `target` whatever is asked for, or refuses
/// it. Returns the name and the port that were asked for.
async fn proxy_once(proxy: &TcpListener, target: Option<&str>) -> (String, u16) {
    let (mut client, _) = proxy.accept().await.expect("a caller");
    let mut head = [0; 2];
    client.read_exact(&mut head).await.expect("a greeting");
    let mut methods = vec![0; usize::from(head[1])];
    client.read_exact(&mut methods).await.expect("methods");
    client.write_all(&[5, 0]).await.expect("no password");
    let mut head = [0; 5];
    client.read_exact(&mut head).await.expect("a request");
    assert_eq!(head[..4], [5, 1, 0, 3], "connects to a name");
    let mut name = vec![0; usize::from(head[4])];
    client.read_exact(&mut name).await.expect("a name");
    let port = client.read_u16().await.expect("a port");
    let refused = if target.is_some() { 0 } else { 4 };
    let answer = [5, refused, 0, 1, 0, 0, 0, 0, 0, 0];
    client.write_all(&answer).await.expect("an answer");
    if let Some(target) = target {
        let mut lnd = TcpStream::connect(target).await.expect("the fake");
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut lnd).await });
    }
    (String::from_utf8(name).expect("text"), port)
}

#[tokio::test]
async fn an_lnd_behind_tor_is_reached_through_the_proxy_which_alone_knows_its_name() {
    let setup = Setup::new().await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap();
    let node = changed(&setup, |lnd| {
        lnd.address = "abcdef.onion:8080".to_owned();
        lnd.proxy = format!("socks5h://{address}").parse().ok();
    });
    let reread: Node = node.to_string().parse().unwrap();
    assert_eq!(reread, node);
    let pay = node.wallet(setup.open()).await.unwrap().pay;
    let bought = invoice(&setup, Msat::from_sat(50)).await;
    let refused = tokio::join!(pay.pay(order(bought.bolt11())), proxy_once(&proxy, None),);
    let wanted = ("abcdef.onion".to_owned(), 8080);
    assert_eq!(refused.1, wanted);
    let Payment::Failed(failure) = refused.0 else {
        panic!("{:?}", refused.0)
    };
    assert_eq!(failure.error.kind(), ErrorKind::Unavailable);
    let (payment, asked) = tokio::join!(
        pay.pay(order(bought.bolt11())),
        proxy_once(&proxy, Some(&setup.lnd.address)),
    );
    assert_eq!(asked, wanted);
    assert!(is_settled(&payment, &bought), "{payment:?}");
}

#[test]
fn the_page_of_lnd_names_the_least_macaroons() {
    let page = include_str!("../../../../docs/wallets/lnd.md");
    for command in [
        LndNode::least_macaroon_to_sell(),
        LndNode::least_macaroon_to_pay(),
        LndNode::least_macaroon_to_sign(),
    ] {
        assert!(page.contains(&format!("    {command}\n")), "{command}");
    }
}

#[tokio::test]
async fn debug_shows_no_macaroon() {
    let setup = Setup::new().await;
    let secret: PathBuf = setup.folder.path().join("admin.macaroon");
    let hex = hex::encode(std::fs::read(secret).unwrap());
    let shown = format!("{:?} {:?}", setup.pay, setup.receive);
    assert!(!shown.contains(&hex[..32]), "{shown}");
}

//! Opening: files, permissions, and errors that help.

use l402::{Msat, Network};
use l402_lightning::{ClnNode, ClnRestNode, ErrorKind, Node, Payment};
use l402_testkit::cln::{Authority, ClnFault, rune};

use super::setup::{SELLS, Setup, WAYS, Way};
use crate::contract::{invoice, order};

/// ATTACKS O-17.
#[tokio::test]
async fn what_can_spend_is_refused_for_selling_unless_accepted() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        let path = setup.path("sells.rune");
        std::fs::write(&path, rune(&format!("{SELLS}|method=xpay"))).unwrap();
        let error = setup.receiver(false).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        let names = match way {
            Way::Rest => "createrune restrictions=",
            Way::Socket => "cln+https://HOST:PORT?rune=FILE",
        };
        assert!(error.to_string().contains(names), "{error}");
        let node = setup.node("sells");
        let checked = node
            .check_receiver(std::path::Path::new(""), false)
            .unwrap_err();
        assert_eq!(checked.to_string(), error.to_string());
        node.check_receiver(std::path::Path::new(""), true).unwrap();
        let receive = setup.receiver(true).await.unwrap();
        assert_eq!(receive.network(), Network::Regtest);
        assert!(receive.preimage_is_proof());
    }
}

#[tokio::test]
async fn a_rune_that_only_sells_opens_no_wallet() {
    let setup = Setup::new(Way::Rest).await;
    setup
        .node("sells")
        .check_receiver(std::path::Path::new(""), false)
        .unwrap();
    let error = setup.node("sells").wallet(setup.open()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    for part in ["sells.rune", "xpay", "createrune"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// What a rune forbids in words that are not read here, such as a rate, the node itself says.
#[tokio::test]
async fn a_rune_that_the_node_refuses_is_a_certain_failure() {
    let setup = Setup::new(Way::Rest).await;
    for only in [None, Some("xpay")] {
        let bought = invoice(&setup, Msat::from_sat(50)).await;
        match only {
            None => setup.set(ClnFault::Refuses(1502)),
            Some(method) => setup.fake.cln.set_for(method, ClnFault::Refuses(1502)),
        }
        let payment = setup.pay.pay(order(bought.bolt11())).await;
        setup.set(ClnFault::None);
        let Payment::Failed(failure) = payment else {
            panic!("{payment:?}")
        };
        assert_eq!(failure.error.kind(), ErrorKind::Unauthorized);
    }
    // A rune of another node.
    std::fs::write(setup.path("pays.rune"), "A".repeat(60)).unwrap();
    let error = setup.node("pays").wallet(setup.open()).await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Local | ErrorKind::Unauthorized),
        "{error}"
    );
}

#[tokio::test]
async fn another_authority_ends_before_anything_is_sent() {
    let setup = Setup::new(Way::Rest).await;
    std::fs::write(setup.path("ca.pem"), Authority::new().pem).unwrap();
    let error = setup.node("pays").wallet(setup.open()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    // The authorities of browsers do not know it either.
    let Node::ClnRest(mut node) = setup.node("pays") else {
        panic!()
    };
    node.ca = None;
    let error = Node::ClnRest(node).wallet(setup.open()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn files_that_cannot_be_read_are_named() {
    let setup = Setup::new(Way::Rest).await;
    let check = |node: Node| {
        node.check_receiver(std::path::Path::new(""), false)
            .unwrap_err()
    };
    let error = check(setup.node("missing"));
    assert_eq!(error.kind(), ErrorKind::Local);
    assert!(error.to_string().contains("missing.rune"), "{error}");
    std::fs::write(setup.path("sells.rune"), vec![b'a'; 70_000]).unwrap();
    let error = check(setup.node("sells"));
    assert!(error.to_string().contains("over 64 KiB"), "{error}");
    std::fs::write(setup.path("ca.pem"), "no certificate").unwrap();
    std::fs::write(setup.path("sells.rune"), rune(SELLS)).unwrap();
    let error = check(setup.node("sells"));
    assert_eq!(error.kind(), ErrorKind::Local);
    assert!(error.to_string().contains("ca.pem"), "{error}");
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_named() {
    let setup = Setup::new(Way::Socket).await;
    let socket = setup.path("nowhere");
    let node = Node::Cln(ClnNode { socket });
    let error = node.wallet(setup.open()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("nowhere"), "{error}");
    assert!(
        error.to_string().contains("is lightningd running?"),
        "{error}"
    );
}

#[tokio::test]
async fn both_ways_name_the_same_wallet_and_show_no_rune() {
    let rest = Setup::new(Way::Rest).await;
    let Node::ClnRest(ClnRestNode { rune, .. }) = rest.node("pays") else {
        panic!()
    };
    let secret = std::fs::read_to_string(rune).unwrap();
    let shown = format!("{:?} {:?}", rest.pay, rest.receive);
    assert!(!shown.contains(secret.trim()), "{shown}");
    assert!(!shown.contains(&secret[..40]), "{shown}");
    let socket = Setup::new(Way::Socket).await;
    assert_eq!(rest.pay.name(), socket.pay.name());
    assert!(rest.pay.name().starts_with("Core Lightning 02"));
    assert!(rest.pay.name().ends_with(" on regtest"));
}

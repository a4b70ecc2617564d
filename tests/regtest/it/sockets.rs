//! The node of a home folder, used by other programs through its sockets.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use l402::{Msat, Network};
use l402_host::{BoxFuture, Clock as _, SystemClock};
use l402_lightning::ldk::{self, NodeOperator};
use l402_lightning::{ErrorKind, NewInvoice, Node, Open, Pay, Payment, Receive, recover_signer};
use l402_regtest::Homes;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use crate::backend::AdvancedClock;
use crate::contract::{
    Bench, asked, is_settled, keeps_every_promise, order,
    the_newest_index_tells_nothing_of_the_past,
};

struct OverSockets {
    clock: Arc<AdvancedClock>,
    homes: Homes,
    pay: Arc<dyn Pay>,
    receive: Arc<dyn Receive>,
}

impl OverSockets {
    async fn start() -> Self {
        let clock = Arc::new(AdvancedClock::default());
        let homes = Homes::start(clock.clone()).await;
        let receiver = Node::Ldk.receiver(homes.seller_open()).await;
        let wallet = Node::Ldk
            .wallet(homes.buyer_open())
            .await
            .expect("a wallet");
        assert!(wallet.receive.is_some());
        Self {
            clock,
            homes,
            pay: wallet.pay,
            receive: receiver.expect("a receiver").receive,
        }
    }
}

impl Bench for OverSockets {
    fn receive(&self) -> Arc<dyn Receive> {
        Arc::clone(&self.receive)
    }

    fn pay(&self) -> Arc<dyn Pay> {
        Arc::clone(&self.pay)
    }

    fn fee(&self) -> Msat {
        Msat::ZERO
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        self.clock.pass(time);
        Box::pin(async {})
    }

    fn reopen(&self) -> Option<BoxFuture<'_, Arc<dyn Pay>>> {
        Some(Box::pin(async {
            let opened = Node::Ldk.wallet(self.homes.buyer_open()).await;
            opened.expect("a wallet").pay
        }))
    }
}

// BACKENDS ldk pay, once_per_hash, cancellation, deadline, lookup_after_restart: real
#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract_over_its_sockets() {
    keeps_every_promise(&OverSockets::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_settlements_from_the_newest_on_over_its_socket() {
    the_newest_index_tells_nothing_of_the_past(&OverSockets::start().await).await;
}

/// Sends one line to a socket, and returns the line that comes back.
async fn say(socket: &Path, line: &str) -> Value {
    let mut stream = UnixStream::connect(socket).await.expect("is served");
    let line = format!("{line}\n");
    stream.write_all(line.as_bytes()).await.expect("is sent");
    let mut answer = String::new();
    let mut stream = BufReader::new(stream);
    let read = stream.read_line(&mut answer);
    let read = tokio::time::timeout(Duration::from_secs(10), read).await;
    read.expect("in time").expect("an answer");
    serde_json::from_str(&answer).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_that_receives_never_pays() {
    let homes = Homes::start(Arc::new(SystemClock::default())).await;
    let receiver = Node::Ldk.receiver(homes.seller_open()).await;
    let receive = receiver.expect("a receiver").receive;
    let bought = receive.create_invoice(asked(Msat::from_sat(9))).await;
    let bought = bought.expect("an invoice");
    let pay = format!(
        r#"{{"do":"pay","bolt11":"{}","max_fee_msat":9000,"deadline_ms":5000}}"#,
        bought.bolt11()
    );
    let (receive, spend) = (homes.buyer.receive_socket(), homes.buyer.pay_socket());
    for socket in [receive, spend] {
        let mode = socket.metadata().expect("a socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", socket.display());
    }
    for line in [
        &*pay,
        r#"{"do":"spendable"}"#,
        r#"{"do":"node","command":{"command":"address"}}"#,
        "{",
        "",
    ] {
        assert_eq!(
            say(receive, line).await["failed"]["kind"],
            "protocol",
            "{line}"
        );
    }
    // The words were right: the other socket understands them.
    let paid = say(spend, &pay).await;
    assert_eq!(paid["ok"]["outcome"], "settled", "{paid}");
    let settled = say(
        homes.seller.receive_socket(),
        &format!(
            r#"{{"do":"lookup","payment_hash":"{}"}}"#,
            bought.payment_hash()
        ),
    )
    .await;
    assert_eq!(settled["ok"]["paid_msat"], 9000, "{settled}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_without_end_is_refused_and_others_are_served_meanwhile() {
    let homes = Homes::start(Arc::new(SystemClock::default())).await;
    let socket = homes.seller.receive_socket();
    let mut endless = UnixStream::connect(socket).await.expect("is served");
    let flood = vec![b'a'; 128 * 1024];
    // It may be cut off before all is taken.
    let _ = endless.write_all(&flood).await;
    let status = say(socket, r#"{"do":"status"}"#).await;
    assert_eq!(status["ok"]["network"], Network::Regtest.name());
    let mut rest = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut endless, &mut rest);
    let ended = tokio::time::timeout(Duration::from_secs(10), read).await;
    // An end or a reset, but no answer.
    drop(ended.expect("the connection ends"));
    assert!(rest.is_empty());
}

async fn made(seller: &dyn Receive) -> NewInvoice {
    let made = seller.create_invoice(asked(Msat::from_sat(9))).await;
    made.expect("an invoice")
}

// BACKENDS ldk restart, already_paid: real
#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_whose_node_ends_says_what_it_knows() {
    let homes = Homes::start(Arc::new(SystemClock::default())).await;
    let seller = Node::Ldk.receiver(homes.seller_open()).await;
    let seller = seller.expect("a receiver").receive;
    let (open, wallet) = (
        homes.buyer_open(),
        Node::Ldk.wallet(homes.buyer_open()).await,
    );
    let wallet = wallet.expect("a wallet").pay;
    let (one, other) = (made(&*seller).await, made(&*seller).await);
    let name = wallet.name();
    let payment = wallet.pay(order(one.bolt11())).await;
    assert!(is_settled(&payment, &one), "{payment:?}");
    homes.buyer.stop().await;
    // Never sent: it certainly failed. Sent before: nobody can say.
    let payment = wallet.pay(order(other.bolt11())).await;
    assert!(matches!(payment, Payment::Failed(_)), "{payment:?}");
    let payment = wallet.pay(order(one.bolt11())).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    let error = wallet.balance().await.expect_err("nobody answers");
    assert_eq!(error.kind(), ErrorKind::Unavailable);

    // The same wallet, held by this process now.
    let wallet = Node::Ldk.wallet(open.clone()).await.expect("starts");
    assert_eq!(wallet.pay.name(), name);
    for bought in [&one, &other] {
        let payment = wallet.pay.pay(order(bought.bolt11())).await;
        assert!(is_settled(&payment, bought), "{payment:?}");
    }
    let second = Node::Ldk.wallet(open).await.expect_err("it is held");
    assert_eq!(second.kind(), ErrorKind::Unavailable);
    wallet.lifecycle.shutdown().await;
}

/// As another user's gateway does, whose home only leads to the socket.
#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_leads_to_a_socket_is_paid_by_its_node() {
    let homes = Homes::start(Arc::new(SystemClock::default())).await;
    let home = tempfile::tempdir().expect("a home");
    std::fs::create_dir(home.path().join("ldk")).expect("a folder");
    let link = home.path().join("ldk/receive.sock");
    std::os::unix::fs::symlink(homes.seller.receive_socket(), link).expect("a link");
    let open = Open::new(home.path(), Arc::new(SystemClock::default()));
    let gateway = Node::Ldk.receiver(open.clone()).await.expect("a receiver");
    let bought = made(&*gateway.receive).await;
    let wallet = Node::Ldk
        .wallet(homes.buyer_open())
        .await
        .expect("a wallet");
    let payment = wallet.pay.pay(order(bought.bolt11())).await;
    assert!(is_settled(&payment, &bought), "{payment:?}");
    let error = Node::Ldk.wallet(open).await.expect_err("it only receives");
    assert!(error.to_string().contains("l402 node run"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_held_to_receive_pays_for_nobody() {
    let homes = Homes::start(Arc::new(SystemClock::default())).await;
    let open = homes.buyer_open();
    homes.buyer.stop().await;
    let receiver = Node::Ldk.receiver(open.clone()).await.expect("starts");
    let second = Node::Ldk.receiver(open.clone()).await;
    let second = second.expect("through the socket");
    made(&*second.receive).await;
    let error = Node::Ldk.wallet(open.clone()).await;
    let error = error.expect_err("it only receives");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("l402 node run"), "{error}");
    let running = NodeOperator::running(open).await;
    assert!(running.expect("can be asked").is_none());
    receiver.lifecycle.shutdown().await;
    let ended = second
        .receive
        .create_invoice(asked(Msat::from_sat(9)))
        .await;
    let error = ended.expect_err("it has ended");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_signs_messages_while_another_program_runs_it() {
    let homes = Homes::start(Arc::new(SystemClock::default())).await;
    let signer = Node::Ldk
        .signer(homes.seller_open())
        .await
        .expect("a signer");
    let signature = signer.sign.sign(b"a claim").await.expect("signed");
    let node = recover_signer(b"a claim", &signature).map(hex::encode);
    assert_eq!(node, Some(homes.seller.node_id()));
    assert_ne!(node, Some(homes.buyer.node_id()));
    assert!(!format!("{signer:?}").contains("secret"), "{signer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_without_a_node_says_how_to_make_one() {
    let home = tempfile::tempdir().expect("a home");
    let open = || Open::new(home.path(), Arc::new(SystemClock::default()));
    for error in [
        Node::Ldk.receiver(open()).await.expect_err("no node"),
        Node::Ldk.wallet(open()).await.expect_err("no node"),
        ldk::serve(open()).await.expect_err("no node"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Local);
        assert!(error.to_string().contains("l402 node init"), "{error}");
    }
    assert!(!home.path().join("ldk").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_holds_the_channels_and_no_seed() {
    let homes = Homes::start(Arc::new(SystemClock::default())).await;
    let (open, above) = (homes.buyer_open(), tempfile::tempdir().expect("a folder"));
    let node = NodeOperator::running(open.clone())
        .await
        .expect("can be asked");
    let status = node.expect("it runs").status().await.expect("a status");
    assert_eq!(status.peers.len(), 1);
    assert_eq!(status.peers[0].node_id, homes.seller.node_id());
    assert!(
        status
            .synced
            .is_some_and(|synced| synced <= SystemClock::default().wall().secs())
    );
    let to = above.path().join("copy");
    let files = ldk::backup(open.home(), &to, Some("[]")).expect("is copied");
    let names: Vec<_> = files
        .iter()
        .filter_map(|path| path.file_name()?.to_str())
        .collect();
    assert_eq!(
        names,
        [
            "ldk_node_data.sqlite",
            "l402.db",
            "node.toml",
            "peers.json",
            "README.txt"
        ]
    );
    let database = rusqlite::Connection::open(to.join("ldk_node_data.sqlite")).expect("opens");
    let sql = "SELECT count(*) FROM ldk_node_data WHERE primary_namespace = 'monitors'";
    let monitors: i64 = database
        .query_row(sql, [], |row| row.get(0))
        .expect("a number");
    assert_eq!(monitors, 1, "the channel is in it");
    assert!(
        ldk::backup(open.home(), &to, None).is_err(),
        "never written over"
    );
}

//! The backend `nwc` against a relay and a wallet service of the test's own.

mod relay;
mod wallet;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use l402::Msat;
use l402_host::BoxFuture;
use l402_lightning::{
    Error, ErrorKind, NewInvoice, Node, NwcNode, Open, Pay, PayRequest, Payment, Receive,
    SettlementIndex,
};
use l402_testkit::TestHome;

use super::contract::{
    Bench, asked, invoice, is_settled, keeps_every_promise, order,
    the_newest_index_tells_nothing_of_the_past,
};
use relay::Relay;
use wallet::{Double, Kindness, Mischief};

const RECEIVING: &str = "get_info make_invoice lookup_invoice list_transactions";
const PAYING: &str = "get_info get_balance lookup_invoice pay_invoice";

/// A seller's and a buyer's connection over one relay.
struct Setup {
    seller: Arc<Double>,
    buyer: Arc<Double>,
    relay: Relay,
    receive: Arc<dyn Receive>,
    pay: Arc<dyn Pay>,
    folder: tempfile::TempDir,
}

impl Setup {
    async fn new() -> Self {
        Self::with(false, true).await
    }

    async fn with(is_old: bool, notifies: bool) -> Self {
        let home = Arc::new(TestHome::new());
        let (relay, mut events) = Relay::start().await;
        let double = |methods, notifies| {
            let kindness = Kindness {
                is_old,
                methods,
                notifies,
            };
            Double::new(home.clone(), vec![relay.clone()], kindness)
        };
        let (seller, buyer) = (double(RECEIVING, notifies), double(PAYING, false));
        let (to_seller, of_seller) = tokio::sync::mpsc::unbounded_channel();
        let (to_buyer, of_buyer) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(seller.clone().serve(of_seller));
        tokio::spawn(buyer.clone().serve(of_buyer));
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                let _ = to_seller.send(event.clone());
                let _ = to_buyer.send(event);
            }
        });
        let folder = tempfile::tempdir().expect("a folder");
        let open = Open::new(folder.path(), home.clock.clone());
        let node = |double: &Double, name: &str| {
            node(folder.path().join(name), &double.uri(&[relay.url()]))
        };
        let receive = node(&seller, "seller").receiver(open.clone()).await;
        let pay = node(&buyer, "buyer").wallet(open).await;
        Self {
            receive: receive.expect("receives").receive,
            pay: pay.expect("pays").pay,
            seller,
            buyer,
            relay,
            folder,
        }
    }

    fn open(&self) -> Open {
        Open::new(self.folder.path(), self.buyer.home.clock.clone())
    }

    fn buyer_node(&self) -> Node {
        node(
            self.folder.path().join("buyer"),
            &self.buyer.uri(&[self.relay.url()]),
        )
    }

    /// Opens the buyer's wallet as another process would.
    async fn restart(&self) -> Arc<dyn Pay> {
        self.buyer_node()
            .wallet(self.open())
            .await
            .expect("pays")
            .pay
    }

    async fn pay_with(&self, mischief: Mischief) -> (NewInvoice, Payment) {
        let bought = invoice(self, Msat::from_sat(50)).await;
        self.buyer.set(mischief);
        let payment = self.pay.pay(soon(bought.bolt11())).await;
        (bought, payment)
    }

    async fn looked_up(&self, bought: &NewInvoice) -> Option<Payment> {
        self.pay
            .lookup(bought.payment_hash())
            .await
            .expect("an answer")
    }

    async fn spent(&self) -> u64 {
        self.buyer.set(Mischief::None);
        100_000 - self.pay.balance().await.expect("a balance").ceil_sat()
    }
}

fn node(file: PathBuf, uri: &str) -> Node {
    std::fs::write(&file, format!("{uri}\n")).expect("written");
    Node::Nwc(NwcNode { file })
}

/// An order with a deadline that a lost answer reaches soon.
fn soon(bolt11: &str) -> PayRequest {
    PayRequest::new(bolt11, Msat::from_sat(10), Duration::from_millis(1200))
}

impl Bench for Setup {
    fn receive(&self) -> Arc<dyn Receive> {
        self.receive.clone()
    }

    fn pay(&self) -> Arc<dyn Pay> {
        self.pay.clone()
    }

    // The protocol has no limit for the fee.
    fn fee(&self) -> Msat {
        Msat::ZERO
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.buyer.home.clock.advance(time) })
    }
}

// BACKENDS nwc fee_limit: not applicable: the protocol has no fee limit
// BACKENDS nwc html_error: not applicable: answers come over a websocket, signed and encrypted

// BACKENDS nwc pay, expired, already_paid, once_per_hash, msat, preimage_proven: double
#[tokio::test]
async fn keeps_the_contract() {
    let setup = Setup::new().await;
    keeps_every_promise(&setup).await;
    // Nine calls of the contract, one invoice.
    assert_eq!(
        setup.buyer.called("pay_invoice"),
        setup.buyer.pays.load(Ordering::SeqCst)
    );
}

#[tokio::test]
async fn keeps_the_contract_with_nip04_alone_and_without_notifications() {
    keeps_every_promise(&Setup::with(true, false).await).await;
}

#[tokio::test]
async fn tells_settlements_from_the_newest_on() {
    let setup = Setup::new().await;
    the_newest_index_tells_nothing_of_the_past(&setup).await;
}

// BACKENDS nwc unknown_then_settled, deadline: double
#[tokio::test]
async fn a_lost_answer_is_unknown_or_found_by_asking() {
    for mischief in [
        Mischief::LosesReply,
        Mischief::ClosesInMidPayment,
        Mischief::Garbage,
        Mischief::Huge,
        Mischief::PaysAndSays("INTERNAL"),
        Mischief::PaysAndSays("PAYMENT_FAILED"),
        Mischief::PaysAndSays("SOMETHING_NEW"),
    ] {
        let setup = Setup::new().await;
        let (bought, payment) = setup.pay_with(mischief).await;
        // Asked after the answer was lost, the wallet says that it has paid.
        assert!(
            is_settled(&payment, &bought) || matches!(payment, Payment::Unknown(_)),
            "{mischief:?}: {payment:?}"
        );
        let later = setup.looked_up(&bought).await.expect("begun");
        assert!(is_settled(&later, &bought), "{mischief:?}: {later:?}");
        assert!(is_settled(
            &setup.pay.pay(order(bought.bolt11())).await,
            &bought
        ));
        assert_eq!(setup.buyer.pays.load(Ordering::SeqCst), 1, "{mischief:?}");
        assert_eq!(setup.spent().await, 50, "{mischief:?}");
    }
}

#[tokio::test]
async fn what_the_wallet_says_of_its_own_refusal_is_a_failure() {
    let setup = Setup::new().await;
    for code in [
        "INSUFFICIENT_BALANCE",
        "QUOTA_EXCEEDED",
        "RATE_LIMITED",
        "RESTRICTED",
        "UNAUTHORIZED",
        "NOT_IMPLEMENTED",
    ] {
        let (bought, payment) = setup.pay_with(Mischief::Says(code)).await;
        let Payment::Failed(failure) = payment else {
            panic!("{code}: {payment:?}")
        };
        let text = failure.error.to_string();
        assert!(!text.contains('\u{1b}'), "{text}");
        // It may be tried again.
        setup.buyer.set(Mischief::None);
        assert!(
            is_settled(&setup.pay.pay(order(bought.bolt11())).await, &bought),
            "{code}"
        );
    }
}

// BACKENDS nwc unknown_then_failed: double
#[tokio::test]
async fn what_proves_nothing_is_unknown_until_request_and_invoice_have_ended() {
    for mischief in [
        Mischief::Says("INTERNAL"),
        Mischief::Says("OTHER"),
        Mischief::Says("NOT_FOUND"),
        // Perhaps of a time-out, and what timed out may still arrive.
        Mischief::Says("PAYMENT_FAILED"),
        Mischief::OtherAuthor,
        Mischief::BadSignature,
        Mischief::OtherRequest,
    ] {
        let setup = Setup::new().await;
        let (bought, payment) = setup.pay_with(mischief).await;
        assert!(
            matches!(payment, Payment::Unknown(_)),
            "{mischief:?}: {payment:?}"
        );
        let unknown = |payment: &Option<Payment>| matches!(payment, Some(Payment::Unknown(_)));
        assert!(unknown(&setup.looked_up(&bought).await), "{mischief:?}");
        // The request has ended, and the invoice has not.
        setup.pass(Duration::from_secs(599)).await;
        assert!(unknown(&setup.looked_up(&bought).await), "{mischief:?}");
        // Both have ended, and the clocks of both sides may differ.
        setup.pass(Duration::from_secs(600)).await;
        assert!(unknown(&setup.looked_up(&bought).await), "{mischief:?}");
        setup.pass(Duration::from_secs(3)).await;
        let ended = setup.looked_up(&bought).await;
        assert!(
            matches!(ended, Some(Payment::Failed(_))),
            "{mischief:?}: {ended:?}"
        );
        assert_eq!(setup.spent().await, 0);
    }
}

// BACKENDS nwc restart, lookup_after_restart: double
#[tokio::test]
async fn a_restart_does_not_forget_a_payment_that_the_wallet_does_not_know_yet() {
    let setup = Setup::new().await;
    let (bought, payment) = setup.pay_with(Mischief::LosesReplyAndForgets).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    let again = setup.restart().await;
    let looked_up = again
        .lookup(bought.payment_hash())
        .await
        .expect("an answer");
    assert!(
        matches!(looked_up, Some(Payment::Unknown(_))),
        "{looked_up:?}"
    );
    let payment = again.pay(soon(bought.bolt11())).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    assert_eq!(setup.buyer.called("pay_invoice"), 1);
    setup.buyer.set(Mischief::None);
    assert!(is_settled(
        &again.pay(order(bought.bolt11())).await,
        &bought
    ));
    assert_eq!(setup.buyer.called("pay_invoice"), 1);
}

/// Two processes at once ask for one invoice. ATTACKS C-17.
#[tokio::test]
async fn two_processes_ask_for_a_payment_once() {
    let setup = Setup::new().await;
    let (one, other) = (setup.restart().await, setup.restart().await);
    for mischief in [Mischief::Says("INSUFFICIENT_BALANCE"), Mischief::None] {
        let (bought, _) = setup.pay_with(Mischief::Says("RESTRICTED")).await;
        setup.buyer.set(mischief);
        let before = setup.buyer.called("pay_invoice");
        let request = || order(bought.bolt11());
        let both = tokio::join!(one.pay(request()), other.pay(request()));
        let asked = setup.buyer.called("pay_invoice") - before;
        if mischief == Mischief::None {
            assert!(is_settled(&both.0, &bought) && is_settled(&both.1, &bought));
            assert_eq!(asked, 1);
        } else {
            // One after the other, and each was refused for itself.
            assert!(matches!(both, (Payment::Failed(_), Payment::Failed(_))));
            assert_eq!(asked, 2);
        }
    }
    assert_eq!(setup.spent().await, 50);
}

#[tokio::test]
async fn a_fee_that_is_not_told_counts_as_the_highest() {
    let setup = Setup::new().await;
    let (bought, payment) = setup.pay_with(Mischief::TellsNoFee).await;
    let found = setup.restart().await.lookup(bought.payment_hash()).await;
    for payment in [payment, found.expect("an answer").expect("begun")] {
        let Payment::Settled { fee, .. } = payment else {
            panic!("{payment:?}")
        };
        assert_eq!(fee, soon(bought.bolt11()).max_fee);
    }
}

// BACKENDS nwc held, cancellation: double
#[tokio::test]
async fn a_payment_in_flight_is_waited_for_and_never_sent_again() {
    let setup = Setup::new().await;
    let (bought, payment) = setup.pay_with(Mischief::Delays).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    // A caller who leaves changes nothing.
    drop(
        tokio::time::timeout(
            Duration::from_millis(50),
            setup.pay.pay(soon(bought.bolt11())),
        )
        .await,
    );
    setup.buyer.set(Mischief::Holds);
    let payment = setup.pay.pay(soon(bought.bolt11())).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    setup.buyer.set(Mischief::None);
    setup.buyer.release.notify_waiters();
    let waits = async {
        loop {
            match setup.pay.pay(order(bought.bolt11())).await {
                Payment::Unknown(_) => tokio::task::yield_now().await,
                ended => return ended,
            }
        }
    };
    let payment = tokio::time::timeout(Duration::from_secs(20), waits)
        .await
        .expect("an end");
    assert!(is_settled(&payment, &bought), "{payment:?}");
    assert_eq!(setup.buyer.called("pay_invoice"), 1);
}

#[tokio::test]
async fn a_late_request_is_not_carried_out_after_its_expiration() {
    let setup = Setup::new().await;
    let (_, payment) = setup.pay_with(Mischief::Late).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    setup.pass(Duration::from_secs(31)).await;
    setup.buyer.set(Mischief::None);
    setup.buyer.release.notify_waiters();
    assert_eq!(setup.spent().await, 0);
    assert_eq!(setup.buyer.pays.load(Ordering::SeqCst), 0);
}

// BACKENDS nwc bad_preimage: double
#[tokio::test]
async fn a_preimage_that_proves_nothing_is_no_payment() {
    let setup = Setup::new().await;
    let (bought, payment) = setup.pay_with(Mischief::LiesAboutPreimage).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    let later = setup.looked_up(&bought).await;
    assert!(matches!(later, Some(Payment::Unknown(_))), "{later:?}");
}

#[tokio::test]
async fn a_wallet_that_is_away_is_no_unknown_payment() {
    let setup = Setup::new().await;
    let (_, payment) = setup.pay_with(Mischief::Silent).await;
    let Payment::Failed(failure) = payment else {
        panic!("{payment:?}")
    };
    assert_eq!(failure.error.kind(), ErrorKind::Timeout);
    assert_eq!(setup.buyer.called("pay_invoice"), 0);
}

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
    for told in [relay::Told::Close, relay::Told::Raw("a".repeat(512 * 1024))] {
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

#[tokio::test]
async fn an_invoice_that_is_not_what_was_asked_is_refused() {
    let setup = Setup::new().await;
    let made = setup
        .receive
        .create_invoice(asked(Msat::from_sat(1)))
        .await
        .expect("an invoice");
    assert_eq!(made.terms().network, setup.receive.network());
    // The wallet's clock is more than ten minutes from ours.
    let clock = Arc::new(l402_host::ManualClock::new(l402::UnixTime::from_secs(
        1_790_001_000,
    )));
    let open = Open::new(setup.folder.path(), clock);
    let node = node(
        setup.folder.path().join("seller"),
        &setup.seller.uri(&[setup.relay.url()]),
    );
    let receive = node.receiver(open).await.expect("receives").receive;
    let error = receive
        .create_invoice(asked(Msat::from_sat(1)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn settlements_without_notifications_are_asked_for_and_found() {
    let setup = Setup::with(false, false).await;
    let mut stream = setup.receive.settlements(SettlementIndex::default());
    let bought = invoice(&setup, Msat::from_sat(3)).await;
    assert!(is_settled(
        &setup.pay.pay(order(bought.bolt11())).await,
        &bought
    ));
    let told = stream.next().await.expect("goes on").expect("a settlement");
    assert_eq!(told.payment_hash, bought.payment_hash());
}

/// What was listed before is not listed again at each look.
#[tokio::test]
async fn a_look_for_settlements_ends_where_nothing_is_new() {
    let setup = Setup::with(false, false).await;
    let mut stream = setup.receive.settlements(SettlementIndex::default());
    for (sat, deepest) in [(7, usize::MAX), (1, 2)] {
        let mut paid = Vec::new();
        for _ in 0..sat {
            let bought = invoice(&setup, Msat::from_sat(sat)).await;
            let payment = setup.pay.pay(order(bought.bolt11())).await;
            assert!(is_settled(&payment, &bought), "{payment:?}");
            paid.push(bought.payment_hash());
        }
        for hash in paid {
            let told = stream.next().await.expect("goes on").expect("a settlement");
            assert_eq!(told.payment_hash, hash);
        }
        // One page with the new payment, and one on which nothing is new.
        let asked = setup.seller.deepest.swap(0, Ordering::SeqCst);
        assert!(asked <= deepest, "{asked}");
        assert!(sat == 1 || asked >= 7, "{asked}");
    }
}

/// Unpaid invoices bring the next look at the wallet nearer, and never put it off.
#[tokio::test]
async fn a_flood_of_invoices_hides_no_settlement() {
    let setup = Setup::with(false, false).await;
    let mut stream = setup.receive.settlements(SettlementIndex::default());
    let before = invoice(&setup, Msat::from_sat(1)).await;
    let first = setup.pay.pay(order(before.bolt11())).await;
    assert!(is_settled(&first, &before), "{first:?}");
    // From here on the stream pauses between two looks.
    stream.next().await.expect("goes on").expect("a settlement");
    let bought = invoice(&setup, Msat::from_sat(3)).await;
    let second = setup.pay.pay(order(bought.bolt11())).await;
    assert!(is_settled(&second, &bought), "{second:?}");
    let flood = async {
        for _ in 0..60 {
            invoice(&setup, Msat::from_sat(2)).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        told = stream.next() => {
            let told = told.expect("goes on").expect("a settlement");
            assert_eq!(told.payment_hash, bought.payment_hash());
        }
        () = flood => panic!("no settlement was told while invoices were made"),
    }
}

//! The cases that phoenixd and LNbits have in common, each over a double of one of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use l402::Msat;
use l402_host::BoxFuture;
use l402_lightning::{
    Error, ErrorKind, InvoiceState, NewInvoice, Node, Open, Pay, PayRequest, Payment, Receive,
};
use l402_testkit::wallets::{FakeServer, Fault};

use super::contract::{Bench, asked, invoice, is_settled, order};

/// A kind of wallet.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// The node at this base URL, with the secret in this file.
    pub(crate) node: fn(&str, &Path) -> Node,
    /// The secret that may receive, and the one that may pay.
    pub(crate) secrets: [&'static str; 2],
}

/// A double, with both halves of the backend connected to it.
pub(crate) struct Setup {
    pub(crate) server: FakeServer,
    kind: Kind,
    receive: Arc<dyn Receive>,
    pay: Arc<dyn Pay>,
    folder: tempfile::TempDir,
}

impl Setup {
    pub(crate) async fn new(kind: Kind, server: FakeServer) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, secret) in ["receive", "pay"].iter().zip(kind.secrets) {
            std::fs::write(folder.path().join(name), format!("{secret}\n")).expect("written");
        }
        std::fs::write(folder.path().join("wrong"), "wrong-secret").expect("written");
        let open = open(&server, folder.path());
        let node = |secret: &str| (kind.node)(&server.base, &folder.path().join(secret));
        let receive = node("receive").receiver(open.clone()).await;
        let pay = node("pay").wallet(open).await;
        Self {
            receive: receive.expect("receives").receive,
            pay: pay.expect("pays").pay,
            server,
            kind,
            folder,
        }
    }

    pub(crate) fn node(&self, secret: &str) -> Node {
        (self.kind.node)(&self.server.base, &self.path(secret))
    }

    fn path(&self, secret: &str) -> PathBuf {
        self.folder.path().join(secret)
    }

    pub(crate) fn open(&self) -> Open {
        open(&self.server, self.folder.path())
    }

    async fn receiver(&self, secret: &str, danger: bool) -> Result<Arc<dyn Receive>, Error> {
        let open = self.open().with_danger_spending_node(danger);
        let opened = self.node(secret).receiver(open).await;
        opened.map(|receiver| receiver.receive)
    }

    /// Opens the paying half again, as another process does.
    async fn again(&self) -> Arc<dyn Pay> {
        let wallet = self.node("pay").wallet(self.open()).await;
        wallet.expect("pays").pay
    }

    fn requests_to_pay(&self) -> usize {
        self.server.ledger.asked_to_pay.load(Ordering::SeqCst)
    }

    async fn pay_with(&self, fault: Fault) -> (NewInvoice, Payment) {
        let bought = invoice(self, Msat::from_sat(50)).await;
        self.server.ledger.set(fault);
        let payment = match fault {
            Fault::Hangs | Fault::InFlight => self.pay_and_go(&bought).await,
            Fault::BadPreimage | Fault::NoPreimage => self.pay_within(&bought, 3000).await,
            Fault::Silent => self.pay_within(&bought, 500).await,
            _ => self.pay.pay(order(bought.bolt11())).await,
        };
        (bought, payment)
    }

    async fn pay_within(&self, bought: &NewInvoice, millis: u64) -> Payment {
        let deadline = Duration::from_millis(millis);
        let request = PayRequest::new(bought.bolt11(), Msat::from_sat(10), deadline);
        self.pay.pay(request).await
    }

    /// Asks for a payment that does not end, and goes away once the wallet has taken it.
    async fn pay_and_go(&self, bought: &NewInvoice) -> Payment {
        let before = self.requests_to_pay();
        let mut call = self.pay.pay(order(bought.bolt11()));
        while self.requests_to_pay() == before {
            tokio::select! {
                payment = &mut call => panic!("{payment:?}"),
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
        }
        Payment::unknown(Error::new(ErrorKind::Timeout, "gone away"))
    }

    async fn looked_up(&self, bought: &NewInvoice) -> Payment {
        let found = self.pay.lookup(bought.payment_hash()).await;
        found.expect("an answer").expect("begun")
    }
}

fn open(server: &FakeServer, folder: &Path) -> Open {
    Open::new(folder, server.ledger.home.clock.clone())
}

impl Bench for Setup {
    fn receive(&self) -> Arc<dyn Receive> {
        self.receive.clone()
    }

    fn pay(&self) -> Arc<dyn Pay> {
        self.pay.clone()
    }

    fn fee(&self) -> Msat {
        Msat::from_sat(2)
    }

    fn finest(&self) -> Msat {
        Msat::from_sat(1)
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        self.server.ledger.home.clock.advance(time);
        Box::pin(async {})
    }

    fn reopen(&self) -> Option<BoxFuture<'_, Arc<dyn Pay>>> {
        Some(Box::pin(self.again()))
    }
}

fn is_unknown(payment: &Payment) -> bool {
    matches!(payment, Payment::Unknown(_))
}

fn is_failed(payment: &Payment) -> bool {
    matches!(payment, Payment::Failed(_))
}

/// A payment that is held at the payee stays unknown, and nobody pays it again until it ends.
pub(crate) async fn held_then_settled(setup: &Setup) {
    let (bought, payment) = setup.pay_with(Fault::InFlight).await;
    assert!(is_unknown(&payment), "{payment:?}");
    let later = setup.looked_up(&bought).await;
    assert!(is_unknown(&later), "{later:?}");
    let again = setup.pay_within(&bought, 700).await;
    assert!(is_unknown(&again), "{again:?}");
    // It ends while somebody waits for it.
    let pay = setup.pay();
    let waits = pay.pay(order(bought.bolt11()));
    let ends = setup.server.ledger.end(bought.bolt11(), true);
    let (waited, ()) = tokio::join!(waits, ends);
    assert!(is_settled(&waited, &bought), "{waited:?}");
    assert!(is_settled(&setup.looked_up(&bought).await, &bought));
    assert_eq!(setup.requests_to_pay(), 1);
}

pub(crate) async fn unknown_then_failed(setup: &Setup) {
    let (bought, payment) = setup.pay_with(Fault::InFlight).await;
    assert!(is_unknown(&payment), "{payment:?}");
    setup.server.ledger.end(bought.bolt11(), false).await;
    let later = setup.looked_up(&bought).await;
    assert!(is_failed(&later), "{later:?}");
    setup.server.ledger.set(Fault::None);
    let again = setup.pay().pay(order(bought.bolt11())).await;
    assert!(is_settled(&again, &bought), "{again:?}");
}

/// The wallet takes the request, and nobody hears of it again until the invoice has ended.
pub(crate) async fn no_record_is_no_failure(setup: &Setup) {
    let (bought, payment) = setup.pay_with(Fault::Hangs).await;
    assert!(is_unknown(&payment), "{payment:?}");
    let later = setup.looked_up(&bought).await;
    assert!(is_unknown(&later), "{later:?}");
    // What refuses another attempt says nothing of the one that may still wait there.
    setup.server.ledger.set(Fault::Refuses);
    let again = setup.pay().pay(order(bought.bolt11())).await;
    assert!(is_unknown(&again), "{again:?}");
    setup.server.ledger.set(Fault::None);
    let mut cheap = order(bought.bolt11());
    cheap.max_fee = Msat::ZERO;
    let again = setup.pay().pay(cheap).await;
    assert!(is_unknown(&again), "{again:?}");
    for (passed, is_known) in [(600, true), (600, true), (1, false)] {
        setup.pass(Duration::from_secs(passed)).await;
        let found = setup.pay().lookup(bought.payment_hash()).await;
        let found = found.expect("an answer");
        assert_eq!(found.is_some(), is_known, "{passed}: {found:?}");
    }
}

/// A proxy before the wallet says what it likes: that proves nothing.
pub(crate) async fn the_page_of_a_proxy_is_no_failure(setup: &Setup) {
    for status in [400, 401, 403, 404, 408, 502] {
        let (bought, payment) = setup.pay_with(Fault::HtmlOnPay(status)).await;
        assert!(is_unknown(&payment), "{status}: {payment:?}");
        let later = setup.looked_up(&bought).await;
        assert!(is_unknown(&later), "{status}: {later:?}");
        setup.server.ledger.set(Fault::Html(status));
        let hash = bought.payment_hash();
        let later = setup.pay().lookup(hash).await;
        assert!(later.is_err(), "{status}: {later:?}");
        let state = setup.receive().lookup(hash).await;
        assert!(state.is_err(), "{status}: {state:?}");
        setup.server.ledger.set(Fault::None);
    }
    let fresh = invoice(setup, Msat::from_sat(50)).await;
    setup.server.ledger.set(Fault::Html(200));
    let hash = fresh.payment_hash();
    assert!(setup.pay().lookup(hash).await.is_err());
    assert!(setup.receive().lookup(hash).await.is_err());
}

pub(crate) async fn a_lost_answer_is_looked_up(setup: &Setup) {
    let (bought, payment) = setup.pay_with(Fault::DropsAfterPay).await;
    assert!(is_settled(&payment, &bought), "{payment:?}");
    assert_eq!(setup.requests_to_pay(), 1);
}

/// Two words of the wallet are proof, and then the payment may be tried again.
pub(crate) async fn a_refusal_without_a_record_is_a_failure(setup: &Setup) {
    for fault in [Fault::Refuses, Fault::Fails] {
        let (bought, payment) = setup.pay_with(fault).await;
        assert!(is_failed(&payment), "{fault:?}: {payment:?}");
        setup.server.ledger.set(Fault::None);
        let payment = setup.pay().pay(order(bought.bolt11())).await;
        assert!(is_settled(&payment, &bought), "{fault:?}: {payment:?}");
    }
    let (_, payment) = setup.pay_with(Fault::RefusesAsBegun).await;
    assert!(is_unknown(&payment), "{payment:?}");
}

/// An attempt that could not be sent says nothing of one that another process began and did not see
/// the end of.
pub(crate) async fn what_could_not_be_sent_says_nothing_of_an_earlier_attempt(mut setup: Setup) {
    let other = setup.again().await;
    let (bought, payment) = setup.pay_with(Fault::Hangs).await;
    assert!(is_unknown(&payment), "{payment:?}");
    setup.server = setup.server.restarted().await;
    let payment = other.pay(order(bought.bolt11())).await;
    assert!(is_unknown(&payment), "{payment:?}");
    // An invoice of which this home knows nothing is another matter.
    let fresh = setup.server.ledger.home.sandbox.clone();
    let fresh = fresh.create_invoice(asked(Msat::from_sat(1))).await;
    let payment = other.pay(order(fresh.expect("an invoice").bolt11())).await;
    assert!(is_failed(&payment), "{payment:?}");
    // Once nothing can begin any more, the same is a failure.
    setup.pass(Duration::from_secs(1201)).await;
    let payment = other.pay(order(bought.bolt11())).await;
    assert!(is_failed(&payment), "{payment:?}");
}

/// A limit is never undercounted: a fee that is not told is the highest that was allowed.
pub(crate) async fn a_fee_that_is_not_told_counts_as_the_highest(setup: &Setup) {
    let (bought, payment) = setup.pay_with(Fault::TellsNoFee).await;
    let again = setup.again().await;
    let found = again.lookup(bought.payment_hash()).await;
    for payment in [payment, found.expect("an answer").expect("begun")] {
        let Payment::Settled { fee, .. } = payment else {
            panic!("{payment:?}")
        };
        assert_eq!(fee, order(bought.bolt11()).max_fee);
    }
}

/// The record of an earlier failure says nothing of an attempt that came after it.
pub(crate) async fn an_earlier_failure_does_not_fail_a_later_attempt(setup: &Setup) {
    let (bought, payment) = setup.pay_with(Fault::Fails).await;
    assert!(is_failed(&payment), "{payment:?}");
    setup.server.ledger.set(Fault::Hangs);
    setup.pay_and_go(&bought).await;
    // Nor to a process that was not there.
    let restarted = setup.again().await;
    for pay in [&setup.pay, &restarted] {
        let later = pay.lookup(bought.payment_hash()).await;
        let later = later.expect("an answer").expect("begun");
        assert!(is_unknown(&later), "{later:?}");
    }
}

pub(crate) async fn without_its_preimage_nothing_is_settled(setup: &Setup) {
    for fault in [Fault::BadPreimage, Fault::NoPreimage] {
        let (bought, payment) = setup.pay_with(fault).await;
        assert!(is_unknown(&payment), "{fault:?}: {payment:?}");
        let later = setup.looked_up(&bought).await;
        assert!(is_unknown(&later), "{fault:?}: {later:?}");
        // The truth comes out later.
        setup.server.ledger.set(Fault::None);
        assert!(is_settled(&setup.looked_up(&bought).await, &bought));
    }
}

pub(crate) async fn an_endless_answer_ends(setup: &Setup) {
    let (bought, payment) = setup.pay_with(Fault::Huge).await;
    assert!(is_unknown(&payment), "{payment:?}");
    let error = setup.receive().lookup(bought.payment_hash()).await;
    assert_eq!(error.expect_err("refused").kind(), ErrorKind::Protocol);
    assert_eq!(setup.requests_to_pay(), 0);
}

/// Silence ends at the caller's deadline, and nothing was asked for but the look-up.
pub(crate) async fn silence_ends_at_the_deadline(setup: &Setup) {
    let (_, payment) = setup.pay_with(Fault::Silent).await;
    assert!(is_unknown(&payment), "{payment:?}");
    assert_eq!(setup.requests_to_pay(), 0);
}

/// Another process, and a wallet that was restarted, find the payment.
pub(crate) async fn restarts_lose_nothing(mut setup: Setup) {
    let paid = invoice(&setup, Msat::from_sat(50)).await;
    let payment = setup.pay().pay(order(paid.bolt11())).await;
    assert!(is_settled(&payment, &paid), "{payment:?}");
    let (held, payment) = setup.pay_with(Fault::InFlight).await;
    assert!(is_unknown(&payment), "{payment:?}");
    let other = setup.again().await;
    assert_eq!(other.name(), setup.pay().name());
    let again = other.pay(order(paid.bolt11())).await;
    assert!(is_settled(&again, &paid), "{again:?}");

    setup.server = setup.server.restarted().await;
    let error = setup
        .pay()
        .lookup(held.payment_hash())
        .await
        .expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    setup.pay = setup.again().await;
    assert!(is_settled(&setup.looked_up(&paid).await, &paid));
    let later = setup.looked_up(&held).await;
    assert!(is_unknown(&later), "{later:?}");
    setup.server.ledger.end(held.bolt11(), true).await;
    assert!(is_settled(&setup.looked_up(&held).await, &held));
    assert_eq!(setup.requests_to_pay(), 2);
}

/// An amount with a part of a satoshi is rounded up when it is asked for, and paid as it is.
pub(crate) async fn parts_of_a_satoshi(setup: &Setup) {
    let made = invoice(setup, Msat::new(1500)).await;
    assert_eq!(made.terms().amount, Some(Msat::from_sat(2)));
    let others = setup
        .server
        .ledger
        .home
        .sandbox
        .create_invoice(asked(Msat::new(1500)));
    let others = others.await.expect("an invoice");
    let payment = setup.pay().pay(order(others.bolt11())).await;
    let Payment::Settled { paid, .. } = payment else {
        panic!("{payment:?}")
    };
    assert_eq!(paid, Msat::new(1500));
}

/// The fee that the wallet may spend is compared with the limit before anything is sent.
pub(crate) async fn a_fee_that_could_be_higher_is_refused(setup: &Setup, enough: Msat) {
    let dear = invoice(setup, Msat::from_sat(1000)).await;
    let mut limit = order(dear.bolt11());
    limit.max_fee = enough.checked_sub(Msat::new(1)).expect("above zero");
    let payment = setup.pay().pay(limit.clone()).await;
    let Payment::Failed(failure) = payment else {
        panic!("{payment:?}")
    };
    let text = failure.error.to_string();
    assert!(text.contains(&enough.to_string()), "{text}");
    assert_eq!(setup.requests_to_pay(), 0);
    limit.max_fee = enough;
    assert!(is_settled(&setup.pay().pay(limit).await, &dear));
}

pub(crate) async fn what_spends_does_not_sell_and_what_receives_does_not_pay(setup: &Setup) {
    let error = setup.receiver("pay", false).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(
        error.to_string().contains("danger_spending_node"),
        "{error}"
    );
    let receive = setup.receiver("pay", true).await.expect("accepted");
    assert_eq!(receive.network(), l402::Network::Regtest);
    let error = setup
        .node("receive")
        .wallet(setup.open())
        .await
        .expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.to_string().contains("cannot pay"), "{error}");
    let wrong = setup.node("wrong");
    let errors = [
        wrong.receiver(setup.open()).await.expect_err("refused"),
        wrong.wallet(setup.open()).await.expect_err("refused"),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
        assert!(!error.to_string().contains("wrong-secret"), "{error}");
    }
    assert_eq!(setup.requests_to_pay(), 0);
}

pub(crate) async fn an_invoice_of_another_amount_is_never_handed_on(setup: &Setup) {
    setup.server.ledger.set(Fault::CheapInvoice);
    let made = setup
        .receive()
        .create_invoice(asked(Msat::from_sat(50)))
        .await;
    assert_eq!(made.expect_err("refused").kind(), ErrorKind::Protocol);
}

pub(crate) async fn a_wallet_that_is_away_is_a_certain_failure(mut setup: Setup) {
    let bought = invoice(&setup, Msat::from_sat(50)).await;
    setup.server = setup.server.restarted().await;
    let payment = setup.pay().pay(order(bought.bolt11())).await;
    let Payment::Failed(failure) = payment else {
        panic!("{payment:?}")
    };
    assert!(failure.error.is_retryable(), "{}", failure.error);
    let error = setup.receive().lookup(bought.payment_hash()).await;
    assert_eq!(error.expect_err("refused").kind(), ErrorKind::Unavailable);
}

/// A file that holds no secret is named, and nothing of it shown.
pub(crate) async fn files_and_secrets(setup: &Setup) {
    std::fs::write(setup.path("conf"), "http-password=abcd\nwebhook=efgh").expect("written");
    for (file, danger) in [("missing", false), ("conf", true)] {
        let error = setup.receiver(file, danger).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Local, "{error}");
        assert!(error.to_string().contains(file), "{error}");
        assert!(!error.to_string().contains("abcd"), "{error}");
        assert!(
            setup
                .node(file)
                .check_receiver(std::path::Path::new(""), danger)
                .is_err()
        );
    }
    setup
        .node("receive")
        .check_receiver(std::path::Path::new(""), false)
        .expect("readable");
    let shown = format!("{:?} {:?} {}", setup.pay, setup.receive, setup.pay.name());
    for secret in setup.kind.secrets {
        assert!(!shown.contains(secret), "{shown}");
    }
}

pub(crate) async fn an_invoice_of_nobody_is_unseen(setup: &Setup) {
    let nobodys = l402::PaymentHash::from_bytes([9; 32]);
    let state = setup.receive().lookup(nobodys).await.expect("a state");
    assert_eq!(state, InvoiceState::Unseen);
    let payment = setup.pay().lookup(nobodys).await.expect("an answer");
    assert!(payment.is_none(), "{payment:?}");
}

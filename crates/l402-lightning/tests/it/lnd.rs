//! The backend `lnd` against the fake lnd of the test kit.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use l402::Msat;
use l402_host::BoxFuture;
use l402_lightning::sandbox::Fault;
use l402_lightning::{
    Error, ErrorKind, InvoiceState, LndNode, NewInvoice, Node, Open, Pay, PayRequest, Payment,
    Receive,
};
use l402_testkit::lnd::{FakeLnd, Mischief};
use l402_testkit::macaroon;

use super::contract::{
    Bench, asked, invoice, is_settled, keeps_every_promise, order,
    the_newest_index_tells_nothing_of_the_past,
};

/// A fake lnd, with both halves of the backend connected to it.
pub(crate) struct Setup {
    pub(crate) lnd: FakeLnd,
    pub(crate) receive: Arc<dyn Receive>,
    pub(crate) pay: Arc<dyn Pay>,
    pub(crate) folder: tempfile::TempDir,
}

impl Setup {
    pub(crate) async fn new() -> Self {
        let rw: &[&str] = &["read", "write"];
        let invoices = macaroon(&[("address", rw), ("invoices", rw), ("onchain", &["read"])]);
        let admin = macaroon(&[("offchain", rw), ("info", &["read"])]);
        let lnd = FakeLnd::start([(&invoices, false), (&admin, true)]).await;
        let folder = tempfile::tempdir().expect("a folder");
        for (name, bytes) in [("invoice", &invoices), ("admin", &admin)] {
            let path = folder.path().join(format!("{name}.macaroon"));
            std::fs::write(path, bytes).expect("written");
        }
        std::fs::write(folder.path().join("tls.cert"), &lnd.tls_cert).expect("written");
        let clock = lnd.fake.home.clock.clone();
        let receiver = node(&lnd.address, folder.path(), "invoice");
        let open = Open::new(folder.path(), clock);
        let receive = receiver.receiver(open.clone()).await;
        let payer = node(&lnd.address, folder.path(), "admin")
            .wallet(open)
            .await;
        Self {
            receive: receive.expect("receives").receive,
            pay: payer.expect("pays").pay,
            lnd,
            folder,
        }
    }

    pub(crate) fn node(&self, macaroon: &str) -> Node {
        node(&self.lnd.address, self.folder.path(), macaroon)
    }

    pub(crate) async fn receiver(
        &self,
        macaroon: &str,
        danger: bool,
    ) -> Result<Arc<dyn Receive>, Error> {
        let open = self.open().with_danger_spending_node(danger);
        let opened = self.node(macaroon).receiver(open).await;
        opened.map(|receiver| receiver.receive)
    }

    pub(crate) fn open(&self) -> Open {
        Open::new(self.folder.path(), self.lnd.fake.home.clock.clone())
    }

    pub(crate) fn sends(&self) -> usize {
        self.lnd.fake.sends.load(Ordering::SeqCst)
    }

    async fn pay_with(&self, mischief: Mischief) -> (NewInvoice, Payment) {
        let bought = invoice(self, Msat::from_sat(50)).await;
        self.lnd.set(mischief);
        let deadline = Duration::from_millis(1500);
        let payment = self
            .pay
            .pay(PayRequest::new(
                bought.bolt11(),
                Msat::from_sat(10),
                deadline,
            ))
            .await;
        (bought, payment)
    }
}

fn node(address: &str, folder: &Path, macaroon: &str) -> Node {
    Node::Lnd(LndNode {
        address: address.to_owned(),
        tls_cert: Some(folder.join("tls.cert")),
        macaroon: folder.join(format!("{macaroon}.macaroon")),
        network: None,
        proxy: None,
    })
}

impl Bench for Setup {
    fn receive(&self) -> Arc<dyn Receive> {
        self.receive.clone()
    }

    fn pay(&self) -> Arc<dyn Pay> {
        self.pay.clone()
    }

    fn fee(&self) -> Msat {
        self.lnd.fake.home.fee()
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        self.lnd.fake.home.pass(time)
    }

    fn reopen(&self) -> Option<BoxFuture<'_, Arc<dyn Pay>>> {
        Some(Box::pin(async {
            let opened = self.node("admin").wallet(self.open()).await;
            opened.expect("pays").pay
        }))
    }
}

// BACKENDS lnd double: our lnd in `tests/kit/src/lnd`, which speaks the REST interface over TLS

// BACKENDS lnd pay, fee_limit, expired, already_paid, restart, lookup_after_restart: double
// BACKENDS lnd cancellation, deadline, msat, preimage_proven, once_per_hash: double
#[tokio::test]
async fn keeps_the_contract() {
    let setup = Setup::new().await;
    setup.lnd.fake.home.sandbox.set_fee(setup.fee()).unwrap();
    keeps_every_promise(&setup).await;
}

#[tokio::test]
async fn tells_settlements_from_the_newest_on() {
    let setup = Setup::new().await;
    the_newest_index_tells_nothing_of_the_past(&setup).await;
}

// BACKENDS lnd unknown_then_settled, already_paid: double
#[tokio::test]
async fn a_connection_that_ends_after_the_send_is_looked_up() {
    let setup = Setup::new().await;
    let (bought, payment) = setup.pay_with(Mischief::DropsAfterSend).await;
    assert!(is_settled(&payment, &bought), "{payment:?}");
    let later = setup
        .pay
        .lookup(bought.payment_hash())
        .await
        .unwrap()
        .unwrap();
    assert!(is_settled(&later, &bought), "{later:?}");
    assert!(is_settled(
        &setup.pay.pay(order(bought.bolt11())).await,
        &bought
    ));
    assert_eq!(
        setup.pay.balance().await.unwrap(),
        Msat::from_sat(100_000 - 50)
    );
}

// BACKENDS lnd bad_preimage, html_error, huge_answer, deadline: double
#[tokio::test]
async fn whatever_is_not_understood_is_unknown() {
    for mischief in [
        Mischief::Endless,
        Mischief::Garbage,
        Mischief::NoPreimage,
        Mischief::OtherPreimage,
        Mischief::Silent,
    ] {
        let setup = Setup::new().await;
        let (_, payment) = setup.pay_with(mischief).await;
        assert!(
            matches!(payment, Payment::Unknown(_)),
            "{mischief:?}: {payment:?}"
        );
    }
}

// BACKENDS lnd html_error: double
// FAULTS C13: a 4xx or an absence is no proof. The kind: whatever lnd does not itself say, in the right
// order, leaves a payment unknown: a record that was there before, the page of a proxy (408, 403, 404,
// 502), and errors that lnd also gives of what it has begun (cancelled, deadline, unavailable).
#[tokio::test]
async fn a_payment_that_may_have_begun_is_not_called_failed() {
    let setup = Setup::new().await;
    let mut all = vec![Mischief::ForgetsInFlight];
    all.extend([403, 404, 408, 502].map(Mischief::AnsweredByProxy));
    all.extend([1, 4, 6, 13, 14].map(Mischief::Refuses));
    for mischief in all {
        let (bought, payment) = setup.pay_with(mischief).await;
        let is_unknown = matches!(payment, Payment::Unknown(_));
        assert!(is_unknown, "{mischief:?}: {payment:?}");
        // A look-up that a proxy answers is an error; what lnd has no record of is `None`.
        let later = setup.pay.lookup(bought.payment_hash()).await;
        let is_proxy = matches!(mischief, Mischief::AnsweredByProxy(_));
        assert_eq!(later.is_err(), is_proxy, "{mischief:?}: {later:?}");
        setup.lnd.set(Mischief::None);
    }
    // Two words of lnd itself are proof: it refuses, and has no record.
    for code in [2, 3, 9] {
        let (_, payment) = setup.pay_with(Mischief::Refuses(code)).await;
        assert!(matches!(payment, Payment::Failed(_)), "{code}: {payment:?}");
        setup.lnd.set(Mischief::None);
    }
}

#[tokio::test]
async fn a_payment_in_flight_is_unknown_and_holds_nobody_up() {
    let setup = Setup::new().await;
    let (bought, payment) = setup.pay_with(Mischief::InFlight).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    let lookup = setup.pay.lookup(bought.payment_hash());
    let later = tokio::time::timeout(Duration::from_secs(3), lookup)
        .await
        .unwrap();
    let later = later.unwrap().unwrap();
    assert!(matches!(later, Payment::Unknown(_)), "{later:?}");
}

// BACKENDS lnd unknown_then_failed: double
#[tokio::test]
async fn a_payment_in_flight_that_fails_in_the_end_may_be_paid_anew() {
    let setup = Setup::new().await;
    let (bought, payment) = setup.pay_with(Mischief::FailsInTheEnd).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    let later = setup.pay.lookup(bought.payment_hash()).await;
    let later = later.unwrap().unwrap();
    assert!(matches!(later, Payment::Failed(_)), "{later:?}");
    setup.lnd.set(Mischief::None);
    let again = setup.pay.pay(order(bought.bolt11())).await;
    assert!(is_settled(&again, &bought), "{again:?}");
}

/// Another process sent the first attempt, and this one cannot reach lnd. ATTACKS C-19.
#[tokio::test]
async fn what_could_not_be_sent_says_nothing_of_an_earlier_attempt() {
    let setup = Setup::new().await;
    let mut node = setup.node("admin");
    if let Node::Lnd(lnd) = &mut node {
        // Without it lnd is asked at once, and the connection kept.
        lnd.network = Some(l402::Network::Regtest);
    }
    let other = node.wallet(setup.open()).await.unwrap().pay;
    assert_eq!(other.name(), setup.pay.name());
    let (bought, payment) = setup.pay_with(Mischief::InFlight).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    let fresh = invoice(&setup, Msat::from_sat(1)).await;
    setup.lnd.stop().await;
    let again = other.pay(order(bought.bolt11())).await;
    assert!(matches!(again, Payment::Unknown(_)), "{again:?}");
    let first = other.pay(order(fresh.bolt11())).await;
    assert!(matches!(first, Payment::Failed(_)), "{first:?}");
}

#[tokio::test]
async fn a_fee_that_is_not_told_counts_as_the_highest() {
    let setup = Setup::new().await;
    let (bought, payment) = setup.pay_with(Mischief::TellsNoFee).await;
    let restarted = setup.reopen().unwrap().await;
    let found = restarted.lookup(bought.payment_hash()).await;
    for payment in [payment, found.unwrap().unwrap()] {
        let Payment::Settled { fee, .. } = payment else {
            panic!("{payment:?}")
        };
        assert_eq!(fee, Msat::from_sat(10));
    }
}

// BACKENDS lnd held, unknown_then_settled, once_per_hash: double
#[tokio::test]
async fn a_held_payment_counts_for_nobody_until_it_is_let_go() {
    let setup = Setup::new().await;
    let sandbox = setup.lnd.fake.home.sandbox.clone();
    sandbox.set_fault(Fault::Held).unwrap();
    let (bought, payment) = setup.pay_with(Mischief::None).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    let hash = bought.payment_hash();
    let later = setup.pay.lookup(hash).await.unwrap().unwrap();
    assert!(matches!(later, Payment::Unknown(_)), "{later:?}");
    let state = setup.receive.lookup(hash).await.unwrap();
    assert_eq!(state, InvoiceState::Held);

    // A second call follows the first payment to its end.
    let let_go = async { sandbox.set_fault(Fault::None).unwrap() };
    let (second, ()) = tokio::join!(setup.pay.pay(order(bought.bolt11())), let_go);
    assert!(is_settled(&second, &bought), "{second:?}");
    let state = setup.receive.lookup(hash).await.unwrap();
    assert!(matches!(state, InvoiceState::Settled { .. }), "{state:?}");
    let rest = setup.pay.balance().await.unwrap();
    assert_eq!(rest, Msat::from_sat(100_000 - 50));
}

// BACKENDS lnd cancellation: double
#[tokio::test]
async fn a_caller_who_leaves_after_the_send_has_paid_once() {
    let setup = Setup::new().await;
    let sandbox = setup.lnd.fake.home.sandbox.clone();
    sandbox.set_fault(Fault::Held).unwrap();
    let bought = invoice(&setup, Msat::from_sat(50)).await;
    let (pay, hash) = (setup.pay.clone(), bought.payment_hash());
    let request = order(bought.bolt11());
    let caller = tokio::spawn(async move { pay.pay(request).await });
    while setup.receive.lookup(hash).await.unwrap() != InvoiceState::Held {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    let later = setup.pay.lookup(hash).await.unwrap().unwrap();
    assert!(matches!(later, Payment::Unknown(_)), "{later:?}");
    sandbox.set_fault(Fault::None).unwrap();
    let again = setup.pay.pay(order(bought.bolt11())).await;
    assert!(is_settled(&again, &bought), "{again:?}");
    let rest = setup.pay.balance().await.unwrap();
    assert_eq!(rest, Msat::from_sat(100_000 - 50));
}

#[tokio::test]
async fn a_payment_that_somebody_else_began_is_followed_to_its_end() {
    let setup = Setup::new().await;
    let (bought, payment) = setup.pay_with(Mischief::Paying).await;
    assert!(is_settled(&payment, &bought), "{payment:?}");
}

#[tokio::test]
async fn a_refused_macaroon_is_a_certain_failure() {
    let setup = Setup::new().await;
    let mut node = setup.node("invoice");
    if let Node::Lnd(lnd) = &mut node {
        lnd.network = Some(l402::Network::Regtest);
    }
    let pay = node.wallet(setup.open()).await.unwrap().pay;
    let bought = invoice(&setup, Msat::from_sat(50)).await;
    let payment = pay.pay(order(bought.bolt11())).await;
    let Payment::Failed(failure) = payment else {
        panic!("{payment:?}")
    };
    assert_eq!(failure.error.kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn an_invoice_of_another_amount_is_never_handed_on() {
    let setup = Setup::new().await;
    setup.lnd.set(Mischief::CheapInvoice);
    let error = setup
        .receive
        .create_invoice(asked(Msat::from_sat(50)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    for mischief in [Mischief::Garbage, Mischief::Endless] {
        setup.lnd.set(mischief);
        let refused = setup.receive.create_invoice(asked(Msat::from_sat(50)));
        assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::Protocol);
    }
}

#[tokio::test]
async fn a_silent_lnd_holds_up_nobody_who_sells() {
    let setup = Setup::new().await;
    setup.lnd.set(Mischief::Silent);
    let asked = setup.receive.create_invoice(asked(Msat::from_sat(50)));
    let error = tokio::time::timeout(Duration::from_secs(10), asked)
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

/// `invoice.macaroon` may not read the channels, and that is no failure.
#[tokio::test]
async fn liquidity_is_known_to_a_macaroon_that_may_read_it_alone() {
    let setup = Setup::new().await;
    assert_eq!(setup.receive.liquidity().await.unwrap(), None);
    let reader = setup.receiver("admin", true).await.unwrap();
    let liquidity = reader.liquidity().await.unwrap().expect("known");
    assert_eq!(liquidity.receivable, Msat::from_sat(250_000));
    assert_eq!(
        liquidity.spendable,
        Some(setup.pay.balance().await.unwrap())
    );
    setup.lnd.set(Mischief::Garbage);
    assert!(reader.liquidity().await.is_err());
}

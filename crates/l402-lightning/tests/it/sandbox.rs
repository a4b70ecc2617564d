//! The sandbox inside the process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use futures_util::future::join_all;
use l402::{Msat, Network};
use l402_host::BoxFuture;
use l402_lightning::sandbox::{Fault, Sandbox, SandboxWallet};
use l402_lightning::{
    Error, ErrorKind, InvoiceState, NewInvoice, Node, Open, Pay, PayRequest, Payment, Receive,
    SettlementIndex,
};
use l402_testkit::{TestHome, clock};

use super::contract::{
    Bench, asked, invoice, is_settled, keeps_every_promise, order,
    the_newest_index_tells_nothing_of_the_past,
};

/// The steps that most tests here have in common.
trait Deal {
    async fn invoice(&self) -> NewInvoice;
    async fn buy(&self, invoice: &NewInvoice) -> Payment;
    async fn look_up(&self, invoice: &NewInvoice) -> Payment;
    fn assert_no_money_appeared_or_vanished(&self);
}

impl Deal for TestHome {
    async fn invoice(&self) -> NewInvoice {
        invoice(self, Msat::from_sat(50)).await
    }

    async fn buy(&self, invoice: &NewInvoice) -> Payment {
        self.wallet.pay(order(invoice.bolt11())).await
    }

    async fn look_up(&self, invoice: &NewInvoice) -> Payment {
        self.wallet
            .lookup(invoice.payment_hash())
            .await
            .expect("an answer")
            .expect("begun")
    }

    fn assert_no_money_appeared_or_vanished(&self) {
        let totals = self.sandbox.totals().expect("totals");
        assert_eq!(totals.filled, totals.on_accounts);
        assert!(totals.filled >= Msat::from_sat(100_000));
    }
}

impl Bench for TestHome {
    fn receive(&self) -> Arc<dyn Receive> {
        Arc::new(self.sandbox.clone())
    }

    fn pay(&self) -> Arc<dyn Pay> {
        Arc::new(self.wallet.clone())
    }

    fn fee(&self) -> Msat {
        Msat::from_sat(2)
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        self.clock.advance(time);
        Box::pin(async {})
    }

    fn reopen(&self) -> Option<BoxFuture<'_, Arc<dyn Pay>>> {
        Some(Box::pin(async {
            let opened = Node::Sandbox.wallet(self.open()).await;
            opened.expect("a wallet").pay
        }))
    }
}

// BACKENDS sandbox real: the sandbox itself
// BACKENDS sandbox html_error, huge_answer: not applicable: a file in the process, and no answer of anybody
// BACKENDS sandbox unknown_then_failed: not applicable: it cannot fail a payment that it has begun
// BACKENDS sandbox bad_preimage: not applicable: it lies on demand, so that buyers can be tested against it

// BACKENDS sandbox pay, fee_limit, expired, already_paid, restart, lookup_after_restart: real
// BACKENDS sandbox cancellation, deadline, msat, preimage_proven, once_per_hash: real
#[tokio::test]
async fn keeps_the_contract() {
    let test = TestHome::new();
    test.sandbox.set_fee(test.fee()).unwrap();
    keeps_every_promise(&test).await;
    test.assert_no_money_appeared_or_vanished();
    let sold = [
        1, 2, 3, 4, 50, 11, 12, 40, 10, 11, 30, 5, 6, // and, at last within the limit,
        10,
    ];
    let sold = sold.into_iter().sum();
    assert_eq!(test.sandbox.income().unwrap(), Msat::from_sat(sold));
}

#[tokio::test]
async fn tells_settlements_from_the_newest_on() {
    the_newest_index_tells_nothing_of_the_past(&TestHome::new()).await;
}

type Files = BTreeMap<PathBuf, (SystemTime, Option<Vec<u8>>)>;

fn files(folder: &Path) -> Files {
    let mut found = Files::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let meta = entry.metadata().expect("metadata");
        let bytes = meta
            .is_file()
            .then(|| std::fs::read(entry.path()).expect("a file"));
        found.insert(entry.path(), (meta.modified().expect("a time"), bytes));
        if meta.is_dir() {
            found.append(&mut files(&entry.path()));
        }
    }
    found
}

#[tokio::test]
async fn ten_thousand_unpaid_invoices_leave_every_file_as_it_was() {
    let test = TestHome::new();
    let paid = test.invoice().await;
    assert!(is_settled(&test.buy(&paid).await, &paid));
    let mut settlements = test.sandbox.settlements(SettlementIndex::default());
    settlements.next().await.unwrap().unwrap();
    let before = files(test.home.path());
    assert!(
        before.keys().any(|path| path.ends_with("sandbox.db")),
        "{:?}",
        before.keys()
    );
    for _ in 0..10_000 {
        test.sandbox
            .create_invoice(asked(Msat::from_sat(50)))
            .await
            .unwrap();
    }
    // The stream of settlements reads the file in the meantime.
    let waited = tokio::time::timeout(Duration::from_millis(120), settlements.next()).await;
    assert!(waited.is_err(), "nothing was paid");
    assert!(before == files(test.home.path()), "a file changed");
}

#[tokio::test]
async fn a_seller_makes_no_database_of_payments() {
    let home = tempfile::tempdir().unwrap();
    let clock = clock();
    let open = Open::new(home.path(), clock);
    let receive = Node::Sandbox.receiver(open).await.unwrap().receive;
    let made = receive
        .create_invoice(asked(Msat::from_sat(50)))
        .await
        .unwrap();
    assert_eq!(
        receive.lookup(made.payment_hash()).await.unwrap(),
        InvoiceState::Unseen
    );
    let mut settlements = receive.settlements(SettlementIndex::default());
    let waited = tokio::time::timeout(Duration::from_millis(120), settlements.next()).await;
    assert!(waited.is_err());
    let folder = home.path().join("sandbox");
    let names: Vec<_> = files(&folder).into_keys().collect();
    assert_eq!(names, [folder.join("node.key")]);
}

// BACKENDS sandbox once_per_hash: real
#[tokio::test]
async fn processes_on_one_home_pay_an_invoice_once() {
    let test = TestHome::new();
    let bought = test.invoice().await;
    let open = || {
        let sandbox = Sandbox::open(test.home.path(), test.clock.clone()).unwrap();
        SandboxWallet::open(&sandbox, "default").unwrap()
    };
    let wallets: Vec<SandboxWallet> = (0..4).map(|_| open()).collect();
    let payments = join_all(
        wallets
            .iter()
            .map(|wallet| wallet.pay(order(bought.bolt11()))),
    )
    .await;
    assert!(
        payments.iter().all(|payment| is_settled(payment, &bought)),
        "{payments:?}"
    );
    assert_eq!(
        test.wallet.balance().await.unwrap(),
        Msat::from_sat(100_000 - 50)
    );
    test.assert_no_money_appeared_or_vanished();
}

#[test]
fn many_who_open_at_once_share_one_filled_account() {
    let home = tempfile::tempdir().unwrap();
    let start = std::sync::Barrier::new(6);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                start.wait();
                let clock = clock();
                let sandbox = Sandbox::open(home.path(), clock).unwrap();
                SandboxWallet::open(&sandbox, "default").unwrap();
            });
        }
    });
    let sandbox = Sandbox::open(home.path(), clock()).unwrap();
    assert_eq!(sandbox.totals().unwrap().filled, Msat::from_sat(100_000));
}

#[tokio::test]
async fn another_account_neither_pays_again_nor_learns_the_preimage() {
    let test = TestHome::new();
    let bought = test.invoice().await;
    assert!(is_settled(&test.buy(&bought).await, &bought));
    let other = SandboxWallet::open(&test.sandbox, "other").unwrap();
    let payment = other.pay(order(bought.bolt11())).await;
    assert!(matches!(payment, Payment::Failed(_)), "{payment:?}");
    assert!(other.lookup(bought.payment_hash()).await.unwrap().is_none());
    assert_eq!(other.balance().await.unwrap(), Msat::from_sat(100_000));
}

/// ATTACKS C-05.
#[tokio::test]
async fn an_invoice_of_another_sandbox_is_refused_with_the_mend() {
    let (test, stranger) = (TestHome::new(), TestHome::new());
    let payment = test.buy(&stranger.invoice().await).await;
    let Payment::Failed(failure) = payment else {
        panic!("{payment:?}")
    };
    assert!(
        failure.error.to_string().contains("same home"),
        "{}",
        failure.error
    );
}

#[tokio::test]
async fn told_to_fail_it_fails_and_moves_nothing() {
    let test = TestHome::new();
    test.sandbox.set_fault(Fault::Fails).unwrap();
    let bought = test.invoice().await;
    assert!(matches!(test.buy(&bought).await, Payment::Failed(_)));
    assert!(matches!(test.look_up(&bought).await, Payment::Failed(_)));
    assert_eq!(
        test.wallet.balance().await.unwrap(),
        Msat::from_sat(100_000)
    );
    test.sandbox.set_fault(Fault::None).unwrap();
    assert!(is_settled(&test.buy(&bought).await, &bought));
    assert!(is_settled(&test.look_up(&bought).await, &bought));
}

// BACKENDS sandbox unknown_then_settled, already_paid: real
#[tokio::test]
async fn what_ends_in_mid_payment_is_unknown_and_was_paid() {
    let test = TestHome::new();
    test.sandbox.set_fault(Fault::EndsMidPayment).unwrap();
    let bought = test.invoice().await;
    assert!(matches!(test.buy(&bought).await, Payment::Unknown(_)));
    assert!(is_settled(&test.look_up(&bought).await, &bought));
    assert!(
        is_settled(&test.buy(&bought).await, &bought),
        "it reports the first payment"
    );
    assert_eq!(
        test.wallet.balance().await.unwrap(),
        Msat::from_sat(100_000 - 50)
    );
}

// BACKENDS sandbox held, lookup_after_restart: real
#[tokio::test]
async fn a_held_payment_settles_when_it_is_let_go_also_by_another_process() {
    let test = TestHome::new();
    test.sandbox.set_fault(Fault::Held).unwrap();
    let bought = test.invoice().await;
    for _ in 0..2 {
        assert!(matches!(test.buy(&bought).await, Payment::Unknown(_)));
    }
    assert!(matches!(test.look_up(&bought).await, Payment::Unknown(_)));
    let state = test.sandbox.lookup(bought.payment_hash()).await.unwrap();
    assert_eq!(state, InvoiceState::Held);
    assert_eq!(test.sandbox.income().unwrap(), Msat::ZERO);
    test.assert_no_money_appeared_or_vanished();

    let other = Sandbox::open(test.home.path(), test.clock.clone()).unwrap();
    assert_eq!(other.fault().unwrap(), Fault::Held);
    other.set_fault(Fault::None).unwrap();
    assert!(is_settled(&test.look_up(&bought).await, &bought));
    let told = test
        .sandbox
        .settlements(SettlementIndex::default())
        .next()
        .await;
    assert_eq!(told.unwrap().unwrap().payment_hash, bought.payment_hash());
    assert_eq!(test.sandbox.income().unwrap(), Msat::from_sat(50));
    test.assert_no_money_appeared_or_vanished();
}

/// ATTACKS C-03.
#[tokio::test]
async fn a_lie_about_the_preimage_proves_nothing_and_stays_the_same_lie() {
    let test = TestHome::new();
    test.sandbox.set_fault(Fault::LiesAboutPreimage).unwrap();
    let bought = test.invoice().await;
    let (told, later) = (test.buy(&bought).await, test.look_up(&bought).await);
    let (
        Payment::Settled { preimage, .. },
        Payment::Settled {
            preimage: again, ..
        },
    ) = (&told, &later)
    else {
        panic!("{told:?}, {later:?}");
    };
    assert!(!preimage.proves(&bought.payment_hash()));
    assert_eq!(preimage, again);
}

// BACKENDS sandbox deadline, unknown_then_settled: real
#[tokio::test]
async fn an_answer_after_the_deadline_is_unknown_until_looked_up() {
    let test = TestHome::new();
    test.sandbox
        .set_fault(Fault::Slow(Duration::from_secs(3600)))
        .unwrap();
    let bought = test.invoice().await;
    let deadline = Duration::from_millis(300);
    let payment = test
        .wallet
        .pay(PayRequest::new(
            bought.bolt11(),
            Msat::from_sat(10),
            deadline,
        ))
        .await;
    let Payment::Unknown(unknown) = payment else {
        panic!("{payment:?}")
    };
    assert_eq!(unknown.error.kind(), ErrorKind::Timeout);
    assert!(is_settled(&test.look_up(&bought).await, &bought));
    test.sandbox
        .set_fault(Fault::Slow(Duration::from_millis(1)))
        .unwrap();
    let bought = test.invoice().await;
    assert!(is_settled(&test.buy(&bought).await, &bought));
}

#[tokio::test]
async fn an_unknown_payment_stays_unknown() {
    let test = TestHome::new();
    test.sandbox.set_fault(Fault::Unknown).unwrap();
    let bought = test.invoice().await;
    assert!(matches!(test.buy(&bought).await, Payment::Unknown(_)));
    test.sandbox.set_fault(Fault::None).unwrap();
    assert!(matches!(test.buy(&bought).await, Payment::Unknown(_)));
    assert!(matches!(test.look_up(&bought).await, Payment::Unknown(_)));
    let state = test.sandbox.lookup(bought.payment_hash()).await.unwrap();
    assert_eq!(state, InvoiceState::Unseen);
    test.assert_no_money_appeared_or_vanished();
}

#[test]
fn the_faucet_has_a_limit() {
    let test = TestHome::new();
    assert_eq!(
        test.wallet.fund(Msat::from_sat(1)).unwrap(),
        Msat::from_sat(100_001)
    );
    for wrong in [Msat::from_sat(1_000_001), Msat::ZERO] {
        assert_eq!(
            test.wallet.fund(wrong).unwrap_err().kind(),
            ErrorKind::Rejected
        );
    }
    let most = Msat::from_sat(1_000_000);
    assert_eq!(test.wallet.fund(most).unwrap(), Msat::from_sat(1_100_001));
    test.assert_no_money_appeared_or_vanished();
}

#[test]
fn the_sandboxs_own_accounts_and_odd_names_are_no_wallets() {
    let test = TestHome::new();
    for name in [
        "income",
        "routing",
        "in-flight",
        "",
        "A",
        "a b",
        "../x",
        &"a".repeat(65),
    ] {
        let error: Error = SandboxWallet::open(&test.sandbox, name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn the_folder_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let test = TestHome::new();
    let folder = test.home.path().join("sandbox");
    let mode = std::fs::metadata(folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_damaged_file_is_named_and_kept() {
    let home = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(home.path(), clock()).unwrap();
    let path = home.path().join("sandbox/sandbox.db");
    std::fs::write(&path, "no database at all, and longer than any header").unwrap();
    let error = SandboxWallet::open(&sandbox, "default").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Local);
    assert!(error.to_string().contains("sandbox.db"), "{error}");
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .starts_with("no database")
    );
}

#[tokio::test]
async fn nodes_of_one_home_find_each_other() {
    let test = TestHome::new();
    let node: Node = "sandbox".parse().unwrap();
    let receive = node.receiver(test.open()).await.unwrap().receive;
    let pay = node.wallet(test.open()).await.unwrap().pay;
    assert_eq!(
        (receive.network(), pay.network()),
        (Network::Regtest, Network::Regtest)
    );
    let bought = receive
        .create_invoice(asked(Msat::from_sat(7)))
        .await
        .unwrap();
    assert!(is_settled(&pay.pay(order(bought.bolt11())).await, &bought));
    assert_eq!(
        test.wallet.balance().await.unwrap(),
        Msat::from_sat(100_000 - 7)
    );
}

#[test]
fn debug_shows_no_key() {
    let test = TestHome::new();
    let key = std::fs::read_to_string(test.home.path().join("sandbox/node.key")).unwrap();
    let shown = format!("{:?} {:?}", test.sandbox, test.wallet);
    assert!(!shown.contains(&key[..16]), "{shown}");
}

#[test]
fn a_wallet_has_one_name_that_no_other_wallet_has() {
    let (test, other) = (TestHome::new(), TestHome::new());
    let reopened = Sandbox::open(test.home.path(), test.clock.clone()).unwrap();
    let name = |account| SandboxWallet::open(&reopened, account).unwrap().name();
    assert_eq!(name("default"), test.wallet.name());
    assert_ne!(name("second"), test.wallet.name());
    assert_ne!(other.wallet.name(), test.wallet.name());
}

//! Fake wallets in an order of preference.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use l402::{Invoice, Msat, Network, PaymentHash, Preimage, UnixTime};
use l402_host::{BoxFuture, Clock as _, ManualClock};
use l402_lightning::sandbox::Sandbox;
use l402_lightning::{Error, ErrorKind, InvoiceRequest, Pay, PayRequest, Payment, Receive as _};

use super::Preference;
use crate::buyer::asked::AskedWallets;

/// The answer of a wallet, to `pay` and then to `lookup`.
#[derive(Clone, Copy, Debug)]
enum Says {
    Failed,
    Settled,
    Unknown,
    Never,
    Away,
}

#[derive(Debug)]
struct Fake {
    name: &'static str,
    says: Mutex<Says>,
    asked: AtomicUsize,
}

impl Fake {
    fn outcome(&self) -> Result<Option<Payment>, Error> {
        let error = || Error::new(ErrorKind::Unavailable, "as told");
        Ok(match *self.says.lock().unwrap() {
            Says::Failed => Some(Payment::failed(error())),
            Says::Settled => Some(Payment::Settled {
                preimage: Preimage::from_bytes([1; 32]),
                paid: Msat::from_sat(1),
                fee: Msat::ZERO,
            }),
            Says::Unknown => Some(Payment::unknown(error())),
            Says::Never => None,
            Says::Away => return Err(error()),
        })
    }
}

impl Pay for Fake {
    fn network(&self) -> Network {
        Network::Regtest
    }

    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn pay(&self, _: PayRequest) -> BoxFuture<'_, Payment> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let outcome = self.outcome().ok().flatten();
        let error = || Error::new(ErrorKind::Unavailable, "not sent");
        let outcome = outcome.unwrap_or_else(|| Payment::failed(error()));
        Box::pin(std::future::ready(outcome))
    }

    fn lookup(&self, _: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Error>> {
        Box::pin(std::future::ready(self.outcome()))
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        Box::pin(std::future::ready(Ok(Msat::from_sat(
            self.name.len() as u64
        ))))
    }
}

/// Wallets `a`, `b` and `c` of one home folder, and an invoice.
struct Bench {
    home: tempfile::TempDir,
    clock: Arc<ManualClock>,
    fakes: Vec<Arc<Fake>>,
    bolt11: String,
}

impl Bench {
    async fn new(says: [Says; 3]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_790_000_000)));
        let sandbox = Sandbox::open(home.path(), clock.clone()).unwrap();
        let request = InvoiceRequest::new(Msat::from_sat(1), Duration::from_secs(600), "x");
        let invoice = sandbox.create_invoice(request).await.unwrap();
        let fakes = ["a", "b", "c"].into_iter().zip(says);
        let fakes = fakes.map(|(name, says)| {
            Arc::new(Fake {
                name,
                says: Mutex::new(says),
                asked: AtomicUsize::new(0),
            })
        });
        Self {
            home,
            clock,
            fakes: fakes.collect(),
            bolt11: invoice.bolt11().to_owned(),
        }
    }

    /// As a fresh start of the program opens it.
    fn open(&self) -> Preference {
        let wallets = self
            .fakes
            .iter()
            .map(|fake| Arc::clone(fake) as Arc<dyn Pay>);
        Preference::new(
            wallets.collect(),
            AskedWallets::of(self.home.path()),
            self.clock.clone(),
        )
    }

    async fn pay(&self) -> Payment {
        let wait = Duration::from_secs(30);
        let request = PayRequest::new(self.bolt11.clone(), Msat::from_sat(1), wait);
        self.open().pay(request).await
    }

    fn says(&self, place: usize, says: Says) {
        *self.fakes[place].says.lock().unwrap() = says;
    }

    fn asked(&self) -> [usize; 3] {
        [0, 1, 2].map(|place| self.fakes[place].asked.load(Ordering::SeqCst))
    }

    fn hash(&self) -> PaymentHash {
        Invoice::decode(&self.bolt11).unwrap().payment_hash
    }
}

#[tokio::test]
async fn only_a_certain_failure_goes_to_the_next_wallet() {
    use Says::{Away, Failed, Never, Settled, Unknown};
    for (says, asked) in [
        ([Settled, Settled, Settled], [1, 0, 0]),
        ([Failed, Settled, Settled], [1, 1, 0]),
        // Not reached, and so nothing was sent.
        ([Away, Never, Settled], [1, 1, 1]),
    ] {
        let bench = Bench::new(says).await;
        let outcome = bench.pay().await;
        assert!(matches!(outcome, Payment::Settled { .. }), "{outcome:?}");
        assert_eq!(bench.asked(), asked, "{says:?}");
    }
    for (says, asked) in [
        ([Unknown, Settled, Settled], [1, 0, 0]),
        ([Failed, Unknown, Settled], [1, 1, 0]),
    ] {
        let bench = Bench::new(says).await;
        let outcome = bench.pay().await;
        assert!(matches!(outcome, Payment::Unknown(_)), "{outcome:?}");
        assert_eq!(bench.asked(), asked, "{says:?}");
    }
    let bench = Bench::new([Failed, Failed, Failed]).await;
    assert!(matches!(bench.pay().await, Payment::Failed(_)));
}

/// The first wallet has become able to pay meanwhile; the second one may be paying.
#[tokio::test]
async fn a_second_call_stays_with_the_wallet_that_began() {
    let bench = Bench::new([Says::Failed, Says::Unknown, Says::Settled]).await;
    assert!(matches!(bench.pay().await, Payment::Unknown(_)));
    bench.says(0, Says::Settled);
    assert!(matches!(bench.pay().await, Payment::Unknown(_)));
    assert_eq!(bench.asked(), [1, 2, 0]);
    let looked_up = bench.open().lookup(bench.hash()).await.unwrap();
    assert!(
        matches!(looked_up, Some(Payment::Unknown(_))),
        "{looked_up:?}"
    );
    bench.says(1, Says::Failed);
    assert!(matches!(bench.pay().await, Payment::Settled { .. }));
    assert_eq!(
        bench.asked(),
        [1, 3, 1],
        "the one behind it, and never the first"
    );
}

/// The first attempt may be under way at a wallet that now cannot be reached.
#[tokio::test]
async fn a_second_attempt_that_was_not_sent_says_nothing_of_the_first() {
    let mut bench = Bench::new([Says::Unknown, Says::Settled, Says::Settled]).await;
    bench.pay().await;
    for later in [Says::Away, Says::Never] {
        bench.says(0, later);
        let outcome = bench.pay().await;
        assert!(matches!(outcome, Payment::Unknown(_)), "{outcome:?}");
    }
    bench.fakes.truncate(1);
    let outcome = bench.pay().await;
    assert!(matches!(outcome, Payment::Unknown(_)), "{outcome:?}");
    assert_eq!(bench.fakes[0].asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_certain_failure_everywhere_lets_the_next_call_begin_anew() {
    let bench = Bench::new([Says::Failed, Says::Failed, Says::Failed]).await;
    assert!(matches!(bench.pay().await, Payment::Failed(_)));
    bench.says(0, Says::Settled);
    assert!(matches!(bench.pay().await, Payment::Settled { .. }));
    assert_eq!(bench.asked(), [2, 1, 1]);
}

#[tokio::test]
async fn a_wallet_that_began_and_is_gone_leaves_the_outcome_unknown() {
    let mut bench = Bench::new([Says::Unknown, Says::Settled, Says::Settled]).await;
    bench.pay().await;
    bench.fakes.remove(0);
    bench.says(0, Says::Settled);
    assert!(matches!(bench.pay().await, Payment::Unknown(_)));
    assert!(bench.open().lookup(bench.hash()).await.is_err());
}

#[tokio::test]
async fn without_a_note_every_wallet_is_asked() {
    use Says::{Away, Failed, Never, Settled, Unknown};
    type Is = fn(&Result<Option<Payment>, Error>) -> bool;
    let cases: [([Says; 3], Is); 6] = [
        ([Never, Never, Never], |it| matches!(it, Ok(None))),
        ([Never, Failed, Never], |it| {
            matches!(it, Ok(Some(Payment::Failed(_))))
        }),
        ([Never, Away, Failed], Result::is_err),
        ([Failed, Unknown, Never], |it| {
            matches!(it, Ok(Some(Payment::Unknown(_))))
        }),
        ([Away, Never, Settled], |it| {
            matches!(it, Ok(Some(Payment::Settled { .. })))
        }),
        ([Unknown, Settled, Away], |it| {
            matches!(it, Ok(Some(Payment::Settled { .. })))
        }),
    ];
    for (says, is_right) in cases {
        let bench = Bench::new(says).await;
        let outcome = bench.open().lookup(bench.hash()).await;
        assert!(is_right(&outcome), "{says:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn an_expired_invoice_is_begun_nowhere() {
    let bench = Bench::new([Says::Never, Says::Never, Says::Never]).await;
    bench.clock.advance(Duration::from_secs(601));
    assert!(matches!(bench.pay().await, Payment::Failed(_)));
    bench.says(2, Says::Away);
    assert!(matches!(bench.pay().await, Payment::Unknown(_)));
    assert_eq!(bench.asked(), [0, 0, 0]);
}

#[tokio::test]
async fn while_another_call_pays_no_wallet_is_asked() {
    let bench = Bench::new([Says::Settled, Says::Settled, Says::Settled]).await;
    let asked = AskedWallets::of(bench.home.path());
    let held = asked.turn(bench.hash()).unwrap().unwrap();
    // Without time to wait.
    let fee = Msat::from_sat(1);
    let request = PayRequest::new(bench.bolt11.clone(), fee, Duration::ZERO);
    let outcome = bench.open().pay(request).await;
    assert!(matches!(outcome, Payment::Unknown(_)), "{outcome:?}");
    assert_eq!(bench.asked(), [0, 0, 0]);
    drop(held);
    assert!(matches!(bench.pay().await, Payment::Settled { .. }));
}

#[tokio::test]
async fn it_answers_for_each_of_its_wallets() {
    let bench = Bench::new([Says::Never, Says::Never, Says::Never]).await;
    let preference = bench.open();
    assert_eq!(preference.name(), "a, then b, then c");
    for name in ["a", "c", "b, then a", "a, then b, then c"] {
        assert!(preference.answers_for(name), "{name}");
    }
    for name in ["d", "a, then d", ""] {
        assert!(!preference.answers_for(name), "{name}");
    }
}

#[tokio::test]
async fn notes_go_when_their_invoice_ended_long_ago() {
    let bench = Bench::new([Says::Settled, Says::Never, Says::Never]).await;
    bench.pay().await;
    let asked = AskedWallets::of(bench.home.path());
    let noted = || asked.wallet(bench.hash()).unwrap();
    asked.prune(bench.clock.wall());
    assert_eq!(noted().as_deref(), Some("a"));
    let days = Duration::from_secs(91 * 24 * 60 * 60);
    asked.prune(bench.clock.wall().saturating_add(days));
    assert_eq!(noted(), None);
}

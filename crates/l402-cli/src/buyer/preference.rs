//! Several wallets in an order of preference, as one wallet.
//!
//! ```text
//!   pay ─▶ noted for this hash? ── no ──▶ the first wallet
//!                 │ yes                        │
//!                 └──▶ that wallet ──▶ note its name, then ask it
//!                                              ├─ settled, unknown ──▶ the outcome
//!                                              └─ failed for certain ──▶ the next wallet, the same way
//! ```
//!
//! A payment that is unknown at one wallet is never begun at another: the note says which wallet may
//! have begun it, and only that one and those behind it are asked again. If it was asked before, by
//! an earlier call, its *failed* may be about the new attempt alone: only a look-up that says
//! *failed*, too, goes on.

use std::sync::Arc;
use std::time::Duration;

use l402::text::escape;
use l402::{Invoice, Msat, Network, PaymentHash};
use l402_host::{BoxFuture, Clock, FileError, FileLock};
use l402_lightning::{Error, ErrorKind, Pay, PayRequest, Payment};
use tokio::time::Instant;

use super::asked::AskedWallets;
use crate::text::output;

/// The pause between two looks at a payment that another call is making.
const PAUSE: Duration = Duration::from_millis(100);

/// The least time in which it makes sense to ask one more wallet.
const LEAST: Duration = Duration::from_secs(1);

/// The text between two names.
const THEN: &str = ", then ";

/// Wallets of one network, in the order in which they are asked to pay.
#[derive(Debug)]
pub(super) struct Preference {
    wallets: Vec<Arc<dyn Pay>>,
    asked: AskedWallets,
    clock: Arc<dyn Clock>,
}

/// The wallet that is to be asked first.
enum First {
    /// The one at this place, which an earlier call has asked.
    Begun(usize),
    /// The first of all: no call has asked any of them.
    Fresh,
}

impl Preference {
    /// Makes one wallet of several, at least one, all on one network.
    pub(super) fn new(
        wallets: Vec<Arc<dyn Pay>>,
        asked: AskedWallets,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            wallets,
            asked,
            clock,
        }
    }

    /// Pays, once nobody else pays the same invoice.
    async fn pay_in_turn(&self, request: PayRequest) -> Payment {
        let invoice = match Invoice::decode(&request.bolt11) {
            Ok(invoice) => invoice,
            Err(error) => return refused(&error.to_string()),
        };
        let end = Instant::now() + request.deadline;
        let _turn = match self.turn(invoice.payment_hash, end).await {
            Ok(Some(turn)) => turn,
            Ok(None) => {
                let text = "another call is paying this invoice";
                return Payment::unknown(Error::new(ErrorKind::Timeout, text));
            }
            // Before any wallet was asked by this call; but an earlier one may have asked.
            Err(error) => return Payment::unknown(error.into()),
        };
        match self.first_for(&invoice).await {
            Ok(first) => self.pay_from(first, &invoice, &request, end).await,
            Err(outcome) => outcome,
        }
    }

    /// Waits until no other call pays an invoice with this hash; `None` if that takes too long.
    async fn turn(&self, hash: PaymentHash, end: Instant) -> Result<Option<FileLock>, FileError> {
        loop {
            let turn = self.asked.turn(hash)?;
            if turn.is_some() || Instant::now() >= end {
                return Ok(turn);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Returns the wallet that is to be asked first, or the outcome of an earlier call.
    async fn first_for(&self, invoice: &Invoice) -> Result<First, Payment> {
        let hash = invoice.payment_hash;
        let noted = self.asked.wallet(hash);
        match noted.map_err(|error| Payment::unknown(error.into()))? {
            Some(name) => {
                let begun = self.place(&name).map(First::Begun);
                begun.ok_or_else(|| Payment::unknown(is_elsewhere(&name)))
            }
            None if invoice.expires > self.clock.wall() => Ok(First::Fresh),
            // Its note may have been removed since: every wallet is asked what it knows.
            None => Err(match self.lookup_all(hash).await {
                Ok(Some(outcome)) => outcome,
                Ok(None) => refused("the invoice has expired"),
                Err(error) => Payment::unknown(error),
            }),
        }
    }

    async fn pay_from(
        &self,
        first: First,
        invoice: &Invoice,
        request: &PayRequest,
        end: Instant,
    ) -> Payment {
        let (first, mut was_asked) = match first {
            First::Begun(place) => (place, true),
            First::Fresh => (0, false),
        };
        let mut failed: Option<Payment> = None;
        let last = self.wallets.len().saturating_sub(1);
        for (place, wallet) in self.wallets.iter().enumerate().skip(first) {
            let left = end.saturating_duration_since(Instant::now());
            if left < LEAST && failed.is_some() {
                break;
            }
            // Before it is asked, and durable: a crash in between must not lead to another wallet.
            let noted = self
                .asked
                .note(invoice.payment_hash, &wallet.name(), invoice.expires);
            if let Err(error) = noted {
                return failed.unwrap_or_else(|| Payment::unknown(error.into()));
            }
            let request = PayRequest::new(request.bolt11.clone(), request.max_fee, left);
            let outcome = if core::mem::take(&mut was_asked) {
                pay_again(&**wallet, request, invoice.payment_hash).await
            } else {
                wallet.pay(request).await
            };
            let Payment::Failed(failure) = &outcome else {
                self.asked.prune(self.clock.wall());
                return outcome;
            };
            if place < last {
                let reason = escape(&failure.error.to_string());
                output::tell(&format!("{} could not pay: {reason}", wallet.name()));
            }
            failed = Some(outcome);
        }
        // All that were asked have failed for certain, so the next call may begin anew.
        self.asked.forget(invoice.payment_hash);
        failed.unwrap_or_else(|| refused("there is no wallet to ask"))
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.wallets.iter().position(|wallet| wallet.name() == name)
    }

    /// Asks the wallet that was asked to pay, or all of them if that is not noted.
    async fn lookup_noted(&self, hash: PaymentHash) -> Result<Option<Payment>, Error> {
        let Some(name) = self.asked.wallet(hash)? else {
            return self.lookup_all(hash).await;
        };
        let wallet = self.place(&name).and_then(|place| self.wallets.get(place));
        match wallet {
            Some(wallet) => wallet.lookup(hash).await,
            None => Err(is_elsewhere(&name)),
        }
    }

    /// Asks all wallets. One that settled it decides; *failed* and *never begun* need the word of all.
    async fn lookup_all(&self, hash: PaymentHash) -> Result<Option<Payment>, Error> {
        let mut found: Result<Option<Payment>, Error> = Ok(None);
        for wallet in &self.wallets {
            let outcome = wallet.lookup(hash).await;
            found = match (found, outcome) {
                (_, Ok(Some(settled @ Payment::Settled { .. }))) => return Ok(Some(settled)),
                (found @ (Err(_) | Ok(Some(Payment::Unknown(_)))), _) => found,
                (_, open @ (Err(_) | Ok(Some(Payment::Unknown(_))))) => open,
                (found, Ok(None)) => found,
                (_, failed) => failed,
            };
        }
        found
    }
}

/// Asks a wallet again that an earlier call has asked. A *failed* counts only if the wallet has it on
/// record, too: the earlier attempt may be under way while this one was never sent.
async fn pay_again(wallet: &dyn Pay, request: PayRequest, hash: PaymentHash) -> Payment {
    let outcome = wallet.pay(request).await;
    let Payment::Failed(failure) = outcome else {
        return outcome;
    };
    match wallet.lookup(hash).await {
        Ok(Some(known)) => known,
        Ok(None) | Err(_) => Payment::unknown(failure.error),
    }
}

/// Returns the error of a payment that only a wallet of this name, which is not here, knows of.
fn is_elsewhere(name: &str) -> Error {
    let text = format!("it was begun with {name}, which is not among these wallets");
    Error::new(ErrorKind::Unavailable, text)
}

fn refused(text: &str) -> Payment {
    Payment::failed(Error::new(ErrorKind::Rejected, text))
}

impl Pay for Preference {
    fn network(&self) -> Network {
        let first = self.wallets.first();
        first.map_or(Network::Regtest, |wallet| wallet.network())
    }

    fn name(&self) -> String {
        let names: Vec<String> = self.wallets.iter().map(|wallet| wallet.name()).collect();
        names.join(THEN)
    }

    fn answers_for(&self, name: &str) -> bool {
        name.split(THEN).all(|name| self.place(name).is_some())
    }

    fn pay(&self, request: PayRequest) -> BoxFuture<'_, Payment> {
        Box::pin(self.pay_in_turn(request))
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Error>> {
        Box::pin(self.lookup_noted(payment_hash))
    }

    fn failure_is_last(&self) -> bool {
        self.wallets.iter().all(|wallet| wallet.failure_is_last())
    }

    /// A payment goes through one wallet, so this is the largest of the balances and no sum.
    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        Box::pin(async move {
            let mut largest: Option<Result<Msat, Error>> = None;
            for wallet in &self.wallets {
                largest = Some(match (largest, wallet.balance().await) {
                    (Some(Ok(one)), Ok(other)) => Ok(one.max(other)),
                    (Some(Ok(one)), Err(_)) => Ok(one),
                    (_, balance) => balance,
                });
            }
            largest.unwrap_or(Ok(Msat::ZERO))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use l402::{Preimage, UnixTime};
    use l402_host::ManualClock;
    use l402_lightning::sandbox::Sandbox;
    use l402_lightning::{InvoiceRequest, Receive as _};

    use super::*;

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
}

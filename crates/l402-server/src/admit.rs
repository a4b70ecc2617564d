//! The one async function around the decision: drives ledger and node.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use l402::{Condition, Problem, UnixTime};
use l402_host::{Clock, SystemClock};
use l402_lightning::{InvoiceRequest, NewInvoice, Receive};
use tokio::sync::Semaphore;

use crate::answer::{Refusal, ReservedUse};
use crate::challenge::{Attempt, Breaker, ChallengeLimits, Limiter, Offer};
use crate::decide::{Decision, Proof, decide};
use crate::granted::Granted;
use crate::ledger::{Ledger, MemoryLedger, Reservation, ReserveError, UseRequest};
use crate::request::{CanonicalRequest, Presented};
use crate::table::{Charge, MAX_INVOICE_EXPIRY, Matched, Priced, Snapshot};

/// How long the node may take for an invoice.
const NODE_TIMEOUT: Duration = Duration::from_secs(2);

/// Invoices that the node may be asked for at once (ATTACKS D-12).
const NODE_CALLS_AT_ONCE: usize = 256;

/// The pause before the second try after an upstream's failure, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A paywall: ledger, node, limits and clock. Cheap to clone; one for the whole process.
///
/// Must run on a tokio runtime with time enabled.
#[derive(Clone, Debug)]
pub struct Paywall {
    shared: Arc<PaywallShared>,
}

#[derive(Debug)]
struct PaywallShared {
    settings: PaywallBuilder,
    /// Written by a reload alone.
    limiter: RwLock<Limiter>,
    breaker: Breaker,
    places: Semaphore,
    node_calls: AtomicU64,
}

/// Puts a [`Paywall`] together. By default: ledger in memory, default limits, system clock.
#[derive(Debug)]
pub struct PaywallBuilder {
    receive: Arc<dyn Receive>,
    ledger: Arc<dyn Ledger>,
    limits: ChallengeLimits,
    clock: Arc<dyn Clock>,
    lsat_line: bool,
    invalid_credential_402: bool,
}

impl Paywall {
    /// Starts a builder. `receive` makes the invoices.
    #[must_use]
    pub fn builder(receive: Arc<dyn Receive>) -> PaywallBuilder {
        PaywallBuilder {
            receive,
            ledger: Arc::new(MemoryLedger::new()),
            limits: ChallengeLimits::default(),
            clock: Arc::new(SystemClock::default()),
            lsat_line: false,
            invalid_credential_402: false,
        }
    }

    /// Decides, reserves a use or makes a challenge.
    ///
    /// May be dropped at any moment: what was reserved is given back, and no try is spent.
    ///
    /// # Errors
    /// A [`Refusal`], which is an answer ready to send.
    pub async fn admit(
        &self,
        snapshot: &Snapshot,
        request: &CanonicalRequest,
    ) -> Result<Granted, Refusal> {
        let now = self.shared.settings.clock.wall();
        match decide(request, snapshot, now) {
            Decision::Free(matched) => Ok(Granted::new(matched, request, None, None)),
            Decision::Granted(matched, proof) => {
                Ok(Granted::new(matched, request, Some(proof), None))
            }
            Decision::Reserve(matched, proof) => {
                self.reserve(snapshot, request, matched, proof, now).await
            }
            Decision::Challenge(matched, problem) => {
                Err(self.challenge(snapshot, request, &matched, problem).await)
            }
            Decision::Preflight(matched) => {
                let method = request.preflight_method.clone().unwrap_or_default();
                Err(Refusal::preflight(method).on(&matched, request))
            }
            Decision::Refuse(matched, problem) => {
                Err(self.refuse(snapshot, request, matched, problem).await)
            }
        }
    }

    /// Limits challenges otherwise from now on. What was taken of a limit stays taken.
    pub fn set_limits(&self, limits: ChallengeLimits) {
        let now = self.shared.settings.clock.monotonic();
        let limiter = self.shared.limiter.write();
        limiter
            .unwrap_or_else(PoisonError::into_inner)
            .set(limits, now);
    }

    /// Waits until every settled use is durable: before the process ends.
    pub async fn flush(&self) {
        self.shared.settings.ledger.flush().await;
    }

    /// How many times the node was asked for an invoice.
    #[must_use]
    pub fn node_calls(&self) -> u64 {
        self.shared.node_calls.load(Ordering::Relaxed)
    }

    async fn refuse(
        &self,
        snapshot: &Snapshot,
        request: &CanonicalRequest,
        matched: Option<Matched>,
        problem: Problem,
    ) -> Refusal {
        match matched {
            Some(matched) if self.shared.settings.invalid_credential_402 => {
                self.challenge(snapshot, request, &matched, problem).await
            }
            Some(matched) => match &request.presented {
                Presented::Malformed(error) => Refusal::new(problem).with_detail(error.to_string()),
                _ => Refusal::new(problem),
            }
            .on(&matched, request),
            None if problem == Problem::MethodNotAllowed => {
                Refusal::new(problem).with_allow(snapshot.allowed(&request.path))
            }
            None => Refusal::new(problem),
        }
    }

    async fn reserve(
        &self,
        snapshot: &Snapshot,
        request: &CanonicalRequest,
        matched: Matched,
        proof: Proof,
        now: UnixTime,
    ) -> Result<Granted, Refusal> {
        let ledger = &self.shared.settings.ledger;
        let refusal = match ledger.reserve(use_request(&proof, now)).await {
            Ok(reservation) => {
                let charge = matched
                    .route
                    .sold()
                    .map_or(Charge::Success, |priced| priced.charge);
                let reserved = ReservedUse::new(Arc::clone(ledger), reservation, charge);
                slow_down(reservation).await;
                return Ok(Granted::new(matched, request, Some(proof), Some(reserved)));
            }
            Err(ReserveError::Consumed) => {
                return Err(self
                    .challenge(snapshot, request, &matched, Problem::Consumed)
                    .await);
            }
            Err(ReserveError::InUse) => Refusal::new(Problem::InUse).with_paid(true),
            Err(ReserveError::Unavailable(error)) => {
                tracing::error!(%error, "the ledger cannot be written");
                Refusal::new(Problem::StoreUnavailable).with_paid(true)
            }
        };
        Err(refusal.on(&matched, request))
    }

    /// Limits first, then the node, then the token. Nothing is written.
    async fn challenge(
        &self,
        snapshot: &Snapshot,
        request: &CanonicalRequest,
        matched: &Matched,
        problem: Problem,
    ) -> Refusal {
        let Some(priced) = matched.route.sold() else {
            return Refusal::new(Problem::Internal);
        };
        let monotonic = self.shared.settings.clock.monotonic();
        let refusal = match self.shared.take_challenge(request.peer, monotonic) {
            Err(wait) => Refusal::new(Problem::TooManyChallenges).with_retry_after(wait),
            Ok(()) => match self.shared.offer(snapshot, priced).await {
                Ok(offer) => Refusal::new(problem).with_offer(offer),
                Err(wait) => Refusal::new(Problem::NodeUnavailable).with_retry_after(wait),
            },
        };
        refusal.on(matched, request)
    }
}

impl PaywallShared {
    /// Takes one challenge out of the peer's budget and the others'.
    ///
    /// # Errors
    /// The time to wait, if one of them is spent.
    fn take_challenge(&self, peer: IpAddr, now: Duration) -> Result<(), Duration> {
        let limiter = self.limiter.read().unwrap_or_else(PoisonError::into_inner);
        limiter.take(peer, now)
    }

    /// Asks the node, and checks what it says.
    ///
    /// # Errors
    /// How long to wait before asking again.
    async fn offer(&self, snapshot: &Snapshot, priced: &Priced) -> Result<Offer, Duration> {
        let clock = &self.settings.clock;
        let Ok(_place) = self.places.try_acquire() else {
            return Err(NODE_TIMEOUT);
        };
        let attempt = self.breaker.attempt(clock.monotonic())?;
        let made = self.ask(priced).await;
        let lsat_line = self.settings.lsat_line;
        let offer =
            made.and_then(|made| Offer::new(&made, priced, snapshot, clock.wall(), lsat_line));
        self.judge(attempt, offer)
    }

    async fn ask(&self, priced: &Priced) -> Result<NewInvoice, String> {
        self.node_calls.fetch_add(1, Ordering::Relaxed);
        let request = InvoiceRequest {
            amount: priced.price,
            expiry: priced.invoice_expiry,
            memo: priced.memo.clone(),
        };
        match tokio::time::timeout(NODE_TIMEOUT, self.settings.receive.create_invoice(request))
            .await
        {
            Ok(made) => made.map_err(|error| error.to_string()),
            Err(_) => Err("no invoice in time".to_owned()),
        }
    }

    fn judge(&self, attempt: Attempt<'_>, offer: Result<Offer, String>) -> Result<Offer, Duration> {
        match offer {
            Ok(offer) => {
                attempt.succeeded();
                Ok(offer)
            }
            Err(error) => {
                tracing::warn!(%error, "no invoice can be offered");
                Err(attempt.failed(self.settings.clock.monotonic()))
            }
        }
    }
}

fn use_request(proof: &Proof, now: UnixTime) -> UseRequest {
    UseRequest {
        payment_hash: proof.authorized.payment_hash(),
        uses: proof
            .authorized
            .policy()
            .uses()
            .unwrap_or(std::num::NonZeroU32::MIN),
        expires: row_expires(proof, now),
        now,
    }
}

/// When every token of this payment has ended.
///
/// The proof says when *this* token ends, and its holder may have made that as short as wished;
/// a row that ended with it would let the token as it was bought be used once more. The first
/// end that the token names is the mint's own; without it, no token sold here lasts longer than
/// the longest invoice and the policy together.
fn row_expires(proof: &Proof, now: UnixTime) -> UnixTime {
    let Proof { proven, authorized } = proof;
    let latest = now.saturating_add(MAX_INVOICE_EXPIRY + authorized.policy().lifetime());
    proven
        .minted_end(authorized.service())
        .filter(|_| authorized.checked().has(Condition::ValidUntil))
        .unwrap_or(latest)
}

/// A payment that the upstream has failed again and again waits a little before each further try.
/// The first failure is free.
async fn slow_down(reservation: Reservation) {
    if let Some(doublings) = reservation.failures.checked_sub(2) {
        let pause = FIRST_PAUSE
            .saturating_mul(1 << doublings.min(16))
            .min(LONGEST_PAUSE);
        tokio::time::sleep(pause).await;
    }
}

impl PaywallBuilder {
    /// Where uses are counted.
    #[must_use]
    pub fn ledger(mut self, ledger: Arc<dyn Ledger>) -> Self {
        self.ledger = ledger;
        self
    }

    /// Limits on challenges.
    #[must_use]
    pub fn limits(mut self, limits: ChallengeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// An `LSAT` line before the `L402` one, for old gRPC clients. Off by default.
    #[must_use]
    pub fn lsat_line(mut self, on: bool) -> Self {
        self.lsat_line = on;
        self
    }

    /// Answers a malformed or forged credential with 402 instead of 401, for clients that know
    /// nothing else. The answer keeps its code, and offers an invoice like any other 402.
    #[must_use]
    pub fn invalid_credential_402(mut self, on: bool) -> Self {
        self.invalid_credential_402 = on;
        self
    }

    /// Done.
    #[must_use]
    pub fn build(self) -> Paywall {
        let shared = PaywallShared {
            limiter: RwLock::new(Limiter::new(self.limits)),
            breaker: Breaker::default(),
            places: Semaphore::new(NODE_CALLS_AT_ONCE),
            node_calls: AtomicU64::new(0),
            settings: self,
        };
        Paywall {
            shared: Arc::new(shared),
        }
    }
}

//! The one async function around the decision: it calls the ledger and the node.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::Method;
use l402::{Condition, Identifier, Msat, Problem, RetryWith, UnixTime};
use l402_host::{Clock, SystemClock};
use l402_lightning::{InvoiceRequest, NewInvoice, Receive};
use tokio::sync::Semaphore;

use crate::answer::{Refusal, ReservedUse, UseReport, UseState};
use crate::challenge::{
    Attempt, Attempts, Breaker, ChallengeLimits, Crowd, Limiter, Offer, Seldom,
};
use crate::decide::{Decision, Proof, decide};
use crate::granted::Granted;
use crate::ledger::{Allowance, Ledger, MemoryLedger, ReserveError, ReserveRequest, Setbacks};
use crate::observe::{Exchange, Observation, Observe, Verdict};
use crate::request::{CanonicalRequest, Presented};
use crate::settled::{Arrival, SettledCheck, Sold};
use crate::table::{Charge, MAX_INVOICE_EXPIRY, Matched, Priced, Snapshot};

/// The longest that the node may take for an invoice.
const NODE_TIMEOUT: Duration = Duration::from_secs(2);

/// The most invoices that are requested from the node at the same time (ATTACKS D-12).
const NODE_CALLS_AT_ONCE: usize = 256;

/// A paywall: ledger, node, limits and clock. Cheap to clone; one for the whole process, since
/// limits hold per paywall.
///
/// Must run on a tokio runtime with time enabled.
///
/// ```
/// use std::sync::Arc;
/// use l402::{KeyNumber, KeyRing, MasterKey, Network};
/// use l402_host::SystemClock;
/// use l402_lightning::sandbox::Sandbox;
/// use l402_server::{CanonicalRequest, Paywall, Route, Snapshot};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let key = "5b1fd1bf0c29f3fa9a5fcd9bfc0cf0d4ae0b2c1cd2f7e3ac0c6e1a2f9b3c7d58";
/// # let keys = KeyRing::new("docs", KeyNumber(1), MasterKey::from_hex(key)?);
/// # let home = tempfile::tempdir()?;
/// let routes = vec![Route::priced("/joke", "joke".parse()?, "50 sat".parse()?)];
/// let snapshot = Snapshot::new(routes, vec![], keys, Network::Regtest)?;
/// let node = Sandbox::open(home.path(), Arc::new(SystemClock::default()))?;
/// let paywall = Paywall::builder(Arc::new(node)).build();
///
/// let (head, ()) = http::Request::get("/joke").body(())?.into_parts();
/// let request = CanonicalRequest::from_parts(&head, [192, 0, 2, 1].into()).expect("one reading");
/// let refusal = paywall.admit(&snapshot, &request).await.expect_err("nothing was paid");
/// assert!(refusal.has_challenge());
/// let answer = refusal.into_response();
/// assert_eq!(answer.status(), 402);
/// assert!(answer.headers().contains_key("www-authenticate"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Paywall {
    shared: Arc<PaywallShared>,
}

#[derive(Debug)]
struct PaywallShared {
    settings: PaywallBuilder,
    /// Written by a reload alone.
    limiter: RwLock<Limiter>,
    attempts: Attempts,
    crowd: Crowd,
    breaker: Breaker,
    no_invoice: Seldom,
    places: Semaphore,
    node_calls: AtomicU64,
    setbacks: Arc<Setbacks>,
    /// `None` if a preimage is proof enough, so that the usual node costs a request nothing.
    settled: Option<Arc<SettledCheck>>,
}

/// Builds a [`Paywall`]. By default: ledger in memory, default limits, system clock.
#[derive(Debug)]
pub struct PaywallBuilder {
    receive: Arc<dyn Receive>,
    ledger: Arc<dyn Ledger>,
    limits: ChallengeLimits,
    clock: Arc<dyn Clock>,
    lsat_line: bool,
    invalid_credential_402: bool,
    observer: Option<Arc<dyn Observe>>,
}

impl Paywall {
    /// Starts a builder. `receive` is the node that makes the invoices.
    #[must_use]
    pub fn builder(receive: Arc<dyn Receive>) -> PaywallBuilder {
        PaywallBuilder {
            receive,
            ledger: Arc::new(MemoryLedger::new()),
            limits: ChallengeLimits::default(),
            clock: Arc::new(SystemClock::default()),
            lsat_line: false,
            invalid_credential_402: false,
            observer: None,
        }
    }

    /// Decides about a request, then reserves a use or makes a challenge, as the decision says.
    ///
    /// The future may be dropped at any moment: a use that was reserved is given back, and no try
    /// of the buyer is spent.
    ///
    /// # Errors
    /// A [`Refusal`]: an answer ready to send.
    pub async fn admit(
        &self,
        snapshot: &Snapshot,
        request: &CanonicalRequest,
    ) -> Result<Granted, Refusal> {
        self.admit_if(snapshot, request, |_| core::future::ready(true))
            .await
    }

    /// Does as [`Paywall::admit`] does, but sells nothing and passes nothing free that cannot be
    /// served. `available` is asked about the route that matched, and not asked if the request is paid.
    ///
    /// # Errors
    /// As [`Paywall::admit`], and [`Problem::UpstreamUnavailable`] if the route is not available.
    pub async fn admit_if<F: Future<Output = bool>>(
        &self,
        snapshot: &Snapshot,
        request: &CanonicalRequest,
        available: impl Fn(&Matched) -> F,
    ) -> Result<Granted, Refusal> {
        // Read once, so that decision and ledger agree on which tokens have ended.
        let now = self.shared.settings.clock.wall();
        let started = self.shared.observed_time();
        let decision = decide(request, snapshot, now);
        let observation = started.and_then(|at| self.shared.observe(request, &decision, at));
        let acted = match decision {
            Decision::Free(matched) if !available(&matched).await => {
                Err(NotGranted::Unavailable(matched))
            }
            decision => self.act(snapshot, request, decision, now).await,
        };
        let answer = match acted {
            Ok(granted) => Ok(granted),
            Err(NotGranted::Challenge(matched, problem, used)) => {
                let refusal = if available(&matched).await {
                    self.challenge(snapshot, request, &matched, problem).await
                } else {
                    Refusal::new(Problem::UpstreamUnavailable).on(&matched, request)
                };
                Err(match used {
                    Some(used) => refusal.with_use(used),
                    None => refusal,
                })
            }
            Err(NotGranted::Unavailable(matched)) => {
                Err(Refusal::new(Problem::UpstreamUnavailable).on(&matched, request))
            }
            Err(NotGranted::Refused(refusal)) => Err(refusal),
        };
        let answer = answer.map_err(|refusal| told_of_use(refusal, request));
        match (answer, observation) {
            (Ok(granted), Some(observation)) => Ok(granted.observed(observation)),
            (Err(refusal), Some(observation)) => {
                refusal.tell(&observation);
                Err(refusal)
            }
            (answer, None) => answer,
        }
    }

    /// Tells the observer of a request that the host refuses before the paywall decides about it,
    /// such as one that has no sure reading.
    pub fn observe_refusal(&self, method: &Method, refusal: &Refusal) {
        let settings = &self.shared.settings;
        if let Some(observer) = &settings.observer {
            refusal.tell(&Observation::of_unread(observer, &settings.clock, method));
        }
    }

    /// Does as the decision says.
    async fn act(
        &self,
        snapshot: &Snapshot,
        request: &CanonicalRequest,
        decision: Decision,
        now: UnixTime,
    ) -> Result<Granted, NotGranted> {
        // Before the ledger, which is for what was paid. Boxed, since few nodes need it.
        if let Some(check) = &self.shared.settled
            && let Decision::Granted(matched, proof) | Decision::Reserve(matched, proof) = &decision
        {
            Box::pin(has_arrived(check, request, matched, sold(proof, now))).await?;
        }
        // Only the three arms that begin with a proof, or with a free route, make a `Granted`.
        match decision {
            Decision::Free(matched) => Ok(Granted::new(matched, request, None, None)),
            Decision::Granted(matched, proof) => {
                Ok(Granted::new(matched, request, Some(proof), None))
            }
            Decision::Reserve(matched, proof) => self.reserve(request, matched, proof, now).await,
            Decision::Challenge(matched, problem) => {
                Err(NotGranted::Challenge(matched, problem, None))
            }
            Decision::Preflight(matched) => {
                let method = request.preflight_method.clone().unwrap_or_default();
                Err(Refusal::preflight(method).on(&matched, request).into())
            }
            Decision::Refuse(matched, problem) => {
                Err(self.refuse(snapshot, request, matched, problem))
            }
        }
    }

    /// Limits challenges, and with them the look-ups of payments, otherwise from now on. What was taken of a limit stays taken.
    pub fn set_limits(&self, limits: ChallengeLimits) {
        let now = self.shared.settings.clock.monotonic();
        let limiter = self.shared.limiter.write();
        limiter
            .unwrap_or_else(PoisonError::into_inner)
            .set(limits, now);
        if let Some(settled) = &self.shared.settled {
            settled.set_limits(limits);
        }
    }

    /// Waits until every settled use is durable. Call it before the process ends.
    pub async fn flush(&self) {
        self.shared.settings.ledger.flush().await;
    }

    /// Returns the number of invoices that were requested from the node since the start.
    #[must_use]
    pub fn node_calls(&self) -> u64 {
        self.shared.node_calls.load(Ordering::Relaxed)
    }

    /// Makes the answer to a request that the decision refuses.
    fn refuse(
        &self,
        snapshot: &Snapshot,
        request: &CanonicalRequest,
        matched: Option<Matched>,
        problem: Problem,
    ) -> NotGranted {
        let refusal = match matched {
            // A route is named only if its credential failed.
            Some(matched) => match self.shared.take_attempt(request) {
                Err(wait) => Refusal::new(Problem::TooManyAttempts).with_retry_after(wait),
                // Old clients read nothing but 402.
                Ok(()) if self.shared.settings.invalid_credential_402 => {
                    return NotGranted::Challenge(matched, problem, None);
                }
                Ok(()) => match &request.presented {
                    Presented::Malformed(error) => {
                        Refusal::new(problem).with_detail(error.to_string())
                    }
                    _ => Refusal::new(problem),
                },
            }
            .on(&matched, request),
            None if problem == Problem::MethodNotAllowed => {
                Refusal::new(problem).with_allow(snapshot.allowed(&request.path))
            }
            None => match request.ambiguity {
                Some(ambiguity) if problem == Problem::BadRequest => {
                    Refusal::new(problem).with_detail(ambiguity.advice())
                }
                _ => Refusal::new(problem),
            },
        };
        refusal.into()
    }

    /// Reserves a use for a paid request. If all are spent, offers a new invoice.
    async fn reserve(
        &self,
        request: &CanonicalRequest,
        matched: Matched,
        proof: Proof,
        now: UnixTime,
    ) -> Result<Granted, NotGranted> {
        let ledger = &self.shared.settings.ledger;
        let end = proof.authorized.valid_until();
        let kept = UseReport::of_paid(UseState::Kept, None, end);
        // Before the ledger, so that a try that comes too early leaves no trace.
        let payment = proof.authorized.payment_hash();
        if let Some(wait) = self.shared.setbacks.wait(payment) {
            let failing = Refusal::new(Problem::UpstreamFailing).with_retry_after(wait);
            return Err(failing.with_use(kept).on(&matched, request).into());
        }
        let refusal = match ledger.reserve(reserve_request(&proof, now)).await {
            Ok(reservation) => {
                let charge = matched
                    .route
                    .sold()
                    .map_or(Charge::Success, |priced| priced.charge);
                let left = Some(reservation.left());
                let reserved = ReservedUse::new(Arc::clone(ledger), reservation, charge)
                    .with_setbacks(&self.shared.setbacks, payment);
                let granted = Granted::new(matched, request, Some(proof), Some(reserved));
                return Ok(granted.with_uses_left(left));
            }
            Err(ReserveError::Consumed) => {
                let none_left = UseReport::of_paid(UseState::Spent, Some(0), end);
                let challenge = NotGranted::Challenge(matched, Problem::Consumed, Some(none_left));
                return Err(challenge);
            }
            // No invoice while a use may still be given back: the buyer would pay twice.
            Err(ReserveError::InUse) => Refusal::new(Problem::InUse).with_use(kept),
            Err(error @ (ReserveError::ClockBehind { .. } | ReserveError::Unavailable(_))) => {
                // An error for the log alone: what is wrong is the seller's, and his to set right.
                tracing::error!(%error, "no use can be counted");
                Refusal::new(Problem::StoreUnavailable).with_use(kept)
            }
        };
        Err(refusal.on(&matched, request).into())
    }

    /// Makes a challenge: takes it out of the limits, asks the node, mints the token. Writes
    /// nothing. Without a place, an invoice or a token the answer is 429 or 503.
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
        // Before the node is asked, which is what a flood would cost (ATTACKS D-01). By the address
        // of the socket alone: a header could name any other (ATTACKS D-02).
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

/// The reason why a request does not pass.
enum NotGranted {
    /// A challenge is due, if there is something to sell. It tells what became of the credential.
    Challenge(Matched, Problem, Option<UseReport>),
    Refused(Refusal),
    /// The route is free, and cannot be served.
    Unavailable(Matched),
}

impl From<Refusal> for NotGranted {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl PaywallShared {
    /// Takes one challenge out of the peer's budget and the others'.
    ///
    /// # Errors
    /// The time to wait, if one of them is spent.
    fn take_challenge(&self, peer: IpAddr, now: Duration) -> Result<(), Duration> {
        let limiter = self.limiter.read().unwrap_or_else(PoisonError::into_inner);
        let taken = limiter.take(peer, now);
        if self.crowd.note(peer, taken.is_err(), now) {
            tracing::warn!(
                %peer,
                "nearly all requests without a credential come from one address, and most are \
                 refused (429); if it is a proxy in front of this program, its buyers share the \
                 limits of one address: raise or switch off those per address and network \
                 (challenges.per_peer_…, challenges.per_prefix_…)"
            );
        }
        taken
    }

    /// Counts a credential that does not hold.
    ///
    /// # Errors
    /// The time to wait, if there were too many of this peer or at this token.
    fn take_attempt(&self, request: &CanonicalRequest) -> Result<(), Duration> {
        let token = match &request.presented {
            Presented::Credential(credential) => credential.macaroon().identifier().ok(),
            Presented::Malformed(_) | Presented::Nothing | Presented::Proven(_) => None,
        };
        let now = self.settings.clock.monotonic();
        self.attempts.take(request.peer, token, now)
    }

    /// Returns the time if there is an observer, whom alone it is for.
    fn observed_time(&self) -> Option<Duration> {
        let observer = self.settings.observer.as_ref();
        observer.map(|_| self.settings.clock.monotonic())
    }

    /// Tells the observer of the decision, and returns what follows the request to its end.
    fn observe(
        &self,
        request: &CanonicalRequest,
        decision: &Decision,
        started: Duration,
    ) -> Option<Box<Observation>> {
        let PaywallBuilder {
            observer, clock, ..
        } = &self.settings;
        let (verdict, matched) = match decision {
            Decision::Challenge(matched, problem) => (Verdict::Challenge(*problem), Some(matched)),
            Decision::Free(matched) => (Verdict::Free, Some(matched)),
            Decision::Granted(matched, _) => (Verdict::Uncounted, Some(matched)),
            Decision::Preflight(matched) => (Verdict::Preflight, Some(matched)),
            Decision::Refuse(matched, problem) => (Verdict::Refuse(*problem), matched.as_ref()),
            Decision::Reserve(matched, _) => (Verdict::Counted, Some(matched)),
        };
        let observer = observer.as_ref()?;
        // Before anything is copied for it: most requests of a busy gateway may be free ones.
        if !observer.follows(verdict) {
            observer.counted(verdict);
            return None;
        }
        // Token id and payment hash are told of a genuine credential alone: others choose them.
        let route = matched.map(|matched| &matched.route);
        let exchange = Exchange::new(request, route, genuine(request, decision), started);
        let exchange = match decision {
            Decision::Granted(_, proof) | Decision::Reserve(_, proof) => {
                exchange.with_bought(&proof.authorized)
            }
            _ => exchange,
        };
        Some(Observation::begin(observer, clock, exchange, verdict))
    }

    /// Asks the node for an invoice, checks it, and mints its token.
    ///
    /// # Errors
    /// The time to wait before asking again.
    async fn offer(&self, snapshot: &Snapshot, priced: &Priced) -> Result<Offer, Duration> {
        let clock = &self.settings.clock;
        // Does not wait for a place: behind a slow node that queue would only grow (ATTACKS D-12).
        let Ok(_place) = self.places.try_acquire() else {
            return Err(NODE_TIMEOUT);
        };
        let attempt = self.breaker.attempt(clock.monotonic())?;
        let made = self.ask(priced).await;
        let lsat_line = self.settings.lsat_line;
        let offer = made.and_then(|made| {
            let offer = Offer::new(&made, priced, snapshot, clock.wall(), lsat_line);
            offer.map_err(NoOffer::of_route)
        });
        self.judge(attempt, offer, priced)
    }

    /// Asks the node for an invoice, for `NODE_TIMEOUT` at most.
    async fn ask(&self, priced: &Priced) -> Result<NewInvoice, NoOffer> {
        self.node_calls.fetch_add(1, Ordering::Relaxed);
        let request = InvoiceRequest::new(priced.price, priced.invoice_expiry, priced.memo.clone());
        match tokio::time::timeout(NODE_TIMEOUT, self.settings.receive.create_invoice(request))
            .await
        {
            Ok(made) => made.map_err(|error| NoOffer {
                text: error.to_string(),
                is_of_node: error.is_of_node(),
            }),
            Err(_) => Err(NoOffer {
                text: "no invoice in time".to_owned(),
                is_of_node: true,
            }),
        }
    }

    /// Tells the circuit breaker how the attempt ended, if that says something about the node.
    ///
    /// # Errors
    /// The time to wait before asking again.
    fn judge(
        &self,
        attempt: Attempt<'_>,
        offer: Result<Offer, NoOffer>,
        priced: &Priced,
    ) -> Result<Offer, Duration> {
        let failed = match offer {
            Ok(offer) => {
                attempt.succeeded();
                return Ok(offer);
            }
            Err(failed) => failed,
        };
        let now = self.settings.clock.monotonic();
        if self.no_invoice.is_due(now) {
            let (error, service) = (&failed.text, priced.service.as_str());
            tracing::warn!(%error, service, "no invoice can be offered");
        }
        if failed.is_of_node {
            return Err(attempt.failed(now));
        }
        // Dropped, the attempt counts neither way: one route that cannot be sold must not stop the
        // others, nor prove that a node which was away is back.
        Err(Duration::ZERO)
    }
}

/// The reason why there is nothing to offer. Its text is for the log.
struct NoOffer {
    text: String,
    /// True if any other invoice would fail as well.
    is_of_node: bool,
}

impl NoOffer {
    /// An invoice that does not go with the route.
    fn of_route(text: String) -> Self {
        Self {
            text,
            is_of_node: false,
        }
    }
}

/// Tells a caller whose credential was refused, or not needed, that nothing of it was spent.
fn told_of_use(refusal: Refusal, request: &CanonicalRequest) -> Refusal {
    if refusal.used().is_empty() {
        refusal.with_use(UseReport::of_refused(request))
    } else {
        refusal
    }
}

/// Returns the credential's identifier, if the decision has found it genuine.
fn genuine(request: &CanonicalRequest, decision: &Decision) -> Option<Identifier> {
    match decision {
        Decision::Granted(_, proof) | Decision::Reserve(_, proof) => {
            Some(*proof.proven.identifier())
        }
        // Only a genuine token is challenged with another problem than this one.
        Decision::Challenge(_, Problem::PaymentRequired) => None,
        Decision::Challenge(..) => match &request.presented {
            Presented::Credential(credential) => credential.macaroon().identifier().ok(),
            Presented::Proven(proven) => Some(*proven.identifier()),
            Presented::Malformed(_) | Presented::Nothing => None,
        },
        Decision::Free(_) | Decision::Preflight(_) | Decision::Refuse(..) => None,
    }
}

/// Returns the request to the ledger for one use of what was proven.
fn reserve_request(proof: &Proof, now: UnixTime) -> ReserveRequest {
    let authorized = &proof.authorized;
    let uses = authorized.policy().uses().unwrap_or(NonZeroU32::MIN);
    let end = row_expires(proof, now);
    let allowance = Allowance::new(authorized.payment_hash(), uses.into(), end);
    ReserveRequest::one_use(allowance, now)
}

/// Refuses a credential whose payment has not arrived, as far as the node knows.
async fn has_arrived(
    check: &Arc<SettledCheck>,
    request: &CanonicalRequest,
    matched: &Matched,
    sold: Sold,
) -> Result<(), NotGranted> {
    let refusal = match check.arrival(sold, request.peer).await {
        Arrival::Settled => return Ok(()),
        Arrival::TooLittle => Refusal::new(Problem::NotSettled)
            .with_detail("Less than the price has arrived; ask the one who made it"),
        Arrival::NotYet => Refusal::new(Problem::NotSettled),
        Arrival::Wait(wait) => Refusal::new(Problem::NotSettled).with_retry_after(wait),
        // Nothing will arrive for this token any more, so a new one is offered.
        Arrival::Cancelled => {
            let matched = matched.clone();
            return Err(NotGranted::Challenge(matched, Problem::Revoked, None));
        }
        Arrival::Unknown => Refusal::new(Problem::NodeUnavailable)
            .with_detail(
                "Nobody can say at the moment if the payment has arrived; send the same \
                 credential again later, and do not pay again",
            )
            .with_retry_with(RetryWith::SameToken),
    };
    // Kept, and not `paid`: that is what nobody knows.
    let refusal = refusal.with_use(UseReport::of_unused());
    Err(refusal.on(matched, request).into())
}

/// Returns what was sold by a token, as the mint wrote it.
fn sold(proof: &Proof, now: UnixTime) -> Sold {
    let service = proof.authorized.service();
    Sold {
        payment: proof.authorized.payment_hash(),
        // Every token of ours names one. Without a price no amount suffices.
        price: proof.proven.minted_price(service).unwrap_or(Msat::MAX),
        end: row_expires(proof, now),
        lookup: proof.proven.minted_lookup(service).map(str::to_owned),
    }
}

/// Returns the time at which every token of this payment has ended, so that its row may go.
///
/// The end of *this* token is not enough: its holder may have appended an earlier one, and a row
/// that went with it would let the token as it was bought be used once more. The first end in a
/// token is the mint's own. If there is none, the longest invoice and the policy together bound the
/// life of every token sold here.
fn row_expires(proof: &Proof, now: UnixTime) -> UnixTime {
    let Proof { proven, authorized } = proof;
    let latest = now.saturating_add(MAX_INVOICE_EXPIRY + authorized.policy().lifetime());
    // If the route did not require an end, the first one in the token may be a holder's.
    proven
        .minted_end(authorized.service())
        .filter(|_| authorized.checked().has(Condition::ValidUntil))
        .unwrap_or(latest)
}

impl PaywallBuilder {
    /// Sets the ledger that counts uses. By default a [`MemoryLedger`], which a restart empties.
    #[must_use]
    pub fn ledger(mut self, ledger: Arc<dyn Ledger>) -> Self {
        self.ledger = ledger;
        self
    }

    /// Sets the limits on challenges. By default [`ChallengeLimits::default`].
    #[must_use]
    pub fn limits(mut self, limits: ChallengeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the clock. By default that of the system.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Writes an `LSAT` line before the `L402` line of a challenge, for old gRPC clients. Off by
    /// default.
    #[must_use]
    pub fn lsat_line(mut self, on: bool) -> Self {
        self.lsat_line = on;
        self
    }

    /// Answers a malformed or forged credential with 402 instead of 401, for clients that know
    /// nothing else. The answer keeps its code, and offers an invoice like any other 402. Off by
    /// default.
    #[must_use]
    pub fn invalid_credential_402(mut self, on: bool) -> Self {
        self.invalid_credential_402 = on;
        self
    }

    /// Sets the observer that is told of each decision and sale. By default there is none, and then
    /// nothing is computed for one.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observe>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Builds the paywall.
    #[must_use]
    pub fn build(self) -> Paywall {
        let shared = PaywallShared {
            limiter: RwLock::new(Limiter::new(self.limits)),
            attempts: Attempts::default(),
            crowd: Crowd::default(),
            breaker: Breaker::default(),
            no_invoice: Seldom::default(),
            places: Semaphore::new(NODE_CALLS_AT_ONCE),
            node_calls: AtomicU64::new(0),
            setbacks: Arc::new(Setbacks::new(Arc::clone(&self.clock))),
            settled: SettledCheck::of(&self.receive, &self.clock, NODE_TIMEOUT, self.limits),
            settings: self,
        };
        Paywall {
            shared: Arc::new(shared),
        }
    }
}

//! The paywall, and the way of one request through it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use http::Method;
use l402::{Problem, UnixTime};
use l402_host::SystemClock;
use l402_lightning::Receive;

use super::builder::PaywallBuilder;
use super::payment::{has_arrived, reserve_request, sold};
use super::shared::PaywallShared;
use crate::answer::{Refusal, ReservedUse, UseReport, UseState};
use crate::challenge::{ChallengeLimits, LimitHits};
use crate::decide::{Decision, Proof, decide, decide_without, holds_back_a_pass};
use crate::granted::Granted;
use crate::ledger::{MemoryLedger, ReserveError};
use crate::observe::Observation;
use crate::request::{CanonicalRequest, Presented};
use crate::table::{Charge, Matched, Snapshot};

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
    pub(super) shared: Arc<PaywallShared>,
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
                let held_back = holds_back_a_pass(request, snapshot, &matched, now);
                let refusal = refusal.with_pass(held_back);
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
        // A pass was given for what the node has called settled.
        if let Some(check) = &self.shared.settled
            && !matches!(request.presented, Presented::Passes(_))
            && let Decision::Granted(matched, proof) | Decision::Reserve(matched, proof) = &decision
        {
            Box::pin(has_arrived(check, request, matched, sold(proof, now))).await?;
        }
        // Only the three arms that begin with a proof, or with a free route, make a `Granted`, and
        // `reserve_one` for another proof.
        match decision {
            Decision::Free(matched) => Ok(Granted::new(matched, request, None, None)),
            Decision::Granted(matched, proof) => {
                Ok(Granted::new(matched, request, Some(proof), None))
            }
            Decision::Reserve(matched, proof) => {
                self.reserve_one(snapshot, request, matched, proof, now)
                    .await
            }
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
        self.shared.unlocks.set_limits(limits);
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

    /// Returns the number of times that each limit was hit since the start.
    #[must_use]
    pub fn limit_hits(&self) -> LimitHits {
        self.shared.limit_hits()
    }

    /// Returns the number of reservations that wait for the ledger, if it has a queue.
    #[must_use]
    pub fn ledger_queue(&self) -> Option<usize> {
        self.shared.settings.ledger.queue()
    }

    /// Returns true if the ledger stands under a lease that has ended, so that nothing can be reserved.
    #[must_use]
    pub fn ledger_has_lapsed(&self) -> bool {
        let lease = self.shared.settings.ledger.lease();
        lease.is_some_and(|lease| !lease.is_valid())
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
            // Its key is not here: the token may be genuine, so it costs no try, and nobody is told to buy again.
            Some(matched) if problem == Problem::StoreUnavailable => {
                Refusal::new(problem).on(&matched, request)
            }
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

    /// Reserves a use for a paid request. Of several passes those that are spent are passed over.
    async fn reserve_one(
        &self,
        snapshot: &Snapshot,
        request: &CanonicalRequest,
        matched: Matched,
        proof: Proof,
        now: UnixTime,
    ) -> Result<Granted, NotGranted> {
        let payment = proof.authorized.payment_hash();
        let mut reserved = self.reserve(request, matched, proof, now).await;
        let mut spent = vec![payment];
        while let Err(NotGranted::Challenge(matched, Problem::Consumed, _)) = &reserved {
            match decide_without(request, snapshot, matched, &spent, now) {
                Some(Decision::Reserve(matched, proof)) => {
                    spent.push(proof.authorized.payment_hash());
                    reserved = self.reserve(request, matched, proof, now).await;
                }
                // Of another policy, which the service had or has now: paid, and nothing to count.
                Some(Decision::Granted(matched, proof)) => {
                    return Ok(Granted::new(matched, request, Some(proof), None));
                }
                _ => break,
            }
        }
        reserved
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
        // Before units are reserved, so that they never stand under a later lease than this one.
        let lease = ledger.lease();
        let asked = self.shared.observed_time();
        let reserved = ledger.reserve(reserve_request(&proof, now)).await;
        self.shared.observe_reserved(asked, reserved.as_ref().err());
        let refusal = match reserved {
            Ok(reservation) => {
                let charge = matched
                    .route
                    .sold()
                    .map_or(Charge::Success, |priced| priced.charge);
                let left = Some(reservation.left());
                let reserved = ReservedUse::new(Arc::clone(ledger), reservation, charge)
                    .under(lease)
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
pub(super) enum NotGranted {
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

/// Tells a caller whose credential was refused, or not needed, that nothing of it was spent.
fn told_of_use(refusal: Refusal, request: &CanonicalRequest) -> Refusal {
    if refusal.used().is_empty() {
        refusal.with_use(UseReport::of_refused(request))
    } else {
        refusal
    }
}

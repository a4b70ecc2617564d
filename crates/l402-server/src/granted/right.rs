//! The value that the paywall hands to the host of an admitted request.

use std::sync::Arc;

use http::header::{HeaderValue, SET_COOKIE};
use http::{Method, Response, StatusCode};
use http_body::Body;
use l402::{Authorized, Problem, Proven};

use crate::answer::{
    Blame, Origin, RequestKind, ReservedUse, SettleBody, UseReport, UseState, Watch, allow_origin,
    leads_on, make_private, strip, vary_by_cookie,
};
use crate::decide::Proof;
use crate::ledger::{Lease, Settle};
use crate::observe::Observation;
use crate::request::{CanonicalRequest, Presented};
use crate::table::{Matched, Route, Snapshot};

/// The right of one request to be forwarded.
///
/// Only the paywall makes one, for a verified credential or an explicit free route. A host's
/// forwarding function takes it by value, so a path that forgot to check cannot be written.
///
/// Dropped without settling, it gives the use back, without limit: no answer, no charge. Two
/// exceptions: after [`Blame::buyer`] the drop counts as the buyer's failure, and if the request
/// itself is charged ([`Charge::Request`](crate::Charge::Request)) the use is spent.
#[derive(Debug)]
pub struct Granted(Box<Right>);

/// The contents of a [`Granted`], which is handed on through several functions: moving a pointer
/// costs less.
#[derive(Debug)]
struct Right {
    matched: Matched,
    proof: Option<Proof>,
    reserved: Option<ReservedUse>,
    kind: RequestKind,
    /// The origin of the page that asks, if the route lists it (CORS).
    cors_origin: Option<String>,
    /// The origin that the request was for, if the host has told it.
    asked_at: Option<Origin>,
    uses_left: Option<u64>,
    /// True if the request holds a credential, or something like one, on whatever route.
    presented: bool,
    /// True if it was paid by a cookie.
    by_pass: bool,
    /// The line that moves the pass to the place to which a redirect leads on.
    moved_pass: Option<HeaderValue>,
}

impl Granted {
    pub(crate) fn new(
        matched: Matched,
        request: &CanonicalRequest,
        proof: Option<Proof>,
        reserved: Option<ReservedUse>,
    ) -> Self {
        let kind = RequestKind {
            head: request.method == Method::HEAD,
            // The request alone is not believed: a caller could choose its content type so that a
            // plain answer is read as a failed gRPC call, and is free (ATTACKS H-17).
            grpc: request.grpc && matched.route.grpc,
            safe: matches!(request.method, Method::GET | Method::HEAD),
            timed: request.timed,
        };
        let cors_origin = matched
            .route
            .cors_origin(request.origin.as_deref())
            .map(str::to_owned);
        Self(Box::new(Right {
            matched,
            proof,
            reserved,
            kind,
            cors_origin,
            asked_at: None,
            uses_left: None,
            moved_pass: None,
            by_pass: matches!(request.presented, Presented::Passes(_)),
            presented: !matches!(request.presented, Presented::Nothing | Presented::Passes(_)),
        }))
    }

    /// Sets the uses that are left after this one.
    pub(crate) fn with_uses_left(mut self, uses: Option<u64>) -> Self {
        self.0.uses_left = uses;
        self
    }

    /// Names the origin that the request was for, so that [`Granted::settle`] can tell a redirect that
    /// stays there. Needed only if the answer is a redirect. Without it, and for a host that the seller
    /// has not named as an own one, each address with a host is one elsewhere.
    #[must_use]
    pub fn asked_at(self, request: &CanonicalRequest, table: &Snapshot) -> Self {
        match &request.host {
            Some(host) => self.asked_at_host(host.clone(), request.port, table),
            None => self,
        }
    }

    /// Names the origin that the client asked a proxy in front for, in place of the one that the
    /// proxy asked for. The host is in lower case.
    #[must_use]
    pub fn asked_at_host(mut self, host: String, port: Option<u16>, table: &Snapshot) -> Self {
        // A host comes from the buyer, and could name the place to which the goods are delivered by a
        // redirect: each use would come back, with the goods.
        if table.is_own_host(&host) {
            self.0.asked_at = Some(Origin { host, port });
        }
        self
    }

    /// Returns the proof of a request that was paid by the pass of one place, if the answer only leads on to
    /// another place of the origin.
    pub(crate) fn proof_that_moves<B>(&self, answer: &Response<B>) -> Option<&Proof> {
        let head = (answer.status(), answer.headers());
        let proof = self.0.proof.as_ref()?;
        let leads = answer.status() != StatusCode::NOT_MODIFIED
            && leads_on(head, self.0.kind.safe, self.0.asked_at.as_ref());
        (leads && proof.of_place.is_some()).then_some(proof)
    }

    /// Sets the line that moves the pass. It is sent only if the use is given back.
    pub(crate) fn with_moved_pass(mut self, line: Option<HeaderValue>) -> Self {
        self.0.moved_pass = line;
        self
    }

    /// Has an observer told of this exchange from now on.
    pub(crate) fn observed(mut self, mut observation: Box<Observation>) -> Self {
        observation.granted(self.0.uses_left);
        match &mut self.0.reserved {
            Some(reserved) => reserved.observe(observation),
            None => self.0.reserved = Some(ReservedUse::uncounted(observation)),
        }
        self
    }

    /// Returns the route that matched.
    #[must_use]
    pub fn route(&self) -> &Route {
        &self.0.matched.route
    }

    /// Returns the index of the route in [`Snapshot::routes`](crate::Snapshot::routes).
    #[must_use]
    pub fn route_index(&self) -> usize {
        self.0.matched.index
    }

    /// Returns the proof of payment for this request, or `None` on a free route.
    #[must_use]
    pub fn proof(&self) -> Option<&Authorized> {
        self.0.proof.as_ref().map(|proof| &proof.authorized)
    }

    /// Returns the part of the proof that holds for every request with the same credential, or
    /// `None` on a free route. A host may cache it.
    #[must_use]
    pub fn proven(&self) -> Option<&Arc<Proven>> {
        self.0.proof.as_ref().map(|proof| &proof.proven)
    }

    /// Returns the uses that are left to the buyer if this one is spent. `None` if the policy does
    /// not count, or the ledger does not tell.
    #[must_use]
    pub fn uses_left(&self) -> Option<u64> {
        self.0.uses_left
    }

    /// Names the problem that the host will answer with instead of the service, for an observer.
    #[must_use]
    pub fn with_problem(mut self, problem: Problem) -> Self {
        if let Some(reserved) = &mut self.0.reserved {
            reserved.replaced(problem);
        }
        self
    }

    /// Settles the use by the answer, and returns the answer with a body that settles at its end.
    ///
    /// | answer | the use |
    /// |---|---|
    /// | 2xx, 3xx | commit, when the body has ended |
    /// | 101, no body | commit at once |
    /// | 4xx; 304; a redirect of GET or HEAD to the same origin; any 307 or 308 to it | release, as the buyer's fault |
    /// | 5xx, a body that breaks off | release, as the upstream's fault |
    /// | a body that is dropped before its end | release, as the buyer's fault |
    /// | a `text/event-stream` that is dropped before its end | commit |
    ///
    /// After [`Blame::buyer`] every release is the buyer's fault, and so is a break after a stall of
    /// the buyer ([`SettleBody`]).
    ///
    /// If route, request and answer are gRPC, `grpc-status` decides: 0 commits. A failure after a
    /// message, and a time-out that the request itself has set, are the buyer's fault, because a
    /// buyer can cause both at will.
    ///
    /// Tells the buyer of the use by the headers of a [`UseReport`].
    ///
    /// Keeps paid answers out of caches: `cache-control: private, no-store`, `vary: authorization`.
    /// Removes payment challenges and receipts of the upstream's own from every answer, so that
    /// nobody pays the upstream unknowingly (ATTACKS H-30, H-34).
    #[must_use]
    pub fn settle<B: Body>(mut self, response: http::Response<B>) -> http::Response<SettleBody<B>> {
        let (mut parts, inner) = response.into_parts();
        let watch = self
            .0
            .reserved
            .take()
            .map_or(Err(UseState::Kept), |reserved| {
                let reserved = reserved.answered(parts.status);
                // The route sells the request itself, so the status does not matter.
                if reserved.charges_request() {
                    return Err(reserved.settle(Settle::ONE_USE));
                }
                Watch::of_answer(
                    reserved,
                    &parts,
                    &inner,
                    self.0.kind,
                    self.0.asked_at.as_ref(),
                )
            });
        let is_kept = matches!(watch, Err(UseState::Kept));
        let report = self.report(match &watch {
            Ok(watch) if watch.decides() => UseState::Pending,
            Ok(_) => UseState::Kept,
            Err(settled) => *settled,
        });
        strip(&mut parts.headers);
        if self.0.proof.is_some() {
            make_private(&mut parts.headers);
            if self.0.by_pass {
                vary_by_cookie(&mut parts.headers);
            }
            // After the cleaning, which takes passes out. A use that was spent opens no other page.
            if let Some(line) = self.0.moved_pass.take().filter(|_| is_kept) {
                parts.headers.append(SET_COOKIE, line);
            }
        }
        allow_origin(
            &mut parts.headers,
            &self.0.matched.route,
            self.0.cors_origin.as_deref(),
        );
        report.write(&mut parts.headers);
        http::Response::from_parts(parts, SettleBody::new(inner, watch.ok()))
    }

    /// Returns the report on the use of this request, after it has come to this.
    fn report(&self, state: UseState) -> UseReport {
        match self.proof() {
            Some(proof) => UseReport::of_paid(state, self.0.uses_left, proof.valid_until()),
            None if self.0.presented => UseReport::of_unused(),
            None => UseReport::default(),
        }
    }

    /// Returns a handle by which the host reports that the buyer broke this exchange; see
    /// [`Blame`].
    #[must_use]
    pub fn blame(&self) -> Blame {
        let reserved = self.0.reserved.as_ref();
        reserved.map_or_else(Blame::default, ReservedUse::blame)
    }

    /// Gives the use back because the upstream could not be reached, or took too long. So it is
    /// with [`Charge::Request`](crate::Charge::Request), too. After [`Blame::buyer`] this counts as
    /// the buyer's failure. Returns the report for the answer that the host makes.
    pub fn upstream_failed(self) -> UseReport {
        self.failed(Settle::ReleaseUpstream)
    }

    /// Returns the lease that the use stands under, if the ledger has leases. A host ends the wait for the
    /// answer with it.
    #[must_use]
    pub fn lease(&self) -> Option<Lease> {
        self.0.reserved.as_ref()?.lease().cloned()
    }

    /// Returns true if the use may no longer be served, because the lease of the ledger has ended. A host
    /// asks before it settles by an answer, and then answers with
    /// [`Problem::StoreUnavailable`] and [`Granted::not_forwarded`] instead.
    #[must_use]
    pub fn has_lapsed(&self) -> bool {
        let reserved = self.0.reserved.as_ref();
        reserved.is_some_and(ReservedUse::has_lapsed)
    }

    /// Gives the use back because the host has no place for the request, and has not asked the
    /// upstream. Unlike a failure of the upstream this does not slow down the next try. Returns the
    /// report for the answer that the host makes.
    pub fn not_forwarded(mut self) -> UseReport {
        if let Some(reserved) = &mut self.0.reserved {
            reserved.forget_setbacks();
        }
        self.failed(Settle::ReleaseUpstream)
    }

    /// Gives the use back as after a 4xx, because the buyer's request cannot be forwarded: its body
    /// broke off, is too large or too slow. So it is with
    /// [`Charge::Request`](crate::Charge::Request), too. Returns the report for the answer that the
    /// host makes.
    pub fn buyer_failed(self) -> UseReport {
        self.failed(Settle::ReleaseBuyer)
    }

    fn failed(mut self, settle: Settle) -> UseReport {
        let reserved = self.0.reserved.take();
        let state = reserved.map_or(UseState::Kept, |reserved| reserved.settle(settle));
        self.report(state)
    }
}

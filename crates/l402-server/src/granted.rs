//! The right to be forwarded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, VARY};
use http_body::Body;
use l402::{Authorized, Proven};

use crate::ledger::{Reservation, Settle};
use crate::{
    CanonicalRequest, Charge, Ledger, Matched, Proof, Route, SettleBody, body, refusal, seal,
};

/// Only the paywall makes one: of a verified credential, or of an explicit free route. What
/// forwards a request takes it by value.
///
/// Dropped without settling, it gives the use back as often as that happens: no answer, no
/// payment. Two exceptions: after [`Blame::buyer`] it counts as the buyer's failure, and where
/// the request itself is charged ([`Charge::Request`]) the use is spent.
#[derive(Debug)]
pub struct Granted {
    matched: Matched,
    proof: Option<Proof>,
    settlement: Option<Settlement>,
    asked: body::Asked,
    origin: Option<String>,
}

/// Says whose doing it is that an exchange goes wrong. A clone speaks of the same exchange.
///
/// A host hands one to whatever reads the body of the request. On a free route it does nothing.
#[derive(Clone, Debug, Default)]
pub struct Blame(Option<Arc<AtomicBool>>);

impl Blame {
    /// From here on, what goes wrong with this exchange is the buyer's doing: an upstream that
    /// breaks off because the body of the request did has not failed anybody.
    pub fn buyer(&self) {
        if let Some(buyers) = &self.0 {
            buyers.store(true, Ordering::Release);
        }
    }

    fn of_an_exchange() -> Self {
        Self(Some(Arc::default()))
    }

    fn is_buyers(&self) -> bool {
        let buyers = self.0.as_ref();
        buyers.is_some_and(|buyers| buyers.load(Ordering::Acquire))
    }
}

/// How far a request has come for which a use is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Still with the paywall.
    Waiting,
    /// In the hands of the host: perhaps forwarded, not answered.
    Granted,
    /// The head of the answer is there.
    Answered,
}

/// A reserved use that becomes settled exactly once: by word, or by being dropped.
#[derive(Debug)]
pub(crate) struct Settlement {
    ledger: Arc<dyn Ledger>,
    reservation: Reservation,
    charge: Charge,
    blame: Blame,
    stage: Stage,
    settled: bool,
}

impl Settlement {
    pub(crate) fn new(ledger: Arc<dyn Ledger>, reservation: Reservation, charge: Charge) -> Self {
        Self {
            ledger,
            reservation,
            charge,
            blame: Blame::of_an_exchange(),
            stage: Stage::Waiting,
            settled: false,
        }
    }

    /// A failure is the upstream's only where the buyer has not brought it about.
    pub(crate) fn settle(mut self, settle: Settle) {
        self.settled = true;
        let settle = match settle {
            Settle::ReleaseUpstream if self.blame.is_buyers() => Settle::ReleaseBuyer,
            other => other,
        };
        self.ledger.settle(self.reservation, settle);
    }

    /// From here on a drop is a buyer who leaves in mid-body.
    pub(crate) fn answered(mut self) -> Self {
        self.stage = Stage::Answered;
        self
    }

    fn charges_request(&self) -> bool {
        self.charge == Charge::Request
    }

    /// What a drop means. Before the head of an answer nobody has got anything, whoever ended
    /// it: the upstream hung, the buyer's patience ran out, or the host is stopping.
    fn dropped(&self) -> Settle {
        match self.stage {
            Stage::Waiting => Settle::ReleaseUpstream,
            _ if self.blame.is_buyers() => Settle::ReleaseBuyer,
            _ if self.charges_request() => Settle::Commit,
            _ if std::thread::panicking() => Settle::ReleaseUpstream,
            Stage::Granted => Settle::ReleaseUpstream,
            Stage::Answered => Settle::ReleaseBuyer,
        }
    }
}

impl Drop for Settlement {
    fn drop(&mut self) {
        if !self.settled {
            self.ledger.settle(self.reservation, self.dropped());
        }
    }
}

impl Granted {
    pub(crate) fn new(
        matched: Matched,
        request: &CanonicalRequest,
        proof: Option<Proof>,
        mut settlement: Option<Settlement>,
    ) -> Self {
        if let Some(settlement) = &mut settlement {
            settlement.stage = Stage::Granted;
        }
        let asked = body::Asked {
            head: request.method == http::Method::HEAD,
            grpc: request.grpc && matched.route.grpc,
            timed: request.timed,
        };
        let origin = matched
            .route
            .cors_origin(request.origin.as_deref())
            .map(str::to_owned);
        Self {
            matched,
            proof,
            settlement,
            asked,
            origin,
        }
    }

    /// The route.
    #[must_use]
    pub fn route(&self) -> &Route {
        &self.matched.route
    }

    /// Its index in the snapshot.
    #[must_use]
    pub fn route_index(&self) -> usize {
        self.matched.index
    }

    /// The proof, `None` on a free route.
    #[must_use]
    pub fn proof(&self) -> Option<&Authorized> {
        self.proof.as_ref().map(|proof| &proof.authorized)
    }

    /// What of the proof holds for every request that presents the same credential; `None` on a
    /// free route.
    #[must_use]
    pub fn proven(&self) -> Option<&Arc<Proven>> {
        self.proof.as_ref().map(|proof| &proof.proven)
    }

    /// Settles by the answer: 2xx and 3xx commit when the body has ended (at once for 101, for
    /// `text/event-stream`, and where no body follows). 4xx releases as the buyer's fault; 5xx and
    /// a broken body as the upstream's, unless [`Blame::buyer`] was said. A body that is dropped
    /// before its end counts as a buyer who left.
    ///
    /// Where route, request and answer are gRPC, `grpc-status` decides: 0 commits. A failure
    /// after a message, and a time-out that the request itself has set, are the buyer's: who buys
    /// could bring about either.
    ///
    /// Seals paid answers: `cache-control: private, no-store`, `vary: authorization`. Payment
    /// challenges and receipts of the upstream's own are taken out of every answer, so that
    /// nobody pays it unknowingly (ATTACKS H-30, H-34).
    #[must_use]
    pub fn settle<B: Body>(mut self, response: http::Response<B>) -> http::Response<SettleBody<B>> {
        let (mut parts, inner) = response.into_parts();
        let watch = self.settlement.take().and_then(|settlement| {
            if settlement.charges_request() {
                settlement.settle(Settle::Commit);
                return None;
            }
            body::Watch::of_answer(settlement.answered(), &parts, &inner, self.asked)
        });
        seal::strip(&mut parts.headers);
        if self.proof.is_some() {
            seal_paid(&mut parts.headers);
        }
        refusal::allow_origin(
            &mut parts.headers,
            &self.matched.route,
            self.origin.as_deref(),
        );
        http::Response::from_parts(parts, SettleBody::new(inner, watch))
    }

    /// A word on whose doing it is when this exchange goes wrong; see [`Blame`].
    #[must_use]
    pub fn blame(&self) -> Blame {
        let settlement = self.settlement.as_ref();
        settlement.map_or_else(Blame::default, |settlement| settlement.blame.clone())
    }

    /// The upstream could not be reached, or took too long: the use is given back, also where
    /// it is charged by the request. After [`Blame::buyer`] it counts as the buyer's failure.
    pub fn upstream_failed(mut self) {
        if let Some(settlement) = self.settlement.take() {
            settlement.settle(Settle::ReleaseUpstream);
        }
    }

    /// The buyer's request cannot be forwarded as it is: its body broke off, is too large or too
    /// slow. The use is given back as after a 4xx, also where it is charged by the request.
    pub fn buyer_failed(mut self) {
        if let Some(settlement) = self.settlement.take() {
            settlement.settle(Settle::ReleaseBuyer);
        }
    }
}

/// No cache keeps a paid answer, and none gives it to somebody else. Some caches have a header of
/// their own that they heed before `cache-control` (RFC 9213).
fn seal_paid(headers: &mut HeaderMap) {
    let targeted = |name: &&HeaderName| {
        let name = name.as_str();
        matches!(name, "surrogate-control" | "x-accel-expires")
            || name.ends_with("cdn-cache-control")
    };
    let doomed: Vec<_> = headers.keys().filter(targeted).cloned().collect();
    for name in doomed {
        headers.remove(name);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    let named = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        text.split(',')
            .any(|name| matches!(name.trim(), "*" | "authorization"))
    };
    if !headers.get_all(VARY).iter().any(named) {
        headers.append(VARY, HeaderValue::from_static("authorization"));
    }
}

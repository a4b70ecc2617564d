//! The right to be forwarded.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, HeaderMap, HeaderValue, VARY};
use http_body::Body;
use l402::Verified;

use crate::ledger::{Reservation, Settle};
use crate::{CanonicalRequest, Charge, Ledger, Matched, Route, SettleBody, body, refusal, seal};

/// Only the paywall makes one: of a verified credential, or of an explicit free route. What
/// forwards a request takes it by value. Dropped without settling, it gives the use back.
#[derive(Debug)]
pub struct Granted {
    matched: Matched,
    proof: Option<Verified>,
    settlement: Option<Settlement>,
    head: bool,
    origin: Option<String>,
}

/// A reserved use that becomes settled exactly once: by word, or by being dropped.
#[derive(Debug)]
pub(crate) struct Settlement {
    ledger: Arc<dyn Ledger>,
    reservation: Reservation,
    /// What a drop means, unless it happens in a panic of the service behind.
    dropped: Settle,
    settled: bool,
}

impl Settlement {
    pub(crate) fn new(ledger: Arc<dyn Ledger>, reservation: Reservation, charge: Charge) -> Self {
        let dropped = match charge {
            Charge::Request => Settle::Commit,
            Charge::Success => Settle::ReleaseBuyer,
        };
        Self {
            ledger,
            reservation,
            dropped,
            settled: false,
        }
    }

    pub(crate) fn settle(mut self, settle: Settle) {
        self.settled = true;
        self.ledger.settle(self.reservation, settle);
    }

    fn charges_request(&self) -> bool {
        self.dropped == Settle::Commit
    }
}

impl Drop for Settlement {
    fn drop(&mut self) {
        if !self.settled {
            let panics = std::thread::panicking() && !self.charges_request();
            let settle = if panics {
                Settle::ReleaseUpstream
            } else {
                self.dropped
            };
            self.ledger.settle(self.reservation, settle);
        }
    }
}

impl Granted {
    pub(crate) fn new(
        matched: Matched,
        request: &CanonicalRequest,
        proof: Option<Verified>,
        settlement: Option<Settlement>,
    ) -> Self {
        let origin = matched
            .route
            .cors_origin(request.origin.as_deref())
            .map(str::to_owned);
        Self {
            matched,
            proof,
            settlement,
            head: request.method == http::Method::HEAD,
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
    pub fn proof(&self) -> Option<&Verified> {
        self.proof.as_ref()
    }

    /// Settles by the answer: 2xx and 3xx commit when the body has ended (at once for 101, for
    /// `text/event-stream`, and where no body follows), gRPC on `grpc-status: 0`. 4xx releases
    /// as the buyer's fault; 5xx, a broken body and a failing `grpc-status` as the upstream's.
    /// A body that is dropped before its end counts as a buyer who left.
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
            body::Watch::of_answer(settlement, &parts, &inner, self.head)
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

    /// The upstream could not be reached, or took too long: the use is given back.
    pub fn upstream_failed(mut self) {
        if let Some(settlement) = self.settlement.take() {
            settlement.settle(Settle::ReleaseUpstream);
        }
    }
}

/// No cache keeps a paid answer, and none gives it to somebody else.
fn seal_paid(headers: &mut HeaderMap) {
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

//! The value that the paywall hands to the host of an admitted request.

use std::sync::Arc;

use http_body::Body;
use l402::{Authorized, Proven};

use crate::answer::{
    Blame, RequestKind, ReservedUse, SettleBody, Watch, allow_origin, make_private, strip,
};
use crate::decide::Proof;
use crate::ledger::Settle;
use crate::request::CanonicalRequest;
use crate::table::{Matched, Route};

/// Only the paywall makes one: of a verified credential, or of an explicit free route. What
/// forwards a request takes it by value.
///
/// Dropped without settling, it gives the use back as often as that happens: no answer, no
/// payment. Two exceptions: after [`Blame::buyer`] it counts as the buyer's failure, and where
/// the request itself is charged ([`Charge::Request`](crate::Charge::Request)) the use is spent.
#[derive(Debug)]
pub struct Granted {
    matched: Matched,
    proof: Option<Proof>,
    reserved: Option<ReservedUse>,
    kind: RequestKind,
    origin: Option<String>,
}

impl Granted {
    pub(crate) fn new(
        matched: Matched,
        request: &CanonicalRequest,
        proof: Option<Proof>,
        mut reserved: Option<ReservedUse>,
    ) -> Self {
        if let Some(reserved) = &mut reserved {
            reserved.granted();
        }
        let kind = RequestKind {
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
            reserved,
            kind,
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
    /// Keeps paid answers out of caches: `cache-control: private, no-store`, `vary: authorization`.
    /// Payment challenges and receipts of the upstream's own are taken out of every answer, so that
    /// nobody pays it unknowingly (ATTACKS H-30, H-34).
    #[must_use]
    pub fn settle<B: Body>(mut self, response: http::Response<B>) -> http::Response<SettleBody<B>> {
        let (mut parts, inner) = response.into_parts();
        let watch = self.reserved.take().and_then(|reserved| {
            if reserved.charges_request() {
                reserved.settle(Settle::ONE_USE);
                return None;
            }
            Watch::of_answer(reserved.answered(), &parts, &inner, self.kind)
        });
        strip(&mut parts.headers);
        if self.proof.is_some() {
            make_private(&mut parts.headers);
        }
        allow_origin(
            &mut parts.headers,
            &self.matched.route,
            self.origin.as_deref(),
        );
        http::Response::from_parts(parts, SettleBody::new(inner, watch))
    }

    /// A word on whose doing it is when this exchange goes wrong; see [`Blame`].
    #[must_use]
    pub fn blame(&self) -> Blame {
        let reserved = self.reserved.as_ref();
        reserved.map_or_else(Blame::default, ReservedUse::blame)
    }

    /// The upstream could not be reached, or took too long: the use is given back, also where
    /// it is charged by the request. After [`Blame::buyer`] it counts as the buyer's failure.
    pub fn upstream_failed(mut self) {
        if let Some(reserved) = self.reserved.take() {
            reserved.settle(Settle::ReleaseUpstream);
        }
    }

    /// The buyer's request cannot be forwarded as it is: its body broke off, is too large or too
    /// slow. The use is given back as after a 4xx, also where it is charged by the request.
    pub fn buyer_failed(mut self) {
        if let Some(reserved) = self.reserved.take() {
            reserved.settle(Settle::ReleaseBuyer);
        }
    }
}

//! The pass of one page, where the answer is a redirect that leads on: the next page is what was sold.

use http::Response;
use http::header::HeaderValue;
use l402::UnixTime;

use super::Paywall;
use super::unlock::{pass, place, sells};
use crate::answer::next_path;
use crate::granted::Granted;
use crate::pass::{Contents, digest};
use crate::request::CanonicalRequest;
use crate::table::Snapshot;

impl Paywall {
    /// Has a pass that is good for one page go along with a redirect to another page of this host, for which
    /// the use is given back: [`Granted::settle`] sets the cookie anew. Otherwise the buyer would stand before
    /// the price again, as with `/docs` and `/docs/`. Needed only if the answer is a redirect, after
    /// [`Granted::asked_at`], and with the addresses of the answer as the client gets them.
    #[must_use]
    pub fn lead_on<B>(
        &self,
        granted: Granted,
        answer: &Response<B>,
        request: &CanonicalRequest,
        snapshot: &Snapshot,
    ) -> Granted {
        let now = self.shared.settings.clock.wall();
        let moved = moved(&granted, answer, (request, snapshot), now);
        granted.with_moved_pass(moved)
    }
}

/// Returns the cookie in place of the one that the request was paid by; `None` if that one stays.
fn moved<B>(
    granted: &Granted,
    answer: &Response<B>,
    (request, snapshot): (&CanonicalRequest, &Snapshot),
    now: UnixTime,
) -> Option<HeaderValue> {
    let proof = granted.proof_that_moves(answer)?;
    let old = proof.of_place.as_ref()?;
    let next = next_path(answer.headers(), &request.path_and_query())?;
    let next = place(&next, request.peer).ok()?;
    // Moved to where it opens nothing, it would open nothing at all.
    let is_other = digest(&next) != digest(request);
    if !is_other || !sells(snapshot, &next, proof.authorized.service()) {
        return None;
    }
    let contents = Contents {
        proven: (*proof.proven).clone(),
        end: old.end,
        place: Some(digest(&next)),
    };
    let pass = pass(&contents, snapshot, now).ok()?;
    pass.in_place_of(&old.name)
}

//! The decision core: a synchronous function without I/O, the same for tower layer and gateway.

use std::sync::Arc;

use l402::{Authorized, Capability, PaymentHash, Problem, Proven, Target, UnixTime, VerifyError};

use crate::pass::{self, Found, OfPlace};
use crate::request::{CanonicalRequest, Presented};
use crate::table::{Access, Matched, Priced, Snapshot};

/// The verdict on a request, with all that is needed to act on it.
///
/// A new kind of failure belongs under `Refuse`: only `Free`, `Granted` and `Reserve` can lead to
/// the service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Decision {
    /// Answer 402 with an invoice: no credential was presented, or a genuine one does not suffice.
    Challenge(Matched, Problem),
    /// Pass: the route is free by an explicit decision.
    Free(Matched),
    /// Pass: paid, by a policy whose uses are not counted (`time`).
    Granted(Matched, Proof),
    /// Answer a CORS preflight of a route here, with an empty 204.
    Preflight(Matched),
    /// Refuse without an invoice and without a call to the node. The route is `None` if none
    /// matched.
    Refuse(Option<Matched>, Problem),
    /// Pass if a use can be reserved: paid, by a policy whose uses are counted.
    Reserve(Matched, Proof),
}

/// The two halves of a checked credential.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Proof {
    /// Proof that the credential is genuine. Holds for any request, so a host may cache it.
    pub proven: Arc<Proven>,
    /// Proof that the credential is good for this route at this moment. Never cached.
    pub authorized: Authorized,
    /// The pass, if it was one and is good for one page alone.
    pub(crate) of_place: Option<OfPlace>,
}

/// Decides about a request: host, path (all its readings), method, preflight, free route, then the credential (format,
/// signature and preimage, caveats), then if it was revoked, then whether its uses are counted.
///
/// Every failure on the way is a refusal or a challenge, never a pass.
///
/// ```
/// use l402::{KeyNumber, KeyRing, MasterKey, Network, Problem, UnixTime};
/// use l402_server::{CanonicalRequest, Decision, Route, Snapshot, decide};
///
/// # let key = "5b1fd1bf0c29f3fa9a5fcd9bfc0cf0d4ae0b2c1cd2f7e3ac0c6e1a2f9b3c7d58";
/// # let keys = KeyRing::new("docs", KeyNumber(1), MasterKey::from_hex(key)?);
/// let joke = Route::priced("/joke", "joke".parse()?, "50 sat".parse()?);
/// let snapshot = Snapshot::new(vec![Route::free("/"), joke], vec![], keys, Network::Regtest)?;
/// let decision = |path: &str| {
///     let (head, ()) = http::Request::get(path).body(()).unwrap().into_parts();
///     let request = CanonicalRequest::from_parts(&head, [192, 0, 2, 1].into()).unwrap();
///     decide(&request, &snapshot, UnixTime::from_secs(1_790_000_000))
/// };
/// assert!(matches!(decision("/"), Decision::Free(_)));
/// assert!(matches!(decision("/joke"), Decision::Challenge(_, Problem::PaymentRequired)));
/// assert!(matches!(decision("/other"), Decision::Refuse(None, Problem::NoRoute)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn decide(request: &CanonicalRequest, snapshot: &Snapshot, now: UnixTime) -> Decision {
    if !snapshot.knows_host(request.host.as_deref()) {
        return Decision::Refuse(None, Problem::Misdirected);
    }
    // A path that servers read differently is refused only where it makes a difference here.
    let Ok(candidates) = snapshot.routes_of(request) else {
        return Decision::Refuse(None, Problem::BadRequest);
    };
    if candidates.is_empty() {
        return Decision::Refuse(None, Problem::NoRoute);
    }
    // A preflight is sent as OPTIONS, but asks about the method of the request that will follow.
    let method = request.preflight_method.as_ref().unwrap_or(&request.method);
    let Some(matched) = snapshot.of_method(candidates, method) else {
        return Decision::Refuse(None, Problem::MethodNotAllowed);
    };
    // Before the price: a browser sends no credential with a preflight (Fetch standard), so a
    // 402 here would keep every page from paying.
    if request.preflight.is_some() {
        return Decision::Preflight(matched);
    }
    match &Arc::clone(&matched.route).access {
        Access::Free => Decision::Free(matched),
        Access::Priced(priced) => charge(request, snapshot, matched, priced, now),
    }
}

/// Decides about a request to a priced route by its credential.
fn charge(
    request: &CanonicalRequest,
    snapshot: &Snapshot,
    matched: Matched,
    priced: &Priced,
    now: UnixTime,
) -> Decision {
    let target = target(snapshot, &matched, priced, now);
    let mut of_place = None;
    let proven = match &request.presented {
        Presented::Malformed(_) => {
            return Decision::Refuse(Some(matched), Problem::InvalidAuthFormat);
        }
        Presented::Nothing => return Decision::Challenge(matched, Problem::PaymentRequired),
        Presented::Credential(credential) => credential.prove(snapshot.keys(), now).map(Arc::new),
        // The MAC need not be computed again, but the key may have been retired since.
        Presented::Proven(proven) => proven
            .holds(snapshot.keys(), now)
            .map(|()| Arc::clone(proven)),
        Presented::Passes(passes) => match pass::find(passes, request, (snapshot, &target), &[]) {
            Ok(Some(found)) => {
                of_place = found.of_place();
                Ok(found.proven)
            }
            // Browsers send cookies to every service of a host: one that does not fit is none.
            Ok(None) => return Decision::Challenge(matched, Problem::PaymentRequired),
            Err(error) => Err(error),
        },
    };
    let proof = proven.and_then(|proven| {
        let authorized = proven.authorize(&target)?;
        Ok(Proof {
            proven,
            authorized,
            of_place,
        })
    });
    verdict(snapshot, matched, proof)
}

/// Returns the target of a route, by which credentials are checked there.
fn target<'a>(
    snapshot: &Snapshot,
    matched: &Matched,
    priced: &'a Priced,
    now: UnixTime,
) -> Target<'a> {
    // No least price: one that has changed since does not make a token that was sold before
    // worthless. All that our mint writes is required: a holder could append any caveat that was
    // missing, so a token without one of them must not be believed.
    let mut target = Target::new(&priced.service, snapshot.network(), now);
    target.tier = priced.tier;
    target.capability = priced
        .capability
        .as_deref()
        .map_or(Capability::None, Capability::Named);
    target.unknown_caveats = matched.route.unknown_caveats;
    target
}

/// Decides by the proof of a credential, or by what was wrong with it.
fn verdict(snapshot: &Snapshot, matched: Matched, proof: Result<Proof, VerifyError>) -> Decision {
    match proof {
        // Each time, whatever a cache has kept of the proof.
        Ok(proof) if snapshot.has_revoked(&proof.proven, &proof.authorized) => {
            Decision::Challenge(matched, Problem::Revoked)
        }
        Ok(proof) if proof.authorized.policy().uses().is_some() => {
            // No ledger knows if it is spent.
            if !snapshot.keys().counts_uses(proof.proven.identifier()) {
                return Decision::Challenge(matched, Problem::Revoked);
            }
            Decision::Reserve(matched, proof)
        }
        Ok(proof) => Decision::Granted(matched, proof),
        // A forged credential gets no invoice, so that a flood of them costs no call to the node.
        Err(VerifyError::Invalid) => Decision::Refuse(Some(matched), Problem::InvalidToken),
        // Nobody can tell here if it is genuine, so it is not sold again either.
        Err(VerifyError::KeyMissing) => Decision::Refuse(Some(matched), Problem::StoreUnavailable),
        Err(error) => Decision::Challenge(matched, error.problem()),
    }
}

/// Decides anew about a request with passes, without those of the payments in `spent`. `None` if no other one
/// fits.
pub(crate) fn decide_without(
    request: &CanonicalRequest,
    snapshot: &Snapshot,
    matched: &Matched,
    spent: &[PaymentHash],
    now: UnixTime,
) -> Option<Decision> {
    let (Presented::Passes(passes), Some(priced)) = (&request.presented, matched.route.sold())
    else {
        return None;
    };
    let target = target(snapshot, matched, priced, now);
    let found = pass::find(passes, request, (snapshot, &target), spent).ok()??;
    let of_place = found.of_place();
    let Found {
        proven, authorized, ..
    } = found;
    let proof = Proof {
        proven,
        authorized,
        of_place,
    };
    Some(verdict(snapshot, matched.clone(), Ok(proof)))
}

/// Returns true if a request that is refused has a pass that is good here, and is held back because a page of
/// another site has sent the browser.
pub(crate) fn holds_back_a_pass(
    request: &CanonicalRequest,
    snapshot: &Snapshot,
    matched: &Matched,
    now: UnixTime,
) -> bool {
    let (Presented::Passes(passes), Some(priced)) = (&request.presented, matched.route.sold())
    else {
        return false;
    };
    let target = target(snapshot, matched, priced, now);
    pass::is_held_back(passes, request, snapshot, &target)
}

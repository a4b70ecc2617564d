//! The decision core: synchronous, no I/O, the same for tower layer and gateway.

use std::sync::Arc;

use l402::{Authorized, Capability, Conditions, Problem, Proven, Target, UnixTime, VerifyError};

use crate::request::{CanonicalRequest, Presented};
use crate::table::{Access, Matched, Priced, Snapshot};

/// What to do with a request.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Offer an invoice: nothing presented, or a genuine credential that no longer suffices.
    Challenge(Matched, Problem),
    /// An explicit free route.
    Free(Matched),
    /// Paid, and nothing is counted.
    Granted(Matched, Proof),
    /// A true CORS preflight of a known route: answered here, empty.
    Preflight(Matched),
    /// Say no; no invoice, no node call.
    Refuse(Option<Matched>, Problem),
    /// Paid; a use must be reserved first.
    Reserve(Matched, Proof),
}

/// What a credential has shown.
#[derive(Clone, Debug)]
pub struct Proof {
    /// That it is genuine: worth keeping for the next request that presents it.
    pub proven: Arc<Proven>,
    /// That it opens this route now.
    pub authorized: Authorized,
}

/// Decides: route, preflight, free, what is presented, whether it is genuine and suffices, and
/// whether its uses are counted. Whatever fails on the way refuses.
#[must_use]
pub fn decide(request: &CanonicalRequest, snapshot: &Snapshot, now: UnixTime) -> Decision {
    if !snapshot.knows_host(request.host.as_deref()) {
        return Decision::Refuse(None, Problem::Misdirected);
    }
    let candidates = snapshot.at(&request.path);
    if candidates.is_empty() {
        return Decision::Refuse(None, Problem::NoRoute);
    }
    let asked = request.preflight_method.as_ref().unwrap_or(&request.method);
    let Some(matched) = snapshot.of_method(candidates, asked) else {
        return Decision::Refuse(None, Problem::MethodNotAllowed);
    };
    if request.preflight.is_some() {
        return Decision::Preflight(matched);
    }
    match &Arc::clone(&matched.route).access {
        Access::Free => Decision::Free(matched),
        Access::Priced(priced) => charge(request, snapshot, matched, priced, now),
    }
}

/// Decides about a priced route.
fn charge(
    request: &CanonicalRequest,
    snapshot: &Snapshot,
    matched: Matched,
    priced: &Priced,
    now: UnixTime,
) -> Decision {
    let target = Target {
        service: &priced.service,
        tier: priced.tier,
        capability: priced
            .capability
            .as_deref()
            .map_or(Capability::None, Capability::Named),
        network: snapshot.network(),
        min_price: None,
        required: Conditions::MINTED,
        unknown_caveats: matched.route.unknown_caveats,
        now,
    };
    let proven = match &request.presented {
        Presented::Malformed(_) => {
            return Decision::Refuse(Some(matched), Problem::InvalidAuthFormat);
        }
        Presented::Nothing => return Decision::Challenge(matched, Problem::PaymentRequired),
        Presented::Credential(credential) => credential.prove(snapshot.keys(), now).map(Arc::new),
        Presented::Proven(proven) => proven
            .holds(snapshot.keys(), now)
            .map(|()| Arc::clone(proven)),
    };
    let proof = proven.and_then(|proven| {
        let authorized = proven.authorize(&target)?;
        Ok(Proof { proven, authorized })
    });
    match proof {
        Ok(proof) if proof.authorized.policy().uses().is_some() => {
            Decision::Reserve(matched, proof)
        }
        Ok(proof) => Decision::Granted(matched, proof),
        Err(VerifyError::Invalid) => Decision::Refuse(Some(matched), Problem::InvalidToken),
        Err(error) => Decision::Challenge(matched, error.problem()),
    }
}

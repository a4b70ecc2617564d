//! The choice among the passes of a request.

use std::sync::Arc;

use l402::{Authorized, PaymentHash, Policy, Proven, Target, UnixTime, VerifyError};

use super::sealed::{Contents, digest};
use crate::request::{CanonicalRequest, FetchSite, PassCookies};
use crate::table::Snapshot;

/// A pass that is good for the service, path and time of a request.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) proven: Arc<Proven>,
    pub(crate) authorized: Authorized,
    end: UnixTime,
    is_revoked: bool,
    /// The name of the cookie, if the pass is good for one place alone.
    place_name: Option<String>,
}

impl Found {
    /// Returns the pass as a redirect from its place may move it. `None` if it is good for more than a place.
    pub(crate) fn of_place(&self) -> Option<OfPlace> {
        let name = self.place_name.clone()?;
        let end = self.end;
        Some(OfPlace { name, end })
    }
}

/// The pass of one place, by which a request was paid.
#[derive(Clone, Debug)]
pub(crate) struct OfPlace {
    /// The name of its cookie.
    pub(crate) name: String,
    pub(crate) end: UnixTime,
}

/// Returns the pass that fits a request: of several one whose uses are not counted, then the one that ends
/// last, and a revoked one only if there is no other. Passes of the payments in `spent` are passed over. `None` if none fits, for whatever reason.
///
/// # Errors
/// [`VerifyError::KeyMissing`] if none fits and one cannot be opened here: it may be good.
pub(crate) fn find(
    passes: &PassCookies,
    request: &CanonicalRequest,
    (snapshot, target): (&Snapshot, &Target<'_>),
    spent: &[PaymentHash],
) -> Result<Option<Found>, VerifyError> {
    let (fitting, is_missing) = fitting(passes, request, snapshot, target);
    let good = fitting.into_iter().filter(|found| {
        may_come_from(passes, &found.authorized)
            && !spent.contains(&found.authorized.payment_hash())
    });
    // After a change of policy there may be both kinds: the one that nothing is taken from goes first.
    let best =
        good.max_by_key(|found| (!found.is_revoked, !is_counted(&found.authorized), found.end));
    match best {
        None if is_missing => Err(VerifyError::KeyMissing),
        best => Ok(best),
    }
}

/// Returns true if a request has a pass that is good, and is held back because of the page that sent the
/// browser here.
pub(crate) fn is_held_back(
    passes: &PassCookies,
    request: &CanonicalRequest,
    snapshot: &Snapshot,
    target: &Target<'_>,
) -> bool {
    let (fitting, _) = fitting(passes, request, snapshot, target);
    let mut good = fitting.iter().filter(|found| !found.is_revoked);
    good.any(|found| !may_come_from(passes, &found.authorized))
}

/// Returns the passes that are good for service, path and time of a request, and true if the key of another
/// one is missing.
fn fitting(
    passes: &PassCookies,
    request: &CanonicalRequest,
    snapshot: &Snapshot,
    target: &Target<'_>,
) -> (Vec<Found>, bool) {
    let (mut fitting, mut is_missing) = (Vec::new(), false);
    for (name, value) in passes.iter() {
        match fits((name, value), request, snapshot, target) {
            Ok(found) => fitting.push(found),
            Err(error) => is_missing |= error == VerifyError::KeyMissing,
        }
    }
    (fitting, is_missing)
}

fn fits(
    (name, value): (&str, &str),
    request: &CanonicalRequest,
    snapshot: &Snapshot,
    target: &Target<'_>,
) -> Result<Found, VerifyError> {
    let pass = Contents::open(value, snapshot.keys(), target.now)?;
    let authorized = pass.proven.authorize(target)?;
    // The mint's own policy, as where it was sealed: a holder may have narrowed it since.
    let is_of_place = pass.proven.minted_policy(target.service) == Some(Policy::Request);
    let is_here = pass.place.is_some_and(|place| place == digest(request));
    if is_of_place && !is_here {
        return Err(VerifyError::Insufficient);
    }
    Ok(Found {
        is_revoked: snapshot.has_revoked(&pass.proven, &authorized),
        proven: Arc::new(pass.proven),
        authorized,
        end: pass.end,
        place_name: is_of_place.then(|| name.to_owned()),
    })
}

/// Returns true if a request may be paid for by a pass, by the page that it comes from. A page elsewhere could
/// spend what is counted, or show what is paid as its own; what is loaded ahead would be spent for nobody.
fn may_come_from(passes: &PassCookies, authorized: &Authorized) -> bool {
    if passes.is_ahead && is_counted(authorized) {
        return false;
    }
    match passes.site {
        FetchSite::Own | FetchSite::User => true,
        // An old browser. Nothing is lost to a page elsewhere, since it cannot read the answer.
        FetchSite::Absent => !is_counted(authorized),
        FetchSite::Foreign => false,
    }
}

/// Returns true if the ledger counts what is used with a pass.
fn is_counted(authorized: &Authorized) -> bool {
    authorized.policy().uses().is_some()
}

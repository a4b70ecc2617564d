//! The headers that tell an upstream of the payment, on routes with `payment_headers = true`.

use http::{HeaderName, HeaderValue};
use l402_server::Granted;

use crate::table::RouteTarget;

const PAYMENT_HASH: HeaderName = HeaderName::from_static("l402-payment-hash");
const SERVICE: HeaderName = HeaderName::from_static("l402-service");
const USES_LEFT: HeaderName = HeaderName::from_static("l402-uses-left");

/// Returns the headers of a granted request. None for a free one, whose upstream therefore sees
/// none of these names at all.
pub(super) fn payment_headers(
    granted: &Granted,
    target: &RouteTarget,
) -> Vec<(HeaderName, HeaderValue)> {
    let Some(proof) = granted.proof().filter(|_| target.payment_headers) else {
        return Vec::new();
    };
    let hash = HeaderValue::from_str(&proof.payment_hash().to_string());
    let service = HeaderValue::from_str(proof.service().as_str());
    // Hex digits, and letters with dashes: both are values.
    let known = [(PAYMENT_HASH, hash), (SERVICE, service)].into_iter();
    let mut headers: Vec<_> = known
        .filter_map(|(name, value)| Some((name, value.ok()?)))
        .collect();
    // Left out if nobody knows: a policy of time counts nothing.
    headers.extend(granted.uses_left().map(|uses| (USES_LEFT, uses.into())));
    headers
}

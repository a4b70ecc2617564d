//! A challenge that stands in the body of a 402 and in no header.
//!
//! The specification knows challenges in `WWW-Authenticate` only, and a body is easier to get text
//! into than a header. So a buyer must have asked for this, and the way from the server must be
//! private.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use l402::text::bare_invoice;
use l402::{Challenge, ChallengeError};
use serde_json::Value;

use super::answer::Case;
use super::rules::Fault;
use crate::Refused;
use crate::origin::is_private;

/// Returns the challenge in the body, `None` if there is none.
///
/// # Errors
/// A fault if the buyer does not pay challenges in bodies, or not this one.
pub(super) fn in_body(case: &Case<'_>) -> Option<Result<Challenge, Fault>> {
    let found = find(case)?;
    if !case.payer.body_challenge {
        let detail = "the challenge stands in the body only, with no www-authenticate, and is paid \
                      only where that was asked for (l402 get --accept-body-challenge)";
        return Some(Err(Fault::new(Refused::NothingPayable, detail)));
    }
    // Also for a buyer who pays over plain HTTP: there, anybody on the way can write a body.
    if !is_private(case.answer.url) {
        let detail = "the challenge stands in the body only, and anybody on the way may have written \
                      it; use https";
        return Some(Err(Fault::new(Refused::InsecureOrigin, detail)));
    }
    Some(found.map_err(Fault::from))
}

fn find(case: &Case<'_>) -> Option<Result<Challenge, ChallengeError>> {
    let document = case.document.as_ref().filter(|_| is_json(case))?;
    // Some servers nest what belongs to L402 one level down, as in the rules about prices.
    let objects = [Some(document), document.get("l402")];
    let mut found = objects.into_iter().flatten().filter_map(of_object);
    let first = found.next()?;
    Some(match found.next() {
        Some(second) if second != first => Err(ChallengeError::Ambiguous),
        _ => first,
    })
}

/// Returns the challenge of one object: token and invoice must stand side by side.
fn of_object(object: &Value) -> Option<Result<Challenge, ChallengeError>> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let invoice = bare_invoice(text("invoice")?);
    Some(match (text("macaroon"), text("token")) {
        (Some(macaroon), Some(token)) if macaroon != token => Err(ChallengeError::Ambiguous),
        (Some(token), _) | (None, Some(token)) => Challenge::new(token, invoice),
        (None, None) => return None,
    })
}

fn is_json(case: &Case<'_>) -> bool {
    let kind = case.answer.header(&CONTENT_TYPE).to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_json =
        kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json");
    is_json && case.answer.status == StatusCode::PAYMENT_REQUIRED
}

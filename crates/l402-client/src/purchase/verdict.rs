//! The meaning of an answer to a credential: an answer to the request, or a verdict on the token.
//!
//! ```text
//!   409 in_use, 5xx (503 not_settled) ───────────── wait, or fail; not if its use is spent
//!   401, 402  problem document with a known code ── the gateway's word: final, or not covered
//!             L402-Use ──────────────────────────── the answer of the service
//!             a challenge, or a foreign token ───── refused without a reason: perhaps too early
//!   anything else ───────────────────────────────── the answer of the service
//! ```

use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use l402::{Challenges, Problem, Scheme};
use serde_json::Value;

use crate::receipt::{UseOutcome, UseReport};

/// The verdict of a server on a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefusalKind {
    /// The same credential would be answered the same way again.
    Final,
    /// The token is good for another request.
    NotCovered,
    /// Refused without a reason: the server may not have seen the payment yet.
    Unexplained,
}

/// A credential that was refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The code of a problem, or words that say that there is none.
    pub(super) code: &'static str,
    pub(super) kind: RefusalKind,
}

impl Refusal {
    /// A refusal without a reason.
    pub(super) fn unexplained(status: StatusCode) -> Self {
        Self {
            status: status.as_u16(),
            code: NO_CODE,
            kind: RefusalKind::Unexplained,
        }
    }

    /// Returns the reason for the caller and for the note in the journal.
    pub(super) fn reason(&self) -> String {
        let Self { status, code, .. } = self;
        format!("the server refuses the paid credential ({status} {code})")
    }
}

const NO_CODE: &str = "no known code";

/// Returns true if an answer with this head may be about the credential and not about the request.
/// Only then is its body read: an answer to the request belongs to the caller, unread.
pub(super) fn may_be_a_verdict(status: StatusCode, headers: &HeaderMap, is_ours: bool) -> bool {
    match status.as_u16() {
        401 | 402 => is_problem(headers) || is_unexplained(headers, is_ours),
        // The use is gone, so this was its answer. Asked again, the next use would go as well.
        _ if is_spent(headers) => false,
        409 => is_problem(headers),
        // Not implemented, and a version that is not spoken: the same request is answered alike
        // every time, so it is an answer to it.
        501 | 505 => false,
        _ => status.is_server_error(),
    }
}

/// Returns the verdict of a 401 or 402, or `None` if it is the answer of the service. `document` is
/// null if the body is no JSON.
pub(super) fn verdict(
    status: StatusCode,
    headers: &HeaderMap,
    document: &Value,
    is_ours: bool,
) -> Option<Refusal> {
    // `invalid_token` is OAuth's word, too: a word counts in a problem document alone.
    let known = problem(document).filter(|_| is_problem(headers));
    let kind = match known {
        Some(
            Problem::Consumed
            | Problem::Expired
            | Problem::InvalidAuthFormat
            | Problem::InvalidToken
            | Problem::Revoked,
        ) => RefusalKind::Final,
        Some(Problem::Insufficient | Problem::WrongService) => RefusalKind::NotCovered,
        _ if is_unexplained(headers, is_ours) => RefusalKind::Unexplained,
        _ => return None,
    };
    Some(Refusal {
        status: status.as_u16(),
        code: known.map_or(NO_CODE, Problem::code),
        kind,
    })
}

/// Returns true if a 401 or 402 of this head refuses the credential, if its body does not say
/// otherwise.
fn is_unexplained(headers: &HeaderMap, is_ours: bool) -> bool {
    // The gateway has accepted the credential, and passes on what the service says.
    if UseReport::of(headers).is_some() {
        return false;
    }
    // Our gateway always gives a reason. Another server may do without any.
    !is_ours || offers_challenge(headers)
}

fn is_spent(headers: &HeaderMap) -> bool {
    UseReport::of(headers).is_some_and(|report| report.outcome == UseOutcome::Spent)
}

fn offers_challenge(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(WWW_AUTHENTICATE).iter();
    let Ok(challenges) = Challenges::parse(lines.map(http::HeaderValue::as_bytes)) else {
        return false;
    };
    challenges.iter().any(|challenge| {
        let names = [Scheme::L402, Scheme::Lsat].map(Scheme::name);
        let is = |name: &str| challenge.scheme().eq_ignore_ascii_case(name);
        names.into_iter().any(is)
    })
}

/// Returns true if the body is a problem document. A 409 with any other body is the upstream's own
/// answer.
fn is_problem(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    // Types of content have no case (RFC 9110, section 8.3.1).
    kind.is_some_and(|kind| {
        let kind = kind.to_ascii_lowercase();
        kind.starts_with("application/problem+json")
    })
}

/// Returns the problem that a document names in one of two fields, since servers differ.
pub(super) fn problem(document: &Value) -> Option<Problem> {
    let names = ["code", "error"]
        .into_iter()
        .filter_map(|field| document.get(field)?.as_str());
    names.into_iter().find_map(Problem::from_code)
}

/// The reason for which a server asks for the same credential again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Later {
    /// The server has failed.
    Failed,
    /// Another request is being served with it.
    InUse,
    /// The node of the seller has not seen the payment yet.
    NotSettled,
}

/// Returns the reason to present the credential again later, if the answer gives one. None of them is
/// a reason to pay again.
pub(super) fn later(status: StatusCode, document: &Value) -> Option<Later> {
    match (status.as_u16(), problem(document)) {
        // A service behind the gateway may have conflicts of its own.
        (409, Some(Problem::InUse)) => Some(Later::InUse),
        (503, Some(Problem::NotSettled)) => Some(Later::NotSettled),
        (502..=504, _) if wants_same_token(document) => Some(Later::Failed),
        _ => None,
    }
}

fn wants_same_token(document: &Value) -> bool {
    document.get("retry_with").and_then(Value::as_str) == Some("same_token")
}

/// Returns the reason of an answer that is no verdict and no answer of the service.
pub(super) fn failure(status: StatusCode, document: &Value) -> String {
    let (status, problem) = (status.as_u16(), problem(document));
    let code = problem.map_or(NO_CODE, Problem::code);
    if problem == Some(Problem::NotSettled) {
        return format!("the seller's node has not seen the payment yet ({status} {code})");
    }
    format!("the server answered {status} ({code})")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    const CHALLENGE: (&str, &str) = ("www-authenticate", "LSAT macaroon=\"AgEE\", invoice=\"x\"");
    const BASIC: (&str, &str) = ("www-authenticate", "Basic realm=\"x\"");
    const DOCUMENT: (&str, &str) = ("content-type", "application/problem+json");
    const UPPER_CASE: (&str, &str) = ("content-type", "Application/Problem+JSON; charset=utf-8");
    const KEPT: (&str, &str) = ("l402-use", "kept");

    fn of(
        headers: &[(&'static str, &'static str)],
        code: &str,
        is_ours: bool,
    ) -> Option<RefusalKind> {
        let headers = headers.iter().map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        let headers = HeaderMap::from_iter(headers);
        let document = json!({ "code": code });
        let found = verdict(StatusCode::PAYMENT_REQUIRED, &headers, &document, is_ours);
        let read = may_be_a_verdict(StatusCode::PAYMENT_REQUIRED, &headers, is_ours);
        assert!(read || found.is_none());
        found.map(|refusal| refusal.kind)
    }

    #[test]
    fn only_a_problem_document_of_ours_is_final() {
        for (headers, code, is_ours, expected) in [
            (&[DOCUMENT][..], "expired", true, Some(RefusalKind::Final)),
            (&[UPPER_CASE], "expired", false, Some(RefusalKind::Final)),
            (
                &[DOCUMENT],
                "wrong_service",
                true,
                Some(RefusalKind::NotCovered),
            ),
            (&[DOCUMENT, BASIC], "login", true, None),
            (&[], "expired", true, None),
            (&[], "expired", false, Some(RefusalKind::Unexplained)),
            (&[BASIC], "", true, None),
            (&[BASIC], "", false, Some(RefusalKind::Unexplained)),
            (&[CHALLENGE], "", true, Some(RefusalKind::Unexplained)),
            (&[CHALLENGE, KEPT], "", true, None),
            (
                &[DOCUMENT, CHALLENGE],
                "payment_required",
                false,
                Some(RefusalKind::Unexplained),
            ),
        ] {
            assert_eq!(of(headers, code, is_ours), expected, "{headers:?} {code}");
        }
    }
}

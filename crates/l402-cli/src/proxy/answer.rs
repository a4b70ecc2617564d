//! The answers that the program sees in place of a server's.

use std::io;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, PROXY_AUTHENTICATE};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use l402::Problem;
use l402_client::{Error, Refused};
use serde_json::json;

use super::access::Denied;
use super::headers::{ERROR, REFUSED};
use crate::text::plain::escape;

/// The body of any answer.
pub(super) type AnswerBody = UnsyncBoxBody<Bytes, io::Error>;

pub(super) type ProxyAnswer = Response<AnswerBody>;

pub(super) fn empty() -> AnswerBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Returns the answer to a request that may not be made.
pub(super) fn denied(denied: &Denied) -> ProxyAnswer {
    problem(denied.status, &REFUSED, denied.code, denied.text)
}

/// Returns the answer to a request without the token.
pub(super) fn without_token(is_reverse: bool) -> ProxyAnswer {
    let text = "this proxy asks for the token of its --token-file, as Proxy-Authorization \
                (Bearer, or Basic with any name), to a reverse proxy also as L402-Proxy-Token";
    if is_reverse {
        return problem(StatusCode::FORBIDDEN, &REFUSED, "proxy_token", text);
    }
    let status = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
    let mut answer = problem(status, &REFUSED, "proxy_token", text);
    let realm = HeaderValue::from_static("Basic realm=\"l402 proxy\"");
    answer.headers_mut().insert(PROXY_AUTHENTICATE, realm);
    answer
}

/// Returns the answer for an error that no 402 of the server says.
pub(super) fn of_error(error: &Error) -> ProxyAnswer {
    let (status, header) = kind(error);
    problem(status, &header, code(error), &error.to_string())
}

/// Returns the code of an error. A server that is too slow has the name that the gateway gives it.
pub(super) const fn code(error: &Error) -> &'static str {
    match error {
        Error::Transient {
            timed_out: true, ..
        } => Problem::UpstreamTimeout.code(),
        _ => error.code(),
    }
}

/// Returns the status of an error, and the header that names its code.
fn kind(error: &Error) -> (StatusCode, HeaderName) {
    let refused = |status| (status, REFUSED);
    match error {
        Error::Refused { reason, .. } => refused(match reason {
            Refused::OwnAddress | Refused::PrivateAddress => StatusCode::FORBIDDEN,
            Refused::CredentialGiven => StatusCode::BAD_REQUEST,
            _ => StatusCode::BAD_GATEWAY,
        }),
        Error::Body { .. } => (StatusCode::BAD_REQUEST, ERROR),
        // The same request again may do, and pays nothing twice.
        Error::Busy { .. }
        | Error::PaymentUnknown { .. }
        | Error::Store { .. }
        | Error::Wallet { .. } => (StatusCode::SERVICE_UNAVAILABLE, ERROR),
        Error::Transient {
            timed_out: true, ..
        } => (StatusCode::GATEWAY_TIMEOUT, ERROR),
        _ => (StatusCode::BAD_GATEWAY, ERROR),
    }
}

/// Returns a problem document (RFC 9457), and its code in a header.
pub(super) fn problem(
    status: StatusCode,
    header: &HeaderName,
    code: &'static str,
    text: &str,
) -> ProxyAnswer {
    let text = escape(text);
    let document = json!({
        "type": format!("urn:l402:problem:{code}"),
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": &text,
        "error": code,
        "message": &text,
    });
    let body = Full::new(Bytes::from(format!("{document}\n")));
    let mut answer = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header.clone(), HeaderValue::from_static(code));
    let kind = HeaderValue::from_static("application/problem+json");
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use l402::PaymentHash;

    use super::*;

    #[test]
    fn each_error_has_a_status_and_its_code_in_a_header() {
        let payment_hash = PaymentHash::from_bytes([7; 32]);
        let refused = |reason| Error::Refused {
            reason,
            detail: "x".into(),
        };
        let detail = || "x".to_owned();
        for (error, status, header) in [
            (refused(Refused::OwnAddress), 403, &REFUSED),
            (refused(Refused::CredentialGiven), 400, &REFUSED),
            (refused(Refused::ChallengeTooLarge), 502, &REFUSED),
            (Error::Transport { detail: detail() }, 502, &ERROR),
            (Error::Body { detail: detail() }, 400, &ERROR),
            (Error::Store { detail: detail() }, 503, &ERROR),
            (
                Error::Busy {
                    waited: Duration::ZERO,
                },
                503,
                &ERROR,
            ),
            (
                Error::PaymentUnknown {
                    payment_hash,
                    reason: detail(),
                },
                503,
                &ERROR,
            ),
            (Error::PaidWithoutProof { payment_hash }, 502, &ERROR),
        ] {
            let answer = of_error(&error);
            assert_eq!(answer.status().as_u16(), status, "{error}");
            assert_eq!(answer.headers()[header], error.code(), "{error}");
        }
        // A name without an address, and a server that is too slow.
        for (timed_out, status, code) in
            [(false, 502, "transport"), (true, 504, "upstream_timeout")]
        {
            let detail = detail();
            let answer = of_error(&Error::Transient { detail, timed_out });
            assert_eq!(answer.status().as_u16(), status, "{code}");
            assert_eq!(answer.headers()[&ERROR], code);
        }
    }
}

//! One credential, presented to its server, and the answer to it.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use l402::{PaymentHash, Problem};
use serde_json::Value;

use super::buyer::Buyer;
use crate::Error;
use crate::http::{CredentialHeader, Hop, retry_after};
use crate::journal::Paid;
use crate::offer::BODY_MAX;

/// The number of times that a credential is presented again while it is in use.
const IN_USE_TRIES: u32 = 5;

/// The number of times that a server may ask for the same token again after a failure of its own.
const SAME_TOKEN_TRIES: u32 = 2;

/// The longest pause between two tries, however long the server asks for: the caller waits.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The answer of a server to a credential.
pub(super) enum Presented {
    /// The server answers the request itself.
    Answer(reqwest::Response),
    /// There is no answer now, for a reason that is not in the credential.
    Failed { status: Option<u16>, reason: String },
    /// The server answers 401 or 402. `not_covered` is set if it says that the token is good for
    /// another request.
    TurnedAway {
        status: u16,
        code: &'static str,
        not_covered: bool,
    },
}

impl Buyer {
    /// Presents a credential. A server that says to wait, or to come again with the same token,
    /// is taken at its word a few times; none of this pays.
    pub(super) async fn present(&self, hop: &Hop, paid: &Paid) -> Presented {
        let Some(value) = paid.credential() else {
            let reason = "the stored credential does not fit into a header".into();
            return Presented::Failed {
                status: None,
                reason,
            };
        };
        let credential = CredentialHeader {
            value,
            has_own_header: paid.row().is_ours(),
        };
        // Counted apart: a token in use is ordinary and ends soon, a failing server may not.
        let (mut in_use, mut failed) = (0, 0);
        loop {
            let answer = match self.http.present(hop, &credential).await {
                Ok(answer) => answer,
                Err(no_response) => {
                    return Presented::Failed {
                        status: None,
                        reason: no_response.text(),
                    };
                }
            };
            let status = answer.status();
            if !is_refusal(status) {
                return Presented::Answer(answer);
            }
            let pause = retry_after(answer.headers());
            if status == StatusCode::CONFLICT && !is_problem(answer.headers()) {
                return Presented::Answer(answer);
            }
            // Only now is the body read: an answer to the request belongs to the caller, unread.
            let document = self.document(answer).await;
            let problem = problem(&document);
            let tries = match status.as_u16() {
                // Final: the same credential would be answered the same way.
                401 | 402 => return turned_away(status, problem),
                409 if in_use < IN_USE_TRIES => &mut in_use,
                502..=504 if failed < SAME_TOKEN_TRIES && wants_same_token(&document) => {
                    &mut failed
                }
                _ => return failure(status, problem),
            };
            *tries += 1;
            tokio::time::sleep(pause.unwrap_or(Duration::from_secs(1)).min(PAUSE_MAX)).await;
        }
    }

    /// Returns the body of a refusal, null if it is no JSON.
    async fn document(&self, answer: reqwest::Response) -> Value {
        let body = self.http.body(answer, BODY_MAX).await;
        let document = body.and_then(|body| serde_json::from_slice(&body).ok());
        document.unwrap_or_default()
    }

    /// Records that a paid credential was refused, for the caller to take up with the seller.
    pub(super) async fn turned_away(&self, paid: Paid, status: u16, code: &str) -> Error {
        let hash = paid.row().payment_hash;
        let reason = format!("the server refuses the paid credential ({status} {code})");
        let (note, now) = (reason.clone(), self.clock.wall());
        let moved = self
            .journal
            .run(move |store| store.refused(paid, &note, now))
            .await;
        // The caller needs the error more than the note: a row that stays `paid` is merely presented
        // once more.
        if let Err(error) = moved {
            tracing::warn!(%hash, %error, "cannot record a refused purchase");
        }
        not_served(hash, Some(status), reason, false)
    }
}

/// Returns true if the status allows that the answer is about the credential and not about the
/// request.
fn is_refusal(status: StatusCode) -> bool {
    match status.as_u16() {
        401 | 402 | 409 => true,
        // Not implemented, and a version that is not spoken: the same request is answered alike
        // every time, so it is an answer to it.
        501 | 505 => false,
        _ => status.is_server_error(),
    }
}

/// Returns true if the body is a problem document. A 409 with any other body is the upstream's own
/// answer.
fn is_problem(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/problem+json"))
}

/// Returns the problem that a document names in one of two fields, since servers differ.
fn problem(document: &Value) -> Option<Problem> {
    let names = ["code", "error"]
        .into_iter()
        .filter_map(|field| document.get(field)?.as_str());
    names.into_iter().find_map(Problem::from_code)
}

fn wants_same_token(document: &Value) -> bool {
    document.get("retry_with").and_then(Value::as_str) == Some("same_token")
}

fn turned_away(status: StatusCode, problem: Option<Problem>) -> Presented {
    let not_covered = matches!(problem, Some(Problem::Insufficient | Problem::WrongService));
    let code = problem.map_or("no known code", Problem::code);
    Presented::TurnedAway {
        status: status.as_u16(),
        code,
        not_covered,
    }
}

fn failure(status: StatusCode, problem: Option<Problem>) -> Presented {
    let code = problem.map_or("no known code", Problem::code);
    let reason = format!("the server answered {} ({code})", status.as_u16());
    Presented::Failed {
        status: Some(status.as_u16()),
        reason,
    }
}

pub(super) fn not_served(
    payment_hash: PaymentHash,
    status: Option<u16>,
    reason: String,
    retry_same_token: bool,
) -> Error {
    Error::PaidButFailed {
        payment_hash,
        status,
        reason,
        retry_same_token,
    }
}

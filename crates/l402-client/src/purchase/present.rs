//! One credential, presented to its server, and the answer to it.

use std::time::Duration;

use http::StatusCode;
use l402::PaymentHash;
use serde_json::Value;

use super::buyer::Buyer;
use super::verdict::{Later, Refusal, RefusalKind, failure, later, may_be_a_verdict, verdict};
use crate::Error;
use crate::http::{Hop, retry_after};
use crate::journal::{Paid, Stop, Stopped};
use crate::offer::{BODY_MAX, BODY_TIME};

/// The number of times that a credential is presented again while it is in use.
const IN_USE_TRIES: u32 = 5;

/// The number of times that a server may ask for the same token again after a failure of its own.
const SAME_TOKEN_TRIES: u32 = 2;

/// The longest pause between two tries, however long the server asks for: the caller waits.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The time for which nothing is bought of a seller who took money for nothing: a day.
const STOP_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The answer of a server to a credential.
pub(super) enum Presented {
    /// The server answers the request itself.
    Answer(reqwest::Response),
    /// There is no answer now, for a reason that is not in the credential.
    Failed { status: Option<u16>, reason: String },
    /// The server answers the request without the credential, for nothing.
    Free(reqwest::Response),
    /// The server refuses the credential.
    Refused(Refusal),
}

/// The number of times that a credential was presented again, for each reason to come again. Counted
/// apart: a token in use is ordinary and ends soon, a failing server may not.
#[derive(Default)]
struct Tries {
    in_use: u32,
    failed: u32,
    not_settled: usize,
}

impl Tries {
    /// Counts one more try, and returns the least pause before it, or `None` if there were enough.
    fn next(&mut self, later: Later, settle_pauses: &[Duration]) -> Option<Duration> {
        let (tries, most) = match later {
            Later::InUse => (&mut self.in_use, IN_USE_TRIES),
            Later::Failed => (&mut self.failed, SAME_TOKEN_TRIES),
            Later::NotSettled => {
                // As long as for a refusal without a reason, which may mean the same.
                let pause = settle_pauses.get(self.not_settled).copied();
                self.not_settled += 1;
                return pause;
            }
        };
        *tries += 1;
        (*tries <= most).then_some(Duration::ZERO)
    }
}

impl Buyer {
    /// Presents a credential that was paid for and never accepted. A server that refuses it without
    /// a reason may not have seen the payment yet, so it is asked again after each of the pauses.
    pub(super) async fn present_until_settled(&self, hop: &Hop, paid: &Paid) -> Presented {
        for pause in self.settle_pauses {
            match self.present(hop, paid).await {
                Presented::Refused(refusal) if refusal.kind == RefusalKind::Unexplained => {
                    tokio::time::sleep(pause).await;
                }
                presented => return presented,
            }
        }
        self.present(hop, paid).await
    }

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
        let is_ours = paid.row().is_ours();
        let mut tries = Tries::default();
        loop {
            let answer = match self.http.present(hop, &value).await {
                Ok(answer) => answer,
                Err(no_response) => {
                    return Presented::Failed {
                        status: None,
                        reason: no_response.text(),
                    };
                }
            };
            let (status, headers) = (answer.status(), answer.headers().clone());
            if !may_be_a_verdict(status, &headers, is_ours) {
                return Presented::Answer(answer);
            }
            // The body of an answer of the service goes on to the caller, so it is read and put back.
            let (answer, document) = self.document(answer).await;
            let later = later(status, &document);
            match status.as_u16() {
                401 | 402 => {
                    let refusal = verdict(status, &headers, &document, is_ours);
                    return refusal.map_or(Presented::Answer(answer), Presented::Refused);
                }
                409 if later.is_none() => return Presented::Answer(answer),
                _ => {}
            }
            let Some(least) = later.and_then(|later| tries.next(later, &self.settle_pauses)) else {
                return Presented::Failed {
                    status: Some(status.as_u16()),
                    reason: failure(status, &document),
                };
            };
            let pause = retry_after(&headers, self.clock.wall()).unwrap_or(Duration::from_secs(1));
            tokio::time::sleep(pause.min(PAUSE_MAX).max(least)).await;
        }
    }

    /// Reads the body of an answer, at most [`BODY_MAX`] bytes, and returns the answer with its body
    /// put back, and the body as JSON, null if it is none.
    async fn document(&self, answer: reqwest::Response) -> (reqwest::Response, Value) {
        let (answer, body) = self.http.peek(answer, BODY_MAX, BODY_TIME).await;
        let document = body.and_then(|body| serde_json::from_slice(&body).ok());
        (answer, document.unwrap_or_default())
    }

    /// Records that a paid credential was refused for good, for the caller to take up with the
    /// seller, and buys nothing more there for a day.
    pub(super) async fn turned_away(&self, paid: Paid, status: u16, reason: String) -> Error {
        let seller = paid.row().scope.seller();
        let error = self.refused_for_good(paid, status, &reason).await;
        self.stop_seller(seller, &reason).await;
        error
    }

    /// As [`Buyer::turned_away`], for a credential of an earlier call that the server calls used up.
    /// That call may have had the answer and been killed before it could say so, so the seller is
    /// stopped only if this comes a second time without an answer in between.
    pub(super) async fn used_up_before(&self, paid: Paid, status: u16, reason: String) -> Error {
        let (scope, hash) = (paid.row().scope.clone(), paid.row().payment_hash);
        let seller = scope.seller();
        let again = self
            .journal
            .run(move |store| store.has_refused_another(&scope, &hash))
            .await;
        let error = self.refused_for_good(paid, status, &reason).await;
        if again.unwrap_or(true) {
            self.stop_seller(seller, &reason).await;
        }
        error
    }

    async fn refused_for_good(&self, paid: Paid, status: u16, reason: &str) -> Error {
        let hash = paid.row().payment_hash;
        let (note, now) = (reason.to_owned(), self.clock.wall());
        let moved = self
            .journal
            .run(move |store| store.refused(paid, &note, now))
            .await;
        // The caller needs the error more than the note: a row that stays `paid` is merely presented
        // once more.
        if let Err(error) = moved {
            tracing::warn!(%hash, error = error.without_promise(), "cannot record a refused purchase");
        }
        not_served(hash, Some(status), reason.to_owned(), false)
    }

    /// Records a refusal that may only be early. The next call presents the credential again.
    pub(super) async fn refused_once(&self, paid: Paid, refusal: &Refusal) -> Error {
        let hash = paid.row().payment_hash;
        let (reason, now) = (refusal.reason(), self.clock.wall());
        let note = reason.clone();
        let noted = self
            .journal
            .run(move |store| store.refused_once(paid, &note, now))
            .await;
        if let Err(error) = noted {
            tracing::warn!(%hash, error = error.without_promise(), "cannot record a refusal");
        }
        let reason = format!("{reason}; it may not have seen the payment yet");
        not_served(hash, Some(refusal.status), reason, true)
    }

    /// Notes that a purchase brought no answer. Without the note it does not count towards the
    /// seller's stop.
    pub(super) async fn note_unserved(&self, hash: PaymentHash, reason: String) {
        let now = self.clock.wall();
        let noted = self
            .journal
            .run(move |store| store.unserved(&hash, &reason, now))
            .await;
        if let Err(error) = noted {
            tracing::warn!(%hash, error = error.without_promise(), "cannot note a failure");
        }
    }

    /// Buys nothing more of a seller for a day. Without the row, the next run may pay once more.
    pub(super) async fn stop_seller(&self, seller: String, reason: &str) {
        let since = self.dating_time();
        let because = Stopped {
            reason: reason.to_owned(),
            since,
            until: since.saturating_add(STOP_TIME),
        };
        let stop = Stop::Host(seller);
        let stopped = self
            .journal
            .run(move |store| store.stop(&stop, &because))
            .await;
        if let Err(error) = stopped {
            tracing::warn!(
                error = error.without_promise(),
                "cannot record that a seller is stopped"
            );
        }
    }
}

/// Returns true if an answer to a credential of an earlier call may mean that the token is stale. An
/// answer that names the use of the token has accepted it.
pub(super) fn may_be_stale(answer: &reqwest::Response) -> bool {
    let refuses = matches!(answer.status(), StatusCode::FORBIDDEN | StatusCode::GONE);
    refuses && crate::receipt::UseReport::of(answer.headers()).is_none()
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

//! The proof of payment as an extractor of axum.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use l402::Problem;

use super::Paid;
use crate::answer::Refusal;

/// The rejection of a handler that takes [`Paid`] on a route that is free or not behind the
/// paywall. Answers 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPaid;

impl IntoResponse for NotPaid {
    fn into_response(self) -> Response {
        // A mistake of the program, not of the caller: no 402, since nobody could pay it.
        tracing::error!("a handler takes `Paid` on a route that the paywall does not charge for");
        Refusal::new(Problem::Internal)
            .into_response()
            .map(Into::into)
    }
}

impl<S: Sync> FromRequestParts<S> for Paid {
    type Rejection = NotPaid;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, NotPaid> {
        parts.extensions.get().cloned().ok_or(NotPaid)
    }
}

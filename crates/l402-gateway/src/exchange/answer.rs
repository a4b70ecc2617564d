//! The answer of the gateway itself to a request that it refuses.

use http::Response;
use http_body_util::Full;
use l402_server::Refusal;

use super::body::AnswerBody;

/// An answer to a client, from the upstream or from the gateway itself.
pub(crate) type Answer = Response<AnswerBody>;

/// Returns the answer that tells a client of a refusal.
pub(crate) fn refuse(refusal: Refusal) -> Answer {
    refusal
        .into_response()
        .map(|body| AnswerBody::Whole(Full::new(body)))
}

//! The answers of the gateway itself, and what all answers have in common.

use http::Response;
use http_body_util::Full;
use l402_server::{Refusal, take_body};

use super::body::AnswerBody;

/// An answer to a client, from the upstream or from the gateway itself.
pub(crate) type Answer = Response<AnswerBody>;

/// Returns an answer to HEAD without the body that the gateway itself has made for it. An
/// upstream's has none.
pub(crate) fn to_head(answer: Answer) -> Answer {
    let (mut head, mut body) = answer.into_parts();
    if let AnswerBody::Whole(body) = &mut body {
        take_body(&mut head.headers, body);
    }
    Response::from_parts(head, body)
}

/// Returns the answer that tells a client of a refusal.
pub(crate) fn refuse(refusal: Refusal) -> Answer {
    refusal
        .into_response()
        .map(|body| AnswerBody::Whole(Full::new(body)))
}

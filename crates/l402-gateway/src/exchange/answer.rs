//! The answers of the gateway itself, and what all answers have in common.

use http::Response;
use http_body_util::Full;
use l402_server::{Refusal, take_body};

use super::body::AnswerBody;

/// An answer to a client, from the upstream or from the gateway itself.
pub(crate) type Answer = Response<AnswerBody>;

/// Marks an answer that is given before the end of its request was read.
#[derive(Clone, Copy)]
struct Early;

/// Marks an answer that is given before the end of its request was read.
pub(crate) fn early(mut answer: Answer) -> Answer {
    answer.extensions_mut().insert(Early);
    answer
}

/// Returns true if the answer is marked by [`early`].
pub(crate) fn is_early(answer: &Answer) -> bool {
    answer.extensions().get::<Early>().is_some()
}

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

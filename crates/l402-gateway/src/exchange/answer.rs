//! From a refusal to what is sent.

use http::Response;
use http_body_util::Full;
use l402_server::Refusal;

use super::body::AnswerBody;

pub(crate) type Answer = Response<AnswerBody>;

pub(crate) fn refuse(refusal: Refusal) -> Answer {
    refusal
        .into_response()
        .map(|body| AnswerBody::Whole(Full::new(body)))
}

//! Puts a page in the place of a refusal that a person reads.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use http_body_util::Full;
use l402::Problem;
use l402_server::Refusal;

use super::answer::{Answer, refuse};
use super::body::AnswerBody;
use crate::page::{Happening, Page, Reader, vary};
use crate::table::RouteTable;

/// Returns the answer that tells a client of a refusal; to a person, the page with its invoice.
pub(super) fn refuse_to(refusal: Refusal, reader: Option<&Reader>, table: &RouteTable) -> Answer {
    let look = table.page.as_deref();
    let page = look.zip(reader).and_then(|(look, reader)| {
        let offer = refusal.offer()?;
        let route = refusal.matched().map(|matched| matched.index);
        let refused = (refusal.problem(), &offer, refusal.has_pass());
        Some(look.offer(reader, refused, route))
    });
    let has_offer = refusal.has_challenge();
    let mut answer = refuse(refusal);
    if let Some(page) = page {
        put(&mut answer, page);
    }
    // Said to programs, too: what they get is not what a browser gets.
    if has_offer && look.is_some() {
        vary(answer.headers_mut());
    }
    answer
}

/// Returns an answer as a person reads it: a refusal without an invoice says what to do next.
pub(super) fn shown(mut answer: Answer, reader: Option<&Reader>, table: &RouteTable) -> Answer {
    let problem = answer.extensions().get::<Problem>().copied();
    let look = table.page.as_deref();
    let (Some(look), Some(reader), Some(problem)) = (look, reader, problem) else {
        return answer;
    };
    if !is_problem_document(answer.headers()) || answer.status() == 402 {
        return answer;
    }
    let headers = answer.headers();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let retry_after = text(RETRY_AFTER.as_str()).and_then(|secs| secs.parse().ok());
    let happening = Happening {
        status: answer.status(),
        problem,
        retry_after: retry_after.map(Duration::from_secs),
        is_kept: text("l402-use") == Some("kept"),
    };
    let page = look.notice(reader, &happening);
    put(&mut answer, page);
    vary(answer.headers_mut());
    answer
}

fn is_problem_document(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/problem+json")
}

fn put(answer: &mut Answer, page: Page) {
    let body: Bytes = page.into_body(answer.headers_mut());
    *answer.body_mut() = AnswerBody::Whole(Full::new(body));
}

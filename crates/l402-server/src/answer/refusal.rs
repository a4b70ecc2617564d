//! A refusal: the reason and the answer, ready to send.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE, ALLOW,
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{Method, Response, StatusCode, Uri};
use l402::{Problem, RetryWith};
use serde::Serialize;

use super::{UseReport, allow_origin};
use crate::challenge::{Offer, OfferFields, OfferView};
use crate::observe::Observation;
use crate::request::CanonicalRequest;
use crate::table::Matched;

/// Says on a 402 that a credential may also come in the request header of this name.
const L402_CREDENTIAL: HeaderName = HeaderName::from_static("l402-credential");

/// The reason why a request was not forwarded, and the answer that tells it to the caller.
///
/// The [`Problem`] is also in the extensions of the response, for logs and metrics.
///
/// ```
/// use std::time::Duration;
/// use l402::Problem;
/// use l402_server::Refusal;
///
/// let refusal = Refusal::new(Problem::UpstreamTimeout)
///     .with_paid(true)
///     .with_retry_after(Duration::from_millis(1500));
/// let response = refusal.into_response();
/// assert_eq!(response.status(), 504);
/// assert_eq!(response.headers()["retry-after"], "2");
/// assert_eq!(response.extensions().get(), Some(&Problem::UpstreamTimeout));
/// ```
#[derive(Debug)]
pub struct Refusal(Box<RefusalParts>);

#[derive(Debug)]
struct RefusalParts {
    problem: Problem,
    detail: Option<String>,
    offer: Option<Offer>,
    retry_after: Option<Duration>,
    retry_with: Option<RetryWith>,
    grpc: bool,
    paid: bool,
    used: UseReport,
    allow: Option<String>,
    /// The route that matched, and the origin of the caller if that route lists it.
    cors: Option<(Matched, Option<String>)>,
    preflight: Option<Method>,
    has_pass: bool,
}

impl Refusal {
    /// Makes a refusal without a challenge.
    #[must_use]
    pub fn new(problem: Problem) -> Self {
        Self(Box::new(RefusalParts {
            problem,
            detail: None,
            offer: None,
            retry_after: problem.retry_after(),
            retry_with: None,
            grpc: false,
            paid: false,
            used: UseReport::default(),
            allow: None,
            cors: None,
            preflight: None,
            has_pass: false,
        }))
    }

    /// Makes the refusal of a request whose head [`CanonicalRequest::from_parts`] has refused. Names
    /// the character of the path that is at fault, if that is the reason.
    #[must_use]
    pub fn unread(problem: Problem, uri: &Uri) -> Self {
        let refusal = Self::new(problem);
        match CanonicalRequest::path_advice(uri.path()) {
            Some(advice) if problem == Problem::BadRequest => refusal.with_detail(advice),
            _ => refusal,
        }
    }

    /// Makes the answer to a CORS preflight, an empty 204. Nothing is refused, but nothing is
    /// forwarded either. The problem is a placeholder that is never sent.
    pub(crate) fn preflight(method: Method) -> Self {
        let mut answer = Self::new(Problem::MethodNotAllowed);
        answer.0.preflight = Some(method);
        answer
    }

    /// Sets the `detail` of the problem document. By default the advice of the problem.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Answers as gRPC does: 200, with `grpc-status` and `grpc-message` in a single HEADERS frame.
    #[must_use]
    pub fn with_grpc(mut self, grpc: bool) -> Self {
        self.0.grpc = grpc;
        self
    }

    /// Tells the caller that a payment was made and is not lost (`paid: true`), for 502 and 504 of
    /// a paid request.
    #[must_use]
    pub fn with_paid(mut self, paid: bool) -> Self {
        self.0.paid = paid;
        self
    }

    /// Tells the caller of the use of the credential that was presented, and if it was paid for: see
    /// [`UseReport`].
    #[must_use]
    pub fn with_use(mut self, report: UseReport) -> Self {
        self.0.paid |= report.is_paid();
        self.0.used = report;
        self
    }

    /// Returns the report on the use, empty if no credential was presented.
    pub(crate) fn used(&self) -> UseReport {
        self.0.used
    }

    /// Returns the `detail` of the problem document.
    #[must_use]
    pub fn detail(&self) -> &str {
        let detail = self.0.detail.as_deref();
        detail.unwrap_or_else(|| self.0.problem.free_advice())
    }

    /// Returns the time after which to ask again, if the answer names one.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Sets `retry-after`, rounded up to whole seconds, at least one.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Sets the next step of the caller's program. By default that of the problem.
    pub(crate) fn with_retry_with(mut self, retry_with: RetryWith) -> Self {
        self.0.retry_with = Some(retry_with);
        self
    }

    /// Adds an invoice and a token: the refusal becomes a challenge.
    pub(crate) fn with_offer(mut self, offer: Offer) -> Self {
        self.0.offer = Some(offer);
        self
    }

    /// Notes that the browser holds a pass that is good here, and may not use it on the way it came.
    pub(crate) fn with_pass(mut self, has_pass: bool) -> Self {
        self.0.has_pass = has_pass;
        self
    }

    /// Returns true if the browser holds a pass that is good here, and is refused only because a page of
    /// another site has sent it. A link on a page of this host leads on, without another payment.
    #[must_use]
    pub fn has_pass(&self) -> bool {
        self.0.has_pass
    }

    /// Sets the header `allow` of a 405.
    pub(crate) fn with_allow(mut self, methods: String) -> Self {
        self.0.allow = Some(methods);
        self
    }

    /// Adapts the answer to the route and the caller: gRPC if both speak it, and CORS headers.
    pub(crate) fn on(mut self, matched: &Matched, request: &CanonicalRequest) -> Self {
        let origin = matched
            .route
            .cors_origin(request.origin.as_deref())
            .map(str::to_owned);
        self.0.grpc = matched.route.grpc && request.grpc;
        self.0.cors = Some((matched.clone(), origin));
        self
    }

    /// Tells an observer of the invoice, if there is one, and of the refusal.
    pub(crate) fn tell(&self, observation: &Observation) {
        if let Some(offer) = &self.0.offer {
            observation.offered(&offer.facts());
        }
        let problem = (!self.is_preflight()).then_some(self.0.problem);
        observation.refused(problem, self.status(), self.has_challenge());
    }

    /// Returns the reason of the refusal. It is a placeholder if this is the answer to a preflight.
    #[must_use]
    pub fn problem(&self) -> Problem {
        self.0.problem
    }

    /// Returns true if this is the answer to a CORS preflight, and nothing was refused.
    #[must_use]
    pub fn is_preflight(&self) -> bool {
        self.0.preflight.is_some()
    }

    /// Returns true if the answer carries an invoice.
    #[must_use]
    pub fn has_challenge(&self) -> bool {
        self.0.offer.is_some()
    }

    /// Returns the offer that the answer carries, for a page that shows it to a person.
    #[must_use]
    pub fn offer(&self) -> Option<OfferView<'_>> {
        self.0.offer.as_ref().map(Offer::view)
    }

    /// Returns the route that matched, if one did and the paywall made the refusal.
    #[must_use]
    pub fn matched(&self) -> Option<&Matched> {
        self.0.cors.as_ref().map(|(matched, _)| matched)
    }

    /// Returns the HTTP status: 402 with a challenge, otherwise the problem's own; 204 for a
    /// preflight, 200 for gRPC.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        if self.is_preflight() {
            StatusCode::NO_CONTENT
        } else if self.0.grpc {
            StatusCode::OK
        } else {
            StatusCode::from_u16(self.problem_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }

    fn problem_status(&self) -> u16 {
        // The code tells what was wrong with the credential, the status what to do next.
        if self.has_challenge() {
            402
        } else {
            self.0.problem.status()
        }
    }

    /// Returns the answer: a problem document (RFC 9457, `application/problem+json`) with the
    /// additional fields `code`, `error`, `message`, `retry_with` and `paid`.
    ///
    /// A challenge also has `price_sats`, `price_msat`, `invoice`, `payment_hash`, `macaroon`,
    /// `token`, `description`, and `expires_at`, the last moment to pay (RFC 3339).
    #[must_use]
    pub fn into_response(self) -> Response<Bytes> {
        let body = if self.is_preflight() || self.0.grpc {
            Bytes::new()
        } else {
            self.body()
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status();
        self.write_headers(response.headers_mut());
        if !self.is_preflight() {
            response.extensions_mut().insert(self.0.problem);
        }
        response
    }

    fn write_headers(&self, headers: &mut HeaderMap) {
        match &self.0.preflight {
            Some(method) => self.write_preflight(headers, method),
            None => self.write_problem(headers),
        }
        if let Some((matched, origin)) = &self.0.cors {
            allow_origin(headers, &matched.route, origin.as_deref());
        }
    }

    fn write_problem(&self, headers: &mut HeaderMap) {
        // A cached 402 would offer one invoice to many buyers (ATTACKS H-34).
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for line in self.challenge_lines() {
            insert(headers, WWW_AUTHENTICATE, &line);
        }
        if self.has_challenge() {
            // For a client whose `authorization` belongs to the service behind the paywall.
            headers.insert(L402_CREDENTIAL, HeaderValue::from_static("accepted"));
        }
        self.0.used.write(headers);
        if let Some(wait) = self.0.retry_after {
            // Rounded up: a caller who comes back too early is refused again.
            let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, secs.max(1).into());
        }
        if let Some(methods) = &self.0.allow {
            insert(headers, ALLOW, methods);
        }
        if self.0.grpc {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.insert("grpc-status", self.0.problem.grpc_status().into());
            insert(
                headers,
                HeaderName::from_static("grpc-message"),
                &self.grpc_message(),
            );
        } else {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/problem+json"),
            );
        }
    }

    /// Returns the lines of `www-authenticate`. A 401 must have one (RFC 9110 section 15.5.2).
    fn challenge_lines(&self) -> Vec<String> {
        match &self.0.offer {
            Some(offer) => offer.header_lines(),
            None if self.0.problem.status() == 401 => {
                vec![format!(
                    "L402 version=\"0\", error=\"{}\"",
                    self.0.problem.code()
                )]
            }
            None => Vec::new(),
        }
    }

    fn write_preflight(&self, headers: &mut HeaderMap, method: &Method) {
        // To an origin that the route does not list, a preflight without these headers is a no.
        if matches!(&self.0.cors, Some((_, Some(_)))) {
            insert(headers, ACCESS_CONTROL_ALLOW_METHODS, method.as_str());
            // `*` does not cover `authorization` (Fetch standard), so that is named.
            let names = HeaderValue::from_static("authorization, l402-credential, *");
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
    }

    /// Returns the `grpc-message`. A challenge begins with the words `payment required`: gRPC
    /// clients look for them before they read the challenge.
    fn grpc_message(&self) -> String {
        match self.0.problem {
            Problem::PaymentRequired => "payment required".to_owned(),
            problem if self.has_challenge() => format!("payment required: {}", problem.title()),
            problem => problem.title().to_owned(),
        }
    }

    /// Returns the problem document as JSON.
    fn body(&self) -> Bytes {
        let problem = self.0.problem;
        // Without a credential, as on a free route, there is none to send again.
        let presented = self.0.paid || !self.0.used.is_empty();
        let of_problem = self.0.retry_with.unwrap_or_else(|| problem.retry_with());
        let retry_with = if self.has_challenge() || self.0.used.is_used_up() {
            RetryWith::NewInvoice
        } else if of_problem == RetryWith::SameToken && !presented {
            RetryWith::None
        } else {
            of_problem
        };
        let advice = if presented || self.has_challenge() {
            problem.advice()
        } else {
            problem.free_advice()
        };
        let mut body = Vec::with_capacity(BODY);
        let document = Document {
            kind: format_args!("urn:l402:problem:{}", problem.code()),
            title: problem.title(),
            status: self.problem_status(),
            detail: self.0.detail.as_deref().unwrap_or(advice),
            code: problem.code(),
            error: problem.code(),
            message: format_args!("{}. {}.", problem.title(), advice),
            retry_with: retry_with.name(),
            // A client that shall retry with the same token must see if it was paid for.
            paid: (self.0.paid || retry_with == RetryWith::SameToken).then_some(self.0.paid),
            offer: self.0.offer.as_ref().map(Offer::fields),
        };
        // The document holds texts and numbers only, so writing it cannot fail.
        let _ = serde_json::to_writer(&mut body, &document);
        body.into()
    }
}

/// The initial capacity of a body, in bytes. Most documents with an offer fit.
const BODY: usize = 4096;

/// A problem document (RFC 9457).
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: fmt::Arguments<'a>,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    error: &'a str,
    message: fmt::Arguments<'a>,
    retry_with: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    paid: Option<bool>,
    #[serde(flatten)]
    offer: Option<OfferFields<'a>>,
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // The values are words of this crate, numbers and methods, so none is lost here.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.append(name, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn body(refusal: Refusal) -> Value {
        serde_json::from_slice(refusal.into_response().body()).unwrap()
    }

    #[test]
    fn every_problem_is_a_document_of_its_own_status() {
        for problem in Problem::ALL {
            let response = Refusal::new(*problem).into_response();
            assert_eq!(response.status(), problem.status());
            assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
            assert_eq!(response.extensions().get(), Some(problem));
            let body = body(Refusal::new(*problem).with_paid(true));
            assert_eq!(body["status"], problem.status());
            assert_eq!(body["code"], problem.code());
            assert_eq!(body["error"], problem.code());
            assert_eq!(body["title"], problem.title());
            assert_eq!(body["retry_with"], problem.retry_with().name());
        }
    }

    #[test]
    fn a_bad_credential_is_named_in_the_challenge_line() {
        let response = Refusal::new(Problem::InvalidToken).into_response();
        let line = r#"L402 version="0", error="invalid_token""#;
        assert_eq!(response.headers()[WWW_AUTHENTICATE], line);
    }

    #[test]
    fn a_failure_says_that_the_payment_is_not_lost() {
        let body = body(
            Refusal::new(Problem::UpstreamTimeout)
                .with_paid(true)
                .with_detail("gone"),
        );
        assert_eq!(body["paid"], true);
        assert_eq!(body["retry_with"], "same_token");
        assert_eq!(body["detail"], "gone");
    }

    // FAULTS G10: who has sent no credential is not told to send it again, for whatever failure.
    #[test]
    fn a_failure_on_a_free_route_names_no_credential() {
        for problem in [
            Problem::BodyTooLarge,
            Problem::Internal,
            Problem::Overloaded,
            Problem::RequestTimeout,
            Problem::UpstreamFailed,
            Problem::UpstreamTimeout,
        ] {
            let body = body(Refusal::new(problem));
            for field in ["detail", "message"] {
                let text = body[field].as_str().unwrap();
                assert!(
                    !text.contains("credential") && !text.contains("spent"),
                    "{text}"
                );
            }
            assert_eq!(body["retry_with"], "none");
            assert!(body.get("paid").is_none());
        }
    }

    #[test]
    fn waits_are_whole_seconds_and_never_none() {
        for (wait, header) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2")] {
            let refusal = Refusal::new(Problem::TooManyChallenges);
            let response = refusal
                .with_retry_after(Duration::from_millis(wait))
                .into_response();
            assert_eq!(response.headers()[RETRY_AFTER], header);
        }
    }

    #[test]
    fn grpc_gets_its_status_in_the_only_frame() {
        for (problem, status) in [
            (Problem::InvalidToken, "16"),
            (Problem::InUse, "14"),
            (Problem::TooManyChallenges, "8"),
            (Problem::NoRoute, "12"),
            (Problem::UpstreamTimeout, "4"),
            (Problem::BadRequest, "3"),
            (Problem::Consumed, "13"),
        ] {
            let response = Refusal::new(problem).with_grpc(true).into_response();
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()[CONTENT_TYPE], "application/grpc");
            assert_eq!(response.headers()["grpc-status"], status, "{problem:?}");
            assert!(response.body().is_empty());
        }
    }
}

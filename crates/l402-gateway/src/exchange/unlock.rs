//! The answer at `/.well-known/l402/settled`: a browser asks if it has paid, and gets a pass.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use l402::{Preimage, Problem};
use l402_server::{Granted, Refusal, Snapshot, Unlock, Unlocked};
use serde_json::{Value, json};
use tokio::time::timeout;
use url::form_urlencoded;

use super::answer::Answer;
use super::body::AnswerBody;
use super::client::RequestClient;
use super::connection::GatewayState;
use super::pass;
use crate::page::{Asking, Look, PaidState};
use crate::table::RouteTable;
use crate::upstream::ClientBody;

/// The longest question, in bytes.
const LONGEST: usize = 16 * 1024;

/// The longest time that its body may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The state of a payment that has not arrived.
const OPEN: &str = "open";

/// The state of a payment that the node may not be asked about at this moment.
const BUSY: &str = "busy";

/// The two ways in which the page asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// By its script.
    Json,
    /// By its form, if there is no script: the answer is a page.
    Page,
}

/// A question, as it came.
#[derive(Debug, Default)]
struct Question {
    token: String,
    path: String,
    preimage: Option<String>,
}

/// An answer: a state, and what else the browser is told.
struct Reply {
    status: StatusCode,
    state: &'static str,
    detail: Option<String>,
    retry_after: Option<Duration>,
}

impl Reply {
    fn new(status: StatusCode, state: &'static str) -> Self {
        Self {
            status,
            state,
            detail: None,
            retry_after: None,
        }
    }

    /// Nothing is known yet that would end the question.
    fn later(state: &'static str, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..Self::new(StatusCode::ACCEPTED, state)
        }
    }

    fn bad(status: StatusCode, state: &'static str, detail: &str) -> Self {
        Self {
            detail: Some(detail.to_owned()),
            ..Self::new(status, state)
        }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let problem = refusal.problem();
        Self {
            detail: Some(refusal.detail().to_owned()),
            retry_after: refusal.retry_after(),
            ..Self::new(refusal.status(), problem.code())
        }
    }
}

/// Answers the question of a page if its token is paid for. The request is free, no upstream is asked, and no
/// use is counted.
pub(super) async fn answer(
    granted: Granted,
    (parts, body): (Parts, ClientBody),
    client: &RequestClient<'_>,
    (table, state): (&RouteTable, &GatewayState),
) -> Answer {
    let mut headers = HeaderMap::new();
    let form = form(&parts.headers);
    let (reply, question) = match read(&parts, body, client, form).await {
        Err(reply) => (reply, Question::default()),
        Ok(question) => {
            let preimage = question.preimage.as_deref();
            let unlock = Unlock {
                token: &question.token,
                path: &question.path,
                preimage: preimage.and_then(|hex| hex.parse::<Preimage>().ok()),
                peer: client.address(),
                tells_site: parts.headers.contains_key("sec-fetch-site"),
            };
            let unlocked = state.paywall.unlock(&table.snapshot, unlock).await;
            let is_tls = client.uses_tls();
            let reply = unlocked.map_or_else(Reply::from, |unlocked| {
                let request = (&table.snapshot, &parts.headers, is_tls);
                settle(&unlocked, request, &mut headers)
            });
            (reply, question)
        }
    };
    let response = match form {
        Some(Form::Page) => {
            let look = table.page.as_deref();
            page(&reply, &question, (look, &parts.headers))
        }
        _ => document(&reply),
    };
    if let Some(wait) = reply.retry_after {
        let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, secs.max(1).into());
    }
    headers.insert(CONTENT_LENGTH, response.body().len().into());
    // For the one who asked alone.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let mut answer = granted.settle(response.map(Full::new));
    // After the cleaning, which takes passes out of answers: an upstream could set one.
    answer.headers_mut().extend(headers);
    answer.map(|body| AnswerBody::Document(Box::new(body)))
}

/// Returns the reply to a question whose token is genuine, and writes the pass.
fn settle(
    unlocked: &Unlocked,
    (snapshot, request, is_tls): (&Snapshot, &HeaderMap, bool),
    answer: &mut HeaderMap,
) -> Reply {
    match unlocked {
        Unlocked::Settled(pass) => {
            pass.write(snapshot, request, is_tls, answer);
            Reply::new(StatusCode::OK, "settled")
        }
        Unlocked::Open(wait) => Reply::later(OPEN, *wait),
        Unlocked::Busy(wait) => Reply::later(BUSY, *wait),
        _ => Reply::new(StatusCode::GONE, "ended"),
    }
}

/// Returns the way in which the page asks; `None` if it is neither.
fn form(headers: &HeaderMap) -> Option<Form> {
    let named = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let kind = named.split(';').next().unwrap_or_default().trim();
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    match (
        is("application/json"),
        is("application/x-www-form-urlencoded"),
    ) {
        (true, _) => Some(Form::Json),
        (_, true) => Some(Form::Page),
        _ => None,
    }
}

/// Reads a question, once it is clear that it may be asked on this way.
async fn read(
    parts: &Parts,
    body: ClientBody,
    client: &RequestClient<'_>,
    form: Option<Form>,
) -> Result<Question, Reply> {
    pass::check(parts, client).map_err(|unfit| match unfit {
        pass::Unfit::Foreign => Reply::bad(StatusCode::FORBIDDEN, "foreign_page", unfit.advice()),
        pass::Unfit::Plain => Reply::bad(StatusCode::BAD_REQUEST, "needs_https", unfit.advice()),
    })?;
    let Some(form) = form else {
        let detail = "Send application/json, or the form of the page";
        return Err(Reply::bad(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "bad_request",
            detail,
        ));
    };
    let bytes = whole(body).await?;
    let question = match form {
        Form::Json => Question::of_json(&bytes),
        Form::Page => Question::of_form(&bytes),
    };
    question.ok_or_else(|| {
        let detail = "Send token, path and, from a wallet in the browser, preimage, each as a text";
        Reply::bad(StatusCode::BAD_REQUEST, "bad_request", detail)
    })
}

/// Reads the body, within limits of length and time.
async fn whole(body: ClientBody) -> Result<Bytes, Reply> {
    let read = timeout(TIME_LIMIT, Limited::new(body, LONGEST).collect());
    let problem = match read.await {
        Ok(Ok(body)) => return Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Problem::BodyTooLarge,
        Ok(Err(_)) => Problem::BadRequest,
        Err(_) => Problem::RequestTimeout,
    };
    Err(Refusal::new(problem).into())
}

impl Question {
    fn of_json(bytes: &[u8]) -> Option<Self> {
        let document: Value = serde_json::from_slice(bytes).ok()?;
        let text = |key: &str| document.get(key)?.as_str().map(str::to_owned);
        Some(Self {
            token: text("token")?,
            path: text("path")?,
            preimage: text("preimage"),
        })
    }

    fn of_form(bytes: &[u8]) -> Option<Self> {
        let text = |key: &str| {
            let mut pairs = form_urlencoded::parse(bytes);
            pairs
                .find(|(name, _)| name == key)
                .map(|(_, value)| value.into_owned())
        };
        Some(Self {
            token: text("token")?,
            path: text("path")?,
            preimage: text("preimage"),
        })
    }
}

/// Writes the answer for a script.
fn document(reply: &Reply) -> Response<Bytes> {
    let mut document = json!({ "state": reply.state });
    if let Some(detail) = &reply.detail {
        document["detail"] = detail.as_str().into();
    }
    let mut response = Response::new(document.to_string().into());
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Writes the answer for a browser without script: the way to what was paid for, or a page that says what
/// comes next.
fn page(
    reply: &Reply,
    question: &Question,
    (look, request): (Option<&Look>, &HeaderMap),
) -> Response<Bytes> {
    // Settled only for a path of this host, which `unlock` has read.
    let location = HeaderValue::from_str(&question.path);
    if reply.status == StatusCode::OK
        && let Ok(location) = location
    {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::SEE_OTHER;
        response.headers_mut().insert(LOCATION, location);
        return response;
    }
    let Some(look) = look else {
        return document(reply);
    };
    let asking = Asking {
        status: reply.status,
        state: paid_state(reply),
        code: reply.state,
        detail: reply.detail.as_deref().unwrap_or_default(),
        token: &question.token,
        path: &question.path,
    };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = reply.status;
    let page = look.asking(request, &asking);
    *response.body_mut() = page.into_body(response.headers_mut());
    response
}

/// Returns the state of the payment as a person is told of it.
fn paid_state(reply: &Reply) -> PaidState {
    match reply.status {
        // It may have been paid, so nobody is told that it has not.
        StatusCode::ACCEPTED if reply.state == BUSY => PaidState::Unknown,
        StatusCode::ACCEPTED => PaidState::Open,
        StatusCode::GONE => PaidState::Ended,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => PaidState::Unknown,
        _ => PaidState::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_that_a_payment_is_missing_that_was_not_asked_about() {
        let state = |state| paid_state(&Reply::later(state, Duration::from_secs(1)));
        assert_eq!(
            (state(OPEN), state(BUSY)),
            (PaidState::Open, PaidState::Unknown)
        );
    }

    #[test]
    fn a_question_is_read_alike_in_both_forms() {
        let json = Question::of_json(br#"{"token":"t+/=","path":"/a?b=%20","preimage":"00"}"#);
        let form = Question::of_form(b"token=t%2B%2F%3D&path=%2Fa%3Fb%3D%2520&preimage=00");
        for question in [json.unwrap(), form.unwrap()] {
            assert_eq!((&*question.token, &*question.path), ("t+/=", "/a?b=%20"));
            assert_eq!(question.preimage.as_deref(), Some("00"));
        }
        for bad in [
            &b"{}"[..],
            b"[]",
            b"{\"token\":1,\"path\":\"/\"}",
            b"{\"token\":\"t\"}",
            b"t",
        ] {
            assert!(Question::of_json(bad).is_none());
            assert!(Question::of_form(bad).is_none());
        }
    }
}

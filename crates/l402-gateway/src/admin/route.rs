//! The path of a request through guards to its answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::guard::{self, Own};
use super::problem::{Problem, ProblemKind};
use super::trust::{FIRST_TIME, Trust};
use super::{Admin, AdminAnswer, api, page, probes};

/// The longest body, in bytes.
const BODY_MAX: usize = 64 * 1024;

/// The longest time of a body.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The longest body of somebody who is not signed in yet, in bytes: the form of the login.
const LOGIN_MAX: usize = 4 * 1024;

/// Answers one request. Notes in `trust` that an operator has made it.
pub(super) async fn answer(
    admin: &Arc<Admin>,
    request: Request<Incoming>,
    own: Own<'_>,
    trust: &Trust,
) -> AdminAnswer {
    let (head, body) = request.into_parts();
    let is_head = head.method == Method::HEAD;
    let mut answer = match guarded(admin, head, body, own, trust).await {
        Ok(answer) => answer,
        Err(problem) => problem.answer(),
    };
    if is_head {
        *answer.body_mut() = http_body_util::Full::default();
    }
    answer
}

async fn guarded(
    admin: &Arc<Admin>,
    mut head: Parts,
    body: Incoming,
    own: Own<'_>,
    trust: &Trust,
) -> Result<AdminAnswer, Problem> {
    guard::check(&head.headers, &own)?;
    // A server that answers GET answers HEAD, with the same head.
    if head.method == Method::HEAD {
        head.method = Method::GET;
    }
    let path = head.uri.path().to_owned();
    let is_open = !admin.settings().metrics_token && !is_public(admin);
    match path.as_str() {
        "/healthz" => return get(&head).map(|()| probes::healthz(admin)),
        "/readyz" | "/metrics" => {
            if !is_open {
                guard::check_token(&head.headers, admin)?;
            }
            trust.give();
            get(&head)?;
            return Ok(match path.as_str() {
                "/readyz" => probes::readyz(admin).await,
                _ => probes::metrics(admin),
            });
        }
        _ => {}
    }
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    if let ["api", rest @ ..] = &*segments {
        // Before the body: a stranger's is not read.
        guard::check_token(&head.headers, admin)?;
        trust.give();
        let body = read(body, BODY_MAX, BODY_TIME).await?;
        return match rest {
            ["v1", rest @ ..] => api::answer(admin, &head, rest, &body).await,
            _ => Err(not_found()),
        };
    }
    let body = if page::is_signed_in(admin, &head) {
        trust.give();
        read(body, BODY_MAX, BODY_TIME).await?
    } else if page::is_login(&head) {
        read(body, LOGIN_MAX, FIRST_TIME).await?
    } else {
        Bytes::new()
    };
    if let Some(answer) = page::answer(admin, &head, &body).await {
        return Ok(answer);
    }
    guard::check_token(&head.headers, admin)?;
    trust.give();
    Err(not_found())
}

/// Returns true if other machines can reach the listener.
fn is_public(admin: &Admin) -> bool {
    let listen = admin.settings().listen.as_ref();
    listen.is_some_and(crate::config::AdminAddress::is_public)
}

fn not_found() -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        "/api/v1/openapi.json lists the paths of the API",
    )
}

fn get(head: &Parts) -> Result<(), Problem> {
    if head.method == Method::GET {
        return Ok(());
    }
    let detail = "this path answers GET";
    Err(Problem::new(ProblemKind::Method("GET, HEAD"), detail))
}

async fn read(body: Incoming, most: usize, within: Duration) -> Result<Bytes, Problem> {
    let whole = timeout(within, Limited::new(body, most).collect()).await;
    let Ok(whole) = whole else {
        let detail = format!("send the whole body within {} s", within.as_secs());
        return Err(Problem::new(ProblemKind::TooSlow, detail));
    };
    whole
        .map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                let detail = format!("send at most {} KiB", most / 1024);
                Problem::new(ProblemKind::TooLarge, detail)
            } else {
                Problem::new(ProblemKind::BadBody, "the body broke off")
            }
        })
}

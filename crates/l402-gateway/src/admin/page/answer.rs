//! Who gets a page: the login, sessions, and the forms of a session.

use std::sync::Arc;

use http::request::Parts;
use http::{Method, StatusCode};
use maud::html;

use super::super::token::Shown;
use super::super::{Admin, AdminAnswer};
use super::layout::{Frame, Place};
use super::login::Refused;
use super::reader::Reader;
use super::request::{Parameters, cookie_name, is_own, session_of};
use super::session::{SessionId, Sessions};
use super::watch::Watch;
use super::{action, asset, figure, gather, layout, login, response, session};

/// The sessions of the dashboard, and what it has read of late.
#[derive(Debug, Default)]
pub(crate) struct PageState {
    pub(super) sessions: Sessions,
    pub(super) reader: Reader,
    pub(super) watch: Watch,
}

impl PageState {
    /// Ends all sessions, as when the token that began them is no longer the right one.
    pub(in crate::admin) fn end_sessions(&self) {
        self.sessions.end_all();
    }
}

/// Notes traffic and notices in the background, until this is dropped.
pub(in crate::admin) async fn watch(admin: &Admin) {
    Watch::run(admin.gateway(), &admin.page().watch).await;
}

/// Returns true for a request with the cookie of a session that is open.
pub(in crate::admin) fn is_signed_in(admin: &Admin, head: &Parts) -> bool {
    open_session(admin, head).is_some()
}

/// Returns true for the form by which somebody signs in.
pub(in crate::admin) fn is_login(head: &Parts) -> bool {
    head.method == Method::POST && head.uri.path() == "/login" && is_own(&head.headers)
}

fn open_session(admin: &Admin, head: &Parts) -> Option<SessionId> {
    let now = admin.gateway().clock().monotonic();
    let session = session_of(&head.headers, admin.is_tls());
    session.filter(|id| admin.page().sessions.is_open(id, now))
}

/// Answers a request for a page; `None` if there is no page at its path. Host and origin have been
/// checked, a token has not.
pub(in crate::admin) async fn answer(
    admin: &Arc<Admin>,
    head: &Parts,
    body: &[u8],
) -> Option<AdminAnswer> {
    let path = head.uri.path();
    let is_get = head.method == Method::GET;
    if let Some(file) = asset::at(path).filter(|_| is_get) {
        return Some(response::file(file));
    }
    if !is_get && head.method != Method::POST {
        return None;
    }
    let Some(session) = open_session(admin, head) else {
        return without_session(admin, head, body);
    };
    if is_get {
        return gather::page(admin, &session, path, &Parameters::of_query(head)).await;
    }
    Some(posted(admin, &session, head, &Parameters::read(body)).await)
}

/// Answers somebody who has not signed in: with the login, and nothing else.
fn without_session(admin: &Admin, head: &Parts, body: &[u8]) -> Option<AdminAnswer> {
    let path = head.uri.path();
    match (path, &head.method) {
        ("/login", &Method::GET) => {
            let query = Parameters::of_query(head);
            let next = next(query.get("next"));
            Some(response::page(StatusCode::OK, login::page(None, next)))
        }
        ("/login", _) => Some(sign_in(admin, head, &Parameters::read(body))),
        ("/live.json", _) => Some(response::json(StatusCode::UNAUTHORIZED, "{}".to_owned())),
        // A form of a session that has ended is not sent a second time by itself.
        _ if gather::is_page(path) => {
            Some(response::see(&format!("/login?next={}", next(Some(path)))))
        }
        _ => None,
    }
}

/// Begins a session for somebody who shows the admin token.
fn sign_in(admin: &Admin, head: &Parts, form: &Parameters) -> AdminAnswer {
    // Before the token is judged: forms of other sites must not use up the attempts.
    if !is_own(&head.headers) {
        return foreign();
    }
    let next = next(form.get("next"));
    let token = form.get("token").unwrap_or_default().trim();
    let refused = |status, refused| response::page(status, login::page(Some(refused), next));
    match admin.judge_token(token.as_bytes()) {
        Shown::Right => {}
        Shown::Wrong => return refused(StatusCode::UNAUTHORIZED, Refused::Wrong),
        Shown::TooMany => return refused(StatusCode::TOO_MANY_REQUESTS, Refused::TooMany),
    }
    let now = admin.gateway().clock().monotonic();
    match admin.page().sessions.begin(now) {
        Ok(id) => {
            let cookie = cookie(admin, head, &id.to_hex(), session::LIFETIME.as_secs());
            response::with_cookie(response::see(next), &cookie)
        }
        Err(_) => response::page(
            StatusCode::INTERNAL_SERVER_ERROR,
            layout::document(
                "Error",
                &html! { main #main { p { "The system has no randomness." } } },
            ),
        ),
    }
}

/// Does what a form of a session asks for.
async fn posted(
    admin: &Arc<Admin>,
    session: &SessionId,
    head: &Parts,
    form: &Parameters,
) -> AdminAnswer {
    if !is_own(&head.headers) {
        return foreign();
    }
    let path = head.uri.path();
    // Somebody who signs in again has no form of this session yet.
    if path == "/login" {
        return sign_in(admin, head, form);
    }
    if !session.is_csrf(form.get("csrf").unwrap_or_default()) {
        return foreign();
    }
    match path {
        "/logout" => {
            admin.page().sessions.end(session);
            response::with_cookie(response::see("/login"), &cookie(admin, head, "", 0))
        }
        "/revoke" => action::revoke(admin, session, head, form).await,
        "/reload" => action::reload(admin, session, head).await,
        _ => notice(
            session,
            StatusCode::NOT_FOUND,
            "There is nothing to send to this address.",
        ),
    }
}

/// Returns the value of `Set-Cookie`.
fn cookie(admin: &Admin, head: &Parts, value: &str, secs: u64) -> String {
    let name = cookie_name(&head.headers, admin.is_tls());
    let secure = if admin.is_tls() { "; Secure" } else { "" };
    format!("{name}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={secs}{secure}")
}

/// Refuses a form that no page of this session has sent.
fn foreign() -> AdminAnswer {
    let body = html! {
        main.login #main {
            section.card {
                h1 { "Refused" }
                p { "This form does not come from a page of this session. Load the page again and repeat it." }
                p { a.button href="/" { "To the overview" } }
            }
        }
    };
    response::page(StatusCode::FORBIDDEN, layout::document("Refused", &body))
}

/// Returns a page that says one thing.
pub(super) fn notice(session: &SessionId, status: StatusCode, text: &str) -> AdminAnswer {
    let csrf = session.csrf();
    let frame = Frame {
        place: Place::Overview,
        title: "Notice",
        csrf: &csrf,
        network: None,
    };
    let body = html! {
        (layout::heading("Sorry", &html! {}))
        p.note.fair role="alert" { (figure::line(text, 500)) }
        p { a href="/" { "To the overview" } }
    };
    response::page(status, frame.page(&body))
}

/// Returns the page after a login: one of ours, and none that a link of a stranger names.
fn next(wanted: Option<&str>) -> &str {
    wanted.filter(|path| gather::is_page(path)).unwrap_or("/")
}

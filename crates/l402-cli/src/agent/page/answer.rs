//! The answers of the page.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use l402_client::Journal;

use super::access;
use super::html::{self, View};
use super::tickets::Tickets;
use crate::agent::decide::not_waiting;
use crate::context::Context;
use crate::error::CliError;
use crate::operator::{self, Verdict};
use crate::owner::is_this_user;

/// The longest form, in bytes.
const FORM_MAX: usize = 8 * 1024;

pub(super) type PageAnswer = Response<Full<Bytes>>;

/// The page, with what it needs to decide.
pub(super) struct Page {
    pub(super) journal: Journal,
    pub(super) context: Context,
    pub(super) tickets: Tickets,
}

/// A form, as a person sent it.
struct Form {
    id: i64,
    yes: bool,
    ticket: String,
    passphrase: String,
}

impl Page {
    /// Answers a request that came in at `own` from `peer`.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        (own, peer): (SocketAddr, SocketAddr),
    ) -> PageAnswer {
        // Before all else, so that another user learns nothing about what waits.
        match self.lets_in(peer, own).await {
            Ok(true) => {}
            Ok(false) => return plain(StatusCode::FORBIDDEN, "another user asks"),
            Err(error) => return plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        if let Err((status, text)) = access::check(&method, request.headers(), own) {
            return plain(status, text);
        }
        if path != "/" {
            return plain(StatusCode::NOT_FOUND, "there is one page: /");
        }
        let said = if method == Method::POST {
            match self.decided(request).await {
                Ok(said) => said,
                Err(error) => (StatusCode::BAD_REQUEST, error.to_string()),
            }
        } else {
            (StatusCode::OK, String::new())
        };
        match self.view(&said.1) {
            Ok(page) => whole(said.0, "text/html; charset=utf-8", page),
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }

    /// Returns true if the other end may see the page. Without a passphrase, nothing but the user of a
    /// process tells the person from everybody else on this machine.
    async fn lets_in(&self, peer: SocketAddr, own: SocketAddr) -> Result<bool, CliError> {
        Ok(operator::is_asked_for(&self.journal)? || is_this_user(peer, own).await)
    }

    fn view(&self, said: &str) -> Result<String, CliError> {
        let now = self.context.clock.wall();
        let waiting = self.journal.waiting_approvals(now)?;
        let tickets = waiting.iter().map(|_| self.tickets.give(now));
        Ok(html::page(&View {
            tickets: &tickets.collect::<Result<Vec<_>, _>>()?,
            waiting: &waiting,
            said: Some(said).filter(|said| !said.is_empty()),
            asks_passphrase: operator::is_asked_for(&self.journal)?,
            now,
        }))
    }

    /// Does what a form asks for, and returns what to tell of it.
    async fn decided(&self, request: Request<Incoming>) -> Result<(StatusCode, String), CliError> {
        let Some(form) = form(request).await else {
            let text = "The form cannot be read.".to_owned();
            return Ok((StatusCode::BAD_REQUEST, text));
        };
        let now = self.context.clock.wall();
        // Before the passphrase: a form without a ticket must not use up one of the attempts.
        if !self.tickets.take(&form.ticket, now) {
            let text = "That page was old, or used already: decide on this one.".to_owned();
            return Ok((StatusCode::FORBIDDEN, text));
        }
        if operator::is_asked_for(&self.journal)? {
            let verdict = operator::check(&self.journal, form.passphrase, now).await?;
            match verdict {
                Verdict::Right => {}
                Verdict::Wrong => {
                    return Ok((StatusCode::FORBIDDEN, operator::outcome_text(verdict)));
                }
                Verdict::TooMany(_) => {
                    return Ok((
                        StatusCode::TOO_MANY_REQUESTS,
                        operator::outcome_text(verdict),
                    ));
                }
            }
        }
        let id = form.id;
        // Read again: the check of a passphrase takes time, and the approval may have expired.
        let now = self.context.clock.wall();
        if self.journal.decide_approval(id, form.yes, now)?.is_none() {
            return Err(not_waiting(id, self.journal.approval(id)?.as_ref()));
        }
        let text = if form.yes {
            format!("Approved {id}. The agent can pay it now, once, within ten minutes.")
        } else {
            format!("Denied {id}.")
        };
        Ok((StatusCode::OK, text))
    }
}

/// Reads a form; `None` if it is none, or too long.
async fn form(request: Request<Incoming>) -> Option<Form> {
    let kind = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    if kind.split(';').next()?.trim() != "application/x-www-form-urlencoded" {
        return None;
    }
    let body = Limited::new(request.into_body(), FORM_MAX)
        .collect()
        .await
        .ok()?
        .to_bytes();
    let field = |name: &str| {
        let mut values = url::form_urlencoded::parse(&body).filter(|(key, _)| key == name);
        let value = values.next().map(|(_, value)| value.into_owned());
        // Twice would be two readings of one form.
        value.filter(|_| values.next().is_none())
    };
    let yes = match field("decision")?.as_str() {
        "approve" => true,
        "deny" => false,
        _ => return None,
    };
    Some(Form {
        id: field("id")?.parse().ok()?,
        yes,
        ticket: field("ticket")?,
        passphrase: field("passphrase").unwrap_or_default(),
    })
}

fn plain(status: StatusCode, text: &str) -> PageAnswer {
    whole(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

fn whole(status: StatusCode, kind: &'static str, body: String) -> PageAnswer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let fixed = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        // `no-referrer` would make the Origin of the form `null`.
        (REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in fixed {
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::try_from(html::policy()) {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

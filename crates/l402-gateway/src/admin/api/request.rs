//! A request of the API: its path, its method, its body, and on which thread it is answered.

use std::sync::Arc;

use http::request::Parts;
use http::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinError;

use super::super::answer::json;
use super::super::change::Actor;
use super::super::problem::{Problem, ProblemKind};
use super::super::{Admin, AdminAnswer, probes};
use super::query::Query;
use super::{configuration, keys, payments, revocations, routes, sales, tokens};

/// The result of a request.
pub(super) type Answered = Result<AdminAnswer, Problem>;

/// A request of the API, whose token has been checked.
struct ApiRequest<'a> {
    admin: &'a Arc<Admin>,
    head: &'a Parts,
    body: &'a [u8],
}

/// Answers a request of the API. The token has been checked. `path` are the segments after `/api/v1`.
pub(in crate::admin) async fn answer(
    admin: &Arc<Admin>,
    head: &Parts,
    path: &[&str],
    body: &[u8],
) -> Answered {
    let request = ApiRequest { admin, head, body };
    match path {
        // Without a thread for looks: all of them may be waiting for a store that hangs.
        ["health"] => {
            request.only("GET")?;
            ok(&probes::health(admin).await)
        }
        ["openapi.json"] => {
            request.only("GET")?;
            let document =
                super::super::answer::answer(StatusCode::OK, "application/json", DOCUMENT);
            Ok(document)
        }
        ["payments"] => request.get(payments::list).await,
        ["routes"] => request.get(routes::list).await,
        ["sales"] => request.get(sales::list).await,
        ["services"] => request.get(routes::services).await,
        ["keys", ..] => request.about_keys(path).await,
        ["revocations"] | ["tokens", ..] => request.about_tokens(path).await,
        _ => request.about_configuration(path).await,
    }
}

fn no_such_path() -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        "the API has no such path; /api/v1/openapi.json lists all",
    )
}

/// The description of the API.
pub(super) const DOCUMENT: &str = include_str!("../openapi.json");

/// A body without content, or an empty object.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl ApiRequest<'_> {
    async fn about_configuration(&self, path: &[&str]) -> Answered {
        match path {
            ["audit"] => self.get(configuration::audit).await,
            ["config"] => self.get(configuration::config).await,
            ["drain"] => {
                let drain = |_: Nothing, admin: &Admin, actor: &Actor| {
                    admin.drain(actor)?;
                    accepted(&configuration::draining())
                };
                self.post(drain).await
            }
            // Another method reaches the second arm, whose refusal names all methods of the path.
            ["limits"] if self.is(&[Method::PATCH]) => self.change(configuration::set_limits).await,
            ["limits"] => self.read("GET, PATCH", configuration::limits).await,
            ["prices"] if self.is(&[Method::PATCH, Method::PUT]) => {
                self.change(configuration::set_price).await
            }
            ["prices"] => self.read("GET, PATCH, PUT", routes::prices).await,
            ["reload"] => {
                let reload =
                    |_: Nothing, admin: &Admin, actor: &Actor| configuration::reload(admin, actor);
                self.post(reload).await
            }
            ["token", "rotate"] => {
                let rotate = |_: Nothing, admin: &Admin, actor: &Actor| {
                    configuration::rotate_token(admin, actor)
                };
                self.post(rotate).await
            }
            _ => Err(no_such_path()),
        }
    }

    async fn about_keys(&self, path: &[&str]) -> Answered {
        match path {
            ["keys"] => self.get(keys::list).await,
            ["keys", "rotate"] => self.post(keys::rotate).await,
            ["keys", number, "retire"] => {
                let number = keys::number(number)?;
                let retire = move |body, admin: &Admin, actor: &Actor| {
                    keys::retire(number, &body, admin, actor)
                };
                self.post(retire).await
            }
            _ => Err(no_such_path()),
        }
    }

    async fn about_tokens(&self, path: &[&str]) -> Answered {
        match path {
            ["revocations"] if self.is(&[Method::POST]) => self.change(revocations::revoke).await,
            ["revocations"] => self.read("GET, POST", revocations::list).await,
            ["tokens"] => self.get(tokens::list).await,
            ["tokens", id] => {
                let id = (*id).to_owned();
                self.get(move |admin, _| tokens::inspect(admin, &id)).await
            }
            ["tokens", id, "revoke"] => {
                let id = (*id).to_owned();
                let revoke = move |_: Nothing, admin: &Admin, actor: &Actor| {
                    revocations::revoke_token(&id, admin, actor)
                };
                self.post(revoke).await
            }
            _ => Err(no_such_path()),
        }
    }

    fn is(&self, methods: &[Method]) -> bool {
        methods.contains(&self.head.method)
    }

    /// Refuses every method but one of a list such as `GET, POST`.
    fn only(&self, allowed: &'static str) -> Result<(), Problem> {
        let method = self.head.method.as_str();
        if allowed.split(", ").any(|one| one == method) {
            return Ok(());
        }
        let detail = format!("this path answers {allowed}");
        Err(Problem::new(ProblemKind::Method(allowed), detail))
    }

    /// Answers GET alone.
    async fn get(
        &self,
        answer: impl FnOnce(&Admin, &Query) -> Answered + Send + 'static,
    ) -> Answered {
        self.read("GET", answer).await
    }

    /// Answers GET of a path that has other methods, too.
    async fn read(
        &self,
        allowed: &'static str,
        answer: impl FnOnce(&Admin, &Query) -> Answered + Send + 'static,
    ) -> Answered {
        self.only(allowed)?;
        let query = Query::of(self.head)?;
        let admin = Arc::clone(self.admin);
        done(
            self.admin
                .threads()
                .look(move || answer(&admin, &query))
                .await,
        )
    }

    /// Answers POST with a body.
    async fn post<T: DeserializeOwned + Send + 'static>(
        &self,
        change: impl FnOnce(T, &Admin, &Actor) -> Answered + Send + 'static,
    ) -> Answered {
        self.only("POST")?;
        self.change(change).await
    }

    /// Answers a request that changes something.
    async fn change<T: DeserializeOwned + Send + 'static>(
        &self,
        change: impl FnOnce(T, &Admin, &Actor) -> Answered + Send + 'static,
    ) -> Answered {
        // A change that needs no parameters may come without a body.
        let body = match self.body.trim_ascii() {
            [] => b"{}",
            body => body,
        };
        let body = serde_json::from_slice(body)
            .map_err(|error| Problem::new(ProblemKind::BadBody, error.to_string()))?;
        let actor = Actor::of(self.head, "api");
        let admin = Arc::clone(self.admin);
        let change = move || change(body, &admin, &actor);
        done(self.admin.threads().change(change).await)
    }
}

/// Returns the answer of work on another thread.
fn done(answered: Result<Answered, JoinError>) -> Answered {
    answered.unwrap_or_else(|error| {
        tracing::error!(%error, "a request of an operator failed");
        Err(Problem::new(ProblemKind::Internal, "see the log"))
    })
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of every answer")]
pub(super) fn ok(value: &impl Serialize) -> Answered {
    Ok(json(StatusCode::OK, value))
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of every answer")]
fn accepted(value: &impl Serialize) -> Answered {
    Ok(json(StatusCode::ACCEPTED, value))
}

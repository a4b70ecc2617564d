//! The bodies of requests, and who sends them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::guard::{only, peer};
use super::problem::ApiError;
use super::state::ApiState;

/// The longest body, in bytes.
pub(super) const BODY_MAX: usize = 64 * 1024;

/// The longest time for a body. A client that sends it byte by byte would keep its connection for ever.
const BODY_TIME: Duration = Duration::from_secs(10);

/// A value that is read from a JSON body.
pub(super) struct JsonBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if !is_json(&request) {
            return Err(ApiError::MediaType);
        }
        let body = Limited::new(request.into_body(), BODY_MAX).collect();
        let body = timeout(BODY_TIME, body).await;
        let body = body.map_err(|_| ApiError::BodyTooSlow)?.map_err(|error| {
            if error.is::<LengthLimitError>() {
                ApiError::BodyTooLarge
            } else {
                ApiError::Body("the body did not come whole".to_owned())
            }
        })?;
        read(&body.to_bytes()).map(Self)
    }
}

/// Reads a value from JSON. A mistake names the field.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let read = Json::<T>::from_bytes(body).map(|Json(value)| value);
    read.map_err(|error| {
        let text = error.body_text();
        let text = match text.split_once("target type: ") {
            Some((_, text)) => text,
            None => &text,
        };
        ApiError::Body(
            text.chars()
                .filter(|it| !it.is_control())
                .take(400)
                .collect(),
        )
    })
}

fn is_json(request: &Request) -> bool {
    let value = only(request.headers(), &CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let kind = value
        .and_then(|value| value.split(';').next())
        .map(str::trim);
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
}

/// The address of the client; `None` if the listener has not told it.
pub(super) struct Peer(pub(super) Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(peer(&parts.extensions)))
    }
}

/// The absence of a query, at a path that has no parameters.
pub(super) struct NoQuery;

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        match url::form_urlencoded::parse(query.as_bytes()).next() {
            None => Ok(Self),
            Some((name, _)) => {
                let name: String = name.chars().take(32).collect();
                let text = "this path has no parameters".to_owned();
                Err(ApiError::Parameter(name, text))
            }
        }
    }
}

/// Proof that a moderator asks: the token was shown.
pub(super) struct Moderator;

impl FromRequestParts<Arc<ApiState>> for Moderator {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<ApiState>,
    ) -> Result<Self, ApiError> {
        Self::admitted(state, &bearer_key(&parts.headers)?)
    }
}

impl Moderator {
    fn admitted(state: &ApiState, shown: &str) -> Result<Self, ApiError> {
        let is_shown = state.admin.as_ref().is_some_and(|token| token.is(shown));
        is_shown.then_some(Self).ok_or(ApiError::AdminOnly)
    }
}

/// A value that a moderator sends.
pub(super) struct OfModerator<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<ApiState>> for OfModerator<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &Arc<ApiState>) -> Result<Self, ApiError> {
        // A request without any key has no body to be waited for. A wrong one is told after the body.
        let key = bearer_key(request.headers())?;
        let JsonBody(value) = JsonBody::from_request(request, state).await?;
        Moderator::admitted(state, &key)?;
        Ok(Self(value))
    }
}

/// The key of `Authorization: Bearer KEY`.
pub(super) struct BearerKey(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for BearerKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        bearer_key(&parts.headers).map(Self)
    }
}

fn bearer_key(headers: &HeaderMap) -> Result<String, ApiError> {
    let value = only(headers, &AUTHORIZATION).and_then(|it| it.to_str().ok());
    let key = value.and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    let key = key.filter(|key| !key.is_empty());
    key.map(str::to_owned).ok_or(ApiError::KeyMissing)
}

//! The bodies of requests, and who sends them.

use std::net::IpAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::guard::{only, peer};
use super::problem::ApiError;

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

/// The key of `Authorization: Bearer KEY`.
pub(super) struct BearerKey(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for BearerKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let value = only(&parts.headers, &AUTHORIZATION).and_then(|it| it.to_str().ok());
        let key = value.and_then(|value| {
            let (scheme, key) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
        });
        let key = key.filter(|key| !key.is_empty());
        key.map(|key| Self(key.to_owned()))
            .ok_or(ApiError::KeyMissing)
    }
}

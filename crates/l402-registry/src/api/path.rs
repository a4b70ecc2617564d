//! The names in a path.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use l402::PaymentHash;

use super::problem::ApiError;
use crate::listing::ListingId;

/// The listing that `{id}` names.
pub(super) struct IdPath(pub(super) ListingId);

/// The review that `{id}` and `{hash}` name.
pub(super) struct ReviewPath(pub(super) ListingId, pub(super) PaymentHash);

/// The claim that `{nonce}` names.
pub(super) struct NoncePath(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for IdPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        id(&named(parts, state, "id").await?).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ReviewPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let id = id(&named(parts, state, "id").await?)?;
        let hash = named(parts, state, "hash").await?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(hash, &mut bytes)
            .map_err(|_| wrong("hash", "write the payment hash, 64 hex digits"))?;
        Ok(Self(id, PaymentHash::from_bytes(bytes)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NoncePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        named(parts, state, "nonce").await.map(Self)
    }
}

fn id(text: &str) -> Result<ListingId, ApiError> {
    let id = text.parse();
    id.map_err(|_| {
        wrong(
            "id",
            "write the name of a listing, 16 hex digits in lower case",
        )
    })
}

fn wrong(name: &str, text: &str) -> ApiError {
    ApiError::Parameter(name.to_owned(), text.to_owned())
}

async fn named<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    name: &str,
) -> Result<String, ApiError> {
    let params = RawPathParams::from_request_parts(parts, state).await;
    let params = params.map_err(|_| wrong(name, "write it in ASCII"))?;
    let value = params.iter().find(|(key, _)| *key == name);
    value
        .map(|(_, value)| value.to_owned())
        .ok_or(ApiError::NoSuchPath)
}

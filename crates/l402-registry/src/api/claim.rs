//! The routes of owners: claims, transfers, changes.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer;
use super::body::{BearerKey, JsonBody, Peer};
use super::path::{IdPath, NoncePath};
use super::problem::ApiError;
use super::service::shown;
use super::state::ApiState;
use crate::desk::DeskError;
use crate::listing::{Edit, Owner, OwnerJson, OwnerProof, Words};
use crate::owner::ClaimTicket;

/// A claim.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimBody {
    /// The proof that will be given: `file`, `dns` or `node`.
    #[schema(value_type = String, pattern = "^(file|dns|node)$")]
    proof: OwnerProof,
}

/// The proof of a claim.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProofBody {
    /// The signature of the message by the node, if that is the proof.
    #[serde(default)]
    #[schema(max_length = 200)]
    signature: Option<String>,
}

/// The new key of an owner.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyJson {
    /// 64 hex digits: secret, and shown this once. The old key is void.
    key: String,
}

/// A change of a listing. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub(super) struct EditBody {
    /// At most 100 characters.
    name: Option<String>,
    /// At most 2,000 characters.
    description: Option<String>,
    /// Such as `ai/images`; an empty text takes it away.
    category: Option<String>,
    /// At most ten.
    tags: Option<Vec<String>>,
    /// At most 100 characters.
    provider: Option<String>,
    /// The address of the documentation, https; an empty text takes it away.
    docs: Option<String>,
    /// The price that is said, in millisatoshi. The invoice is what counts.
    #[schema(maximum = 2_100_000_000_000_000_000_i64)]
    price_msat: Option<u64>,
    /// The method of HTTP that a buyer uses.
    #[schema(pattern = "^(GET|POST|PUT|PATCH|DELETE)$")]
    method: Option<String>,
    /// True if it is not to be probed.
    no_probe: Option<bool>,
}

/// Begins a claim, and says what is to be published or signed.
#[utoipa::path(
    post,
    path = "/api/v1/services/{id}/claims",
    tag = "owners",
    params(super::parameters::IdParameter),
    request_body = ClaimBody,
    responses((status = 201, description = "The claim, and the key that becomes the owner's", body = ClaimTicket)),
)]
pub(super) async fn begin(
    State(state): State<Arc<ApiState>>,
    IdPath(id): IdPath,
    Peer(peer): Peer,
    JsonBody(body): JsonBody<ClaimBody>,
) -> Result<Response, ApiError> {
    let ticket = state.registry.claim_begin(id, body.proof, peer).await?;
    Ok(answer::fresh(StatusCode::CREATED, &ticket))
}

/// Looks at the proof of a claim, and makes the holder of its key the owner.
#[utoipa::path(
    post,
    path = "/api/v1/claims/{nonce}",
    tag = "owners",
    params(super::parameters::NonceParameter),
    security(("owner" = [])),
    request_body = ProofBody,
    responses((status = 200, description = "The owner", body = OwnerJson)),
)]
pub(super) async fn finish(
    State(state): State<Arc<ApiState>>,
    NoncePath(nonce): NoncePath,
    BearerKey(key): BearerKey,
    JsonBody(body): JsonBody<ProofBody>,
) -> Result<Response, ApiError> {
    let signature = body.signature.as_deref();
    let owner = state.registry.claim_finish(&nonce, &key, signature).await?;
    Ok(answer::fresh(StatusCode::OK, &owner_json(&owner)))
}

/// Changes a listing for its owner.
#[utoipa::path(
    patch,
    path = "/api/v1/services/{id}",
    tag = "owners",
    params(super::parameters::IdParameter),
    security(("owner" = [])),
    request_body = EditBody,
    responses((status = 204, description = "It is changed")),
)]
pub(super) async fn edit(
    State(state): State<Arc<ApiState>>,
    IdPath(id): IdPath,
    BearerKey(key): BearerKey,
    JsonBody(body): JsonBody<EditBody>,
) -> Result<Response, ApiError> {
    let listing = state.registry.store().listing(id).await?;
    let listing = listing.ok_or(DeskError::NotFound)?;
    state
        .registry
        .edit(id, &key, body.over(&listing.words))
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Removes a listing for its owner, with all of its past.
#[utoipa::path(
    delete,
    path = "/api/v1/services/{id}",
    tag = "owners",
    params(super::parameters::IdParameter),
    security(("owner" = [])),
    responses((status = 204, description = "It is removed")),
)]
pub(super) async fn remove(
    State(state): State<Arc<ApiState>>,
    IdPath(id): IdPath,
    BearerKey(key): BearerKey,
) -> Result<Response, ApiError> {
    state.registry.remove(id, &key).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Makes a new key to hand on, and voids the old one.
#[utoipa::path(
    post,
    path = "/api/v1/services/{id}/transfer",
    tag = "owners",
    params(super::parameters::IdParameter),
    security(("owner" = [])),
    responses((status = 200, description = "The new key", body = KeyJson)),
)]
pub(super) async fn transfer(
    State(state): State<Arc<ApiState>>,
    IdPath(id): IdPath,
    BearerKey(key): BearerKey,
) -> Result<Response, ApiError> {
    shown(&state, id).await?;
    let key = state.registry.transfer(id, &key).await?;
    Ok(answer::fresh(StatusCode::OK, &KeyJson { key }))
}

/// Gives a listing up: nobody owns it any more.
#[utoipa::path(
    delete,
    path = "/api/v1/services/{id}/owner",
    tag = "owners",
    params(super::parameters::IdParameter),
    security(("owner" = [])),
    responses((status = 204, description = "Nobody owns it")),
)]
pub(super) async fn revoke(
    State(state): State<Arc<ApiState>>,
    IdPath(id): IdPath,
    BearerKey(key): BearerKey,
) -> Result<Response, ApiError> {
    state.registry.revoke(id, &key).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl EditBody {
    /// Returns the change of a listing that has these words. The desk cleans them.
    fn over(self, old: &Words) -> Edit {
        let changes_words = self.name.is_some()
            || self.description.is_some()
            || self.category.is_some()
            || self.tags.is_some()
            || self.provider.is_some()
            || self.docs.is_some()
            || self.price_msat.is_some();
        let mut words = old.clone();
        words.name = self.name.unwrap_or(words.name);
        words.description = self.description.unwrap_or(words.description);
        words.category = replaced(self.category, words.category);
        words.tags = self.tags.unwrap_or(words.tags);
        words.provider = self.provider.unwrap_or(words.provider);
        words.docs = replaced(self.docs, words.docs);
        if let Some(price) = self.price_msat {
            words.price.price_msat = Some(price);
            words.price.other = None;
        }
        Edit {
            method: self.method,
            words: changes_words.then_some(words),
            no_probe: self.no_probe,
        }
    }
}

/// Returns the new text, or the old one if there is none. An empty text stands for nothing.
fn replaced(new: Option<String>, old: Option<String>) -> Option<String> {
    match new {
        Some(text) => Some(text).filter(|text| !text.trim().is_empty()),
        None => old,
    }
}

fn owner_json(owner: &Owner) -> OwnerJson {
    OwnerJson {
        proof: owner.proof.name().to_owned(),
        since: owner.since.to_rfc3339(),
        checked: owner.checked.to_rfc3339(),
        node: owner.node.clone(),
        failed_checks: owner.failed,
    }
}

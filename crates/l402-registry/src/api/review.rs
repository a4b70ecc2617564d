//! The routes of reviews.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::answer;
use super::body::{BearerKey, JsonBody, NoQuery, Peer};
use super::history_json::{ReviewJson, ReviewsListJson};
use super::path::{IdPath, ReviewPath};
use super::problem::ApiError;
use super::service::shown;
use super::state::ApiState;
use crate::desk::DeskError;
use crate::listing::NewReview;

/// The owner's answer to a review.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerBody {
    /// At most 1,000 characters; null takes the answer back.
    text: Option<String>,
}

/// Lists the reviews of a service.
#[utoipa::path(
    get,
    path = "/api/v1/services/{id}/reviews",
    tag = "reviews",
    params(super::parameters::IdParameter),
    responses((status = 200, description = "The reviews", body = ReviewsListJson)),
)]
pub(super) async fn list(
    State(state): State<Arc<ApiState>>,
    IdPath(id): IdPath,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    shown(&state, id).await?;
    let reviews = state.registry.store().reviews(id, false).await?;
    Ok(answer::json(&headers, &ReviewsListJson::of(&reviews)))
}

/// Adds a review by somebody who holds a paid invoice of the service's node.
///
/// Invoice and preimage are the proof. Never send the token of the purchase.
#[utoipa::path(
    post,
    path = "/api/v1/services/{id}/reviews",
    tag = "reviews",
    params(super::parameters::IdParameter),
    request_body = NewReview,
    responses((status = 201, description = "The review", body = ReviewJson)),
)]
pub(super) async fn add(
    State(state): State<Arc<ApiState>>,
    IdPath(id): IdPath,
    Peer(peer): Peer,
    JsonBody(body): JsonBody<Value>,
) -> Result<Response, ApiError> {
    let new = NewReview::from_json(body).map_err(DeskError::from)?;
    let review = state.registry.review(id, new, peer).await?;
    Ok(answer::fresh(StatusCode::CREATED, &ReviewJson::of(&review)))
}

/// Sets the owner's answer to a review.
#[utoipa::path(
    post,
    path = "/api/v1/services/{id}/reviews/{hash}/answer",
    tag = "reviews",
    params(super::parameters::ReviewParameters),
    security(("owner" = [])),
    request_body = AnswerBody,
    responses((status = 204, description = "The answer is set")),
)]
pub(super) async fn answer(
    State(state): State<Arc<ApiState>>,
    ReviewPath(id, hash): ReviewPath,
    BearerKey(key): BearerKey,
    JsonBody(body): JsonBody<AnswerBody>,
) -> Result<Response, ApiError> {
    let text = body.text.as_deref();
    state.registry.answer_review(id, &key, hash, text).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Marks a review as abuse, for a moderator to look at.
#[utoipa::path(
    post,
    path = "/api/v1/services/{id}/reviews/{hash}/abuse",
    tag = "reviews",
    params(super::parameters::ReviewParameters),
    responses((status = 204, description = "It is marked")),
)]
pub(super) async fn report(
    State(state): State<Arc<ApiState>>,
    ReviewPath(id, hash): ReviewPath,
    Peer(peer): Peer,
) -> Result<Response, ApiError> {
    state.registry.report_review(id, hash, peer).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

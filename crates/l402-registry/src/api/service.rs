//! The routes of services: search, one of them, and its past.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;

use super::answer;
use super::body::NoQuery;
use super::history_json::HistoryJson;
use super::path::IdPath;
use super::problem::ApiError;
use super::search::{self, ServicesJson};
use super::state::ApiState;
use crate::desk::DeskError;
use crate::listing::{Listing, ListingId, ServiceJson};

/// Finds services.
///
/// Words in `q` are looked for in names, descriptions, tags and paths. Every filter must fit. Pages follow each
/// other: `next` of one is `after` of the following.
#[utoipa::path(
    get,
    path = "/api/v1/services",
    tag = "services",
    params(super::parameters::SearchParameters),
    responses((status = 200, description = "A page of services", body = ServicesJson)),
)]
pub(super) async fn list(
    State(state): State<Arc<ApiState>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = search::read(query.as_deref().unwrap_or_default())?;
    let limit = query.limit;
    let found = state.registry.store().search(query).await?;
    Ok(answer::json(&headers, &ServicesJson::of(&found, limit)))
}

/// Returns a service with the evidence of its last probe.
#[utoipa::path(
    get,
    path = "/api/v1/services/{id}",
    tag = "services",
    params(super::parameters::IdParameter),
    responses((status = 200, description = "The service", body = ServiceJson)),
)]
pub(super) async fn show(
    State(state): State<Arc<ApiState>>,
    IdPath(id): IdPath,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let listing = shown(&state, id).await?;
    Ok(answer::json(
        &headers,
        &ServiceJson::with_evidence(&listing),
    ))
}

/// Returns the past of a service: changes of price, state and node, uptime by the hour, paid probes.
#[utoipa::path(
    get,
    path = "/api/v1/services/{id}/history",
    tag = "services",
    params(super::parameters::IdParameter),
    responses((status = 200, description = "The past of the service", body = HistoryJson)),
)]
pub(super) async fn history(
    State(state): State<Arc<ApiState>>,
    IdPath(id): IdPath,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    shown(&state, id).await?;
    let now = state.registry.clock().wall();
    let history = state.registry.store().history(id, now).await?;
    Ok(answer::json(&headers, &HistoryJson::of(&history)))
}

/// Returns a listing that is there and not hidden.
pub(super) async fn shown(state: &ApiState, id: ListingId) -> Result<Listing, ApiError> {
    let listing = state.registry.store().listing(id).await?;
    let listing = listing.ok_or(DeskError::NotFound)?;
    match listing.hidden {
        Some(hidden) => Err(ApiError::Gone(hidden)),
        None => Ok(listing),
    }
}

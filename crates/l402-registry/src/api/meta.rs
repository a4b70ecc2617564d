//! The routes about the registry itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::NoQuery;
use super::problem::ApiError;
use super::state::ApiState;
use super::{answer, llms};

/// The categories, the largest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CategoriesJson {
    /// At most 200.
    categories: Vec<CategoryJson>,
}

/// A category.
#[derive(Debug, Serialize, ToSchema)]
struct CategoryJson {
    /// The name, such as `ai/images`.
    name: String,
    /// The services that are shown in it and below it.
    count: u64,
}

/// The numbers of the registry.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthJson {
    /// Always `ok`: a registry whose store fails answers 500.
    status: &'static str,
    /// The version of the program.
    version: &'static str,
    /// The services that are shown.
    listings: u64,
    /// Of them, by state.
    by_state: BTreeMap<&'static str, u64>,
    /// The probes of the last 24 hours.
    probes_of_day: u64,
    /// The services with a proven owner.
    owned: u64,
}

/// Lists the categories.
#[utoipa::path(
    get,
    path = "/api/v1/categories",
    tag = "registry",
    responses((status = 200, description = "The categories", body = CategoriesJson)),
)]
pub(super) async fn categories(
    State(state): State<Arc<ApiState>>,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let all = state.registry.store().categories().await?;
    let categories = all.into_iter().map(|category| CategoryJson {
        name: category.name,
        count: category.count,
    });
    let categories = categories.collect();
    Ok(answer::json(&headers, &CategoriesJson { categories }))
}

/// Tells how the registry is.
#[utoipa::path(
    get,
    path = "/api/v1/health",
    tag = "registry",
    responses((status = 200, description = "The registry works", body = HealthJson)),
)]
pub(super) async fn health(
    State(state): State<Arc<ApiState>>,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let now = state.registry.clock().wall();
    let totals = state.registry.store().totals(now).await?;
    let by_state = totals.by_state.iter();
    let health = HealthJson {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        listings: totals.listings,
        by_state: by_state
            .map(|(state, count)| (state.name(), *count))
            .collect(),
        probes_of_day: totals.probes_of_day,
        owned: totals.owned,
    };
    Ok(answer::fresh(StatusCode::OK, &health))
}

/// Returns the newest services as an Atom feed.
#[utoipa::path(
    get,
    path = "/feed.xml",
    tag = "registry",
    responses((status = 200, description = "Atom", body = String, content_type = "application/atom+xml")),
)]
pub(super) async fn feed(
    State(state): State<Arc<ApiState>>,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let feed = state.registry.feed().await?.into_bytes();
    Ok(answer::kept(&headers, "application/atom+xml", feed))
}

/// Returns this document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "registry",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)),
)]
pub(super) async fn openapi(State(state): State<Arc<ApiState>>, headers: HeaderMap) -> Response {
    answer::kept(&headers, "application/json", state.openapi.clone())
}

/// Tells language models what the registry is and how to ask it.
#[utoipa::path(
    get,
    path = "/llms.txt",
    tag = "registry",
    responses((status = 200, description = "A text", body = String, content_type = "text/plain")),
)]
pub(super) async fn llms(State(state): State<Arc<ApiState>>, headers: HeaderMap) -> Response {
    let text = llms::text(&state.registry.options().public_url);
    answer::kept(&headers, "text/plain; charset=utf-8", text.into_bytes())
}

/// Refuses every path that is not there.
pub(super) async fn nothing() -> ApiError {
    ApiError::NoSuchPath
}

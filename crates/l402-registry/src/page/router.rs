//! The paths of the page.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::routing::get;
use http::{Response, StatusCode};

use super::answer::page;
use super::asset::{self, ICON, SCRIPT, STYLE};
use super::{categories, detail, guide, home, list, missing};
use crate::desk::Registry;
use crate::listing::ListingId;
use crate::store::StoreError;

/// Makes the router of the page: every path but those of the API. Unknown paths are answered with a page
/// as well.
pub fn router(registry: Registry) -> Router {
    Router::new()
        .route("/", get(home_page))
        .route("/search", get(search_page))
        .route("/s/{id}", get(detail_page))
        .route("/categories", get(categories_page))
        .route("/owner", get(owner_page))
        .route("/about", get(async || page(StatusCode::OK, guide::about())))
        .route("/api", get(api_page))
        .route(STYLE.path, get(async || asset::answer(&STYLE)))
        .route(SCRIPT.path, get(async || asset::answer(&SCRIPT)))
        .route(ICON.path, get(async || asset::answer(&ICON)))
        .fallback(async || page(StatusCode::NOT_FOUND, missing::unknown()))
        .with_state(registry)
}

async fn home_page(State(registry): State<Registry>) -> Response<Body> {
    match home::content(&registry).await {
        Ok(content) => page(StatusCode::OK, content),
        Err(error) => failed(&error),
    }
}

async fn search_page(
    State(registry): State<Registry>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    match list::content(&registry, query.as_deref().unwrap_or_default()).await {
        Ok(content) => page(StatusCode::OK, content),
        Err(error) => failed(&error),
    }
}

async fn detail_page(State(registry): State<Registry>, Path(id): Path<String>) -> Response<Body> {
    let Ok(id) = id.parse::<ListingId>() else {
        return page(StatusCode::NOT_FOUND, missing::unlisted());
    };
    match detail::content(&registry, id).await {
        Ok(Some((status, content))) => page(status, content),
        Ok(None) => page(StatusCode::NOT_FOUND, missing::unlisted()),
        Err(error) => failed(&error),
    }
}

async fn categories_page(State(registry): State<Registry>) -> Response<Body> {
    match registry.store().categories().await {
        Ok(found) => page(StatusCode::OK, categories::content(&found)),
        Err(error) => failed(&error),
    }
}

async fn owner_page(State(registry): State<Registry>) -> Response<Body> {
    page(StatusCode::OK, guide::owner(&registry.options().public_url))
}

async fn api_page(State(registry): State<Registry>) -> Response<Body> {
    page(StatusCode::OK, guide::api(&registry.options().public_url))
}

/// Says that the store failed; the reason goes to the log alone.
fn failed(error: &StoreError) -> Response<Body> {
    tracing::error!(%error, "a page was not made");
    page(StatusCode::INTERNAL_SERVER_ERROR, missing::failed())
}

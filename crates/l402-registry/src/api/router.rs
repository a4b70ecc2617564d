//! The routes of the API.

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{delete, get, post};

use super::guard::{Guard, guard, readable};
use super::settings::ApiSettings;
use super::state::ApiState;
use super::{admin, claim, meta, review, service, submit};
use crate::desk::Registry;

/// Returns the API as a service, with the checks of `Host`, `Origin` and rates before it. The server puts
/// `ConnectInfo<SocketAddr>` into each request: without it nobody has a limit.
pub fn router(registry: Registry, settings: &ApiSettings) -> Router {
    let routes = routes(registry.clone(), settings).fallback(meta::nothing);
    guarded(routes, &registry, settings)
}

/// Returns the routes of the API alone.
pub(crate) fn routes(registry: Registry, settings: &ApiSettings) -> Router {
    let state = Arc::new(ApiState::new(registry, settings));
    let api = Router::new()
        .route("/api/v1/services", get(service::list).post(submit::submit))
        .route(
            "/api/v1/services/{id}",
            get(service::show).patch(claim::edit).delete(claim::remove),
        )
        .route("/api/v1/services/{id}/history", get(service::history))
        .route(
            "/api/v1/services/{id}/reviews",
            get(review::list).post(review::add),
        )
        .route(
            "/api/v1/services/{id}/reviews/{hash}/answer",
            post(review::answer),
        )
        .route(
            "/api/v1/services/{id}/reviews/{hash}/abuse",
            post(review::report),
        )
        .route("/api/v1/services/{id}/claims", post(claim::begin))
        .route("/api/v1/services/{id}/transfer", post(claim::transfer))
        .route("/api/v1/services/{id}/owner", delete(claim::revoke))
        .route("/api/v1/claims/{nonce}", post(claim::finish))
        .route("/api/v1/categories", get(meta::categories))
        .route("/api/v1/health", get(meta::health))
        .route("/feed.xml", get(meta::feed))
        .route("/openapi.json", get(meta::openapi))
        .route("/llms.txt", get(meta::llms))
        .route("/api/{*rest}", get(meta::nothing).fallback(meta::nothing));
    // One body for what is not there, whatever the method.
    let admin = Router::new()
        .route("/api/v1/admin/hide", post(admin::hide))
        .route("/api/v1/admin/unhide", post(admin::unhide))
        .route("/api/v1/admin/ban", post(admin::ban))
        .route("/api/v1/admin/unban", post(admin::unban))
        .route("/api/v1/admin/bans", get(admin::bans))
        .route("/api/v1/admin/merge", post(admin::merge))
        .route("/api/v1/admin/hide-review", post(admin::hide_review))
        .route("/api/v1/admin/counters", get(admin::counters));
    api.merge(admin)
        .layer(middleware::from_fn(readable))
        .with_state(state)
}

/// Puts the gate before routes.
pub(crate) fn guarded(routes: Router, registry: &Registry, settings: &ApiSettings) -> Router {
    let gate = Arc::new(Guard::new(registry, settings));
    // Round the whole router, and not round each route: what the router itself answers passes it as well.
    Router::new()
        .fallback_service(routes)
        .layer(middleware::from_fn_with_state(gate, guard))
}

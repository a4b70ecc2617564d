//! The routes of moderators.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use l402::PaymentHash;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer;
use super::body::{Moderator, NoQuery, OfModerator};
use super::counters::CountersJson;
use super::problem::ApiError;
use super::state::ApiState;
use crate::desk::DeskError;
use crate::listing::ListingId;

/// A listing that is hidden, and the reason.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HideBody {
    /// The listing.
    #[schema(pattern = "^[0-9a-f]{16}$")]
    id: String,
    /// The reason, which its page shows.
    #[schema(min_length = 1, max_length = 300)]
    reason: String,
}

/// A listing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UnhideBody {
    /// The listing.
    #[schema(pattern = "^[0-9a-f]{16}$")]
    id: String,
}

/// A host that is banned with all names below it, and the reason.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BanBody {
    /// The host.
    #[schema(min_length = 1, max_length = 253, example = "shop.example")]
    host: String,
    /// The reason, which the pages of its listings show.
    #[schema(min_length = 1, max_length = 300)]
    reason: String,
}

/// A host.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UnbanBody {
    /// The host.
    #[schema(min_length = 1, max_length = 253, example = "shop.example")]
    host: String,
}

/// Two listings of the same service.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MergeBody {
    /// The listing that is hidden.
    #[schema(pattern = "^[0-9a-f]{16}$")]
    from: String,
    /// The listing to which its page leads.
    #[schema(pattern = "^[0-9a-f]{16}$")]
    into: String,
}

/// A review that is hidden or shown again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HideReviewBody {
    /// The listing.
    #[schema(pattern = "^[0-9a-f]{16}$")]
    id: String,
    /// The payment hash of the review.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    payment_hash: String,
    /// True to hide it, false to show it again.
    hidden: bool,
}

/// The act of a moderator.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DoneJson {
    /// `hidden`, `shown`, `banned`, `allowed` or `merged`.
    done: &'static str,
    /// The listing, the host or the review, as it is kept.
    of: String,
}

/// The banned hosts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BansJson {
    /// Each host with the reason.
    bans: Vec<BanJson>,
}

/// A banned host.
#[derive(Debug, Serialize, ToSchema)]
struct BanJson {
    /// The host.
    host: String,
    /// The reason.
    reason: String,
}

/// Hides a listing.
#[utoipa::path(
    post,
    path = "/api/v1/admin/hide",
    tag = "moderation",
    security(("admin" = [])),
    request_body = HideBody,
    responses((status = 200, description = "It is hidden", body = DoneJson)),
)]
pub(super) async fn hide(
    State(state): State<Arc<ApiState>>,
    OfModerator(body): OfModerator<HideBody>,
) -> Result<Response, ApiError> {
    let id = listing("id", &body.id)?;
    state.registry.hide(id, &body.reason).await?;
    Ok(done("hidden", id.to_string()))
}

/// Shows a listing again.
#[utoipa::path(
    post,
    path = "/api/v1/admin/unhide",
    tag = "moderation",
    security(("admin" = [])),
    request_body = UnhideBody,
    responses((status = 200, description = "It is shown", body = DoneJson)),
)]
pub(super) async fn unhide(
    State(state): State<Arc<ApiState>>,
    OfModerator(body): OfModerator<UnhideBody>,
) -> Result<Response, ApiError> {
    let id = listing("id", &body.id)?;
    state.registry.unhide(id).await?;
    Ok(done("shown", id.to_string()))
}

/// Bans a host, with all names below it.
#[utoipa::path(
    post,
    path = "/api/v1/admin/ban",
    tag = "moderation",
    security(("admin" = [])),
    request_body = BanBody,
    responses((status = 200, description = "It is banned", body = DoneJson)),
)]
pub(super) async fn ban(
    State(state): State<Arc<ApiState>>,
    OfModerator(body): OfModerator<BanBody>,
) -> Result<Response, ApiError> {
    let host = state.registry.ban(&body.host, &body.reason).await?;
    Ok(done("banned", host))
}

/// Lifts the ban of a host.
#[utoipa::path(
    post,
    path = "/api/v1/admin/unban",
    tag = "moderation",
    security(("admin" = [])),
    request_body = UnbanBody,
    responses((status = 200, description = "It is allowed again", body = DoneJson)),
)]
pub(super) async fn unban(
    State(state): State<Arc<ApiState>>,
    OfModerator(body): OfModerator<UnbanBody>,
) -> Result<Response, ApiError> {
    let host = state.registry.unban(&body.host).await?;
    Ok(done("allowed", host))
}

/// Lists the banned hosts.
#[utoipa::path(
    get,
    path = "/api/v1/admin/bans",
    tag = "moderation",
    security(("admin" = [])),
    responses((status = 200, description = "The banned hosts", body = BansJson)),
)]
pub(super) async fn bans(
    State(state): State<Arc<ApiState>>,
    _: Moderator,
    _: NoQuery,
) -> Result<Response, ApiError> {
    let bans = state.registry.store().banned().await?.into_iter();
    let bans = bans
        .map(|(host, reason)| BanJson { host, reason })
        .collect();
    Ok(answer::fresh(StatusCode::OK, &BansJson { bans }))
}

/// Hides a listing as a copy of another one.
#[utoipa::path(
    post,
    path = "/api/v1/admin/merge",
    tag = "moderation",
    security(("admin" = [])),
    request_body = MergeBody,
    responses((status = 200, description = "It is hidden as a copy", body = DoneJson)),
)]
pub(super) async fn merge(
    State(state): State<Arc<ApiState>>,
    OfModerator(body): OfModerator<MergeBody>,
) -> Result<Response, ApiError> {
    let from = listing("from", &body.from)?;
    state
        .registry
        .merge(from, listing("into", &body.into)?)
        .await?;
    Ok(done("merged", from.to_string()))
}

/// Hides a review, or shows it again.
#[utoipa::path(
    post,
    path = "/api/v1/admin/hide-review",
    tag = "moderation",
    security(("admin" = [])),
    request_body = HideReviewBody,
    responses((status = 200, description = "It is hidden or shown", body = DoneJson)),
)]
pub(super) async fn hide_review(
    State(state): State<Arc<ApiState>>,
    OfModerator(body): OfModerator<HideReviewBody>,
) -> Result<Response, ApiError> {
    let id = listing("id", &body.id)?;
    let mut hash = [0; 32];
    hex::decode_to_slice(&body.payment_hash, &mut hash)
        .map_err(|_| bad("payment_hash", "write the payment hash, 64 hex digits"))?;
    let hash = PaymentHash::from_bytes(hash);
    state.registry.hide_review(id, hash, body.hidden).await?;
    let word = if body.hidden { "hidden" } else { "shown" };
    Ok(done(word, hash.to_string()))
}

/// Returns the counters since the start.
#[utoipa::path(
    get,
    path = "/api/v1/admin/counters",
    tag = "moderation",
    security(("admin" = [])),
    responses((status = 200, description = "The counters", body = CountersJson)),
)]
pub(super) async fn counters(
    State(state): State<Arc<ApiState>>,
    _: Moderator,
    _: NoQuery,
) -> Result<Response, ApiError> {
    Ok(answer::fresh(StatusCode::OK, &state.counters.read()))
}

fn done(done: &'static str, of: String) -> Response {
    answer::fresh(StatusCode::OK, &DoneJson { done, of })
}

fn listing(field: &'static str, text: &str) -> Result<ListingId, ApiError> {
    let id = text.parse();
    id.map_err(|_| {
        bad(
            field,
            "write the name of a listing, 16 hex digits in lower case",
        )
    })
}

fn bad(field: &'static str, text: &str) -> ApiError {
    let text = text.to_owned();
    DeskError::BadInput { field, text }.into()
}

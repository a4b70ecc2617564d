//! The route of submissions.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer;
use super::body::{JsonBody, Peer};
use super::problem::ApiError;
use super::state::ApiState;
use crate::desk::{Submission, Submitted};
use crate::listing::{ClaimedPrice, Words};
use crate::store::Added;

/// An address that somebody submits. The words are for an endpoint alone: a document has words of its own.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SubmitBody {
    /// The address of an endpoint that answers 402, or of a document that lists some:
    /// `/.well-known/l402-services`, `/.well-known/l402.json`, `openapi.json` with `x-payment-info`.
    #[schema(
        min_length = 1,
        max_length = 2048,
        example = "https://api.example.com/v1/joke"
    )]
    url: String,
    /// At most 100 characters; more are cut off.
    #[serde(default)]
    name: Option<String>,
    /// At most 2,000 characters; more are cut off.
    #[serde(default)]
    description: Option<String>,
    /// Such as `ai/images`.
    #[serde(default)]
    category: Option<String>,
    /// At most ten; more are left out.
    #[serde(default)]
    tags: Option<Vec<String>>,
    /// The address of the documentation, https.
    #[serde(default)]
    docs: Option<String>,
    /// The price that is said, in millisatoshi. The invoice is what counts.
    #[serde(default)]
    #[schema(maximum = 2_100_000_000_000_000_000_i64)]
    price_msat: Option<u64>,
    /// The method of HTTP that a buyer uses; left out, the registry finds it out.
    #[serde(default)]
    #[schema(pattern = "^(GET|POST|PUT|PATCH|DELETE)$")]
    method: Option<String>,
}

/// The outcome of a submission.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SubmittedJson {
    /// The listings, new and known ones.
    listings: Vec<ListedJson>,
    /// The entries of a document that were left out.
    skipped: Vec<SkippedJson>,
}

/// A listing that was submitted.
#[derive(Debug, Serialize, ToSchema)]
struct ListedJson {
    /// The name of the listing.
    id: String,
    /// The canonical URL.
    url: String,
    /// False if it was listed already.
    new: bool,
}

/// An entry of a document that was left out. Strangers' text, not escaped.
#[derive(Debug, Serialize, ToSchema)]
struct SkippedJson {
    /// The entry.
    entry: String,
    /// The reason.
    reason: String,
}

/// Lists a service, or the services of a document.
///
/// The address is asked as a client would, without paying. It is listed if it answers 402.
#[utoipa::path(
    post,
    path = "/api/v1/services",
    tag = "services",
    request_body = SubmitBody,
    responses(
        (status = 200, description = "All of it was listed already", body = SubmittedJson),
        (status = 201, description = "Something is new", body = SubmittedJson),
    ),
)]
pub(super) async fn submit(
    State(state): State<Arc<ApiState>>,
    Peer(peer): Peer,
    JsonBody(body): JsonBody<SubmitBody>,
) -> Result<Response, ApiError> {
    let submitted = state.registry.submit(body.into_submission(), peer).await?;
    let is_new = |(added, _): &(Added, _)| matches!(added, Added::New(_));
    let status = match submitted.listings.iter().any(is_new) {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    Ok(answer::fresh(status, &SubmittedJson::of(submitted)))
}

impl SubmitBody {
    /// Returns the submission. The desk cleans its words.
    fn into_submission(self) -> Submission {
        Submission {
            url: self.url,
            method: self.method,
            words: Words {
                name: self.name.unwrap_or_default(),
                description: self.description.unwrap_or_default(),
                category: self.category,
                tags: self.tags.unwrap_or_default(),
                docs: self.docs,
                price: ClaimedPrice {
                    price_msat: self.price_msat,
                    other: None,
                },
                ..Words::default()
            },
        }
    }
}

impl SubmittedJson {
    fn of(submitted: Submitted) -> Self {
        let listings = submitted.listings.into_iter();
        let listings = listings.map(|(added, url)| ListedJson {
            id: added.id().to_string(),
            url: url.to_string(),
            new: matches!(added, Added::New(_)),
        });
        let skipped = submitted.skipped.into_iter();
        let skipped = skipped.map(|(entry, reason)| SkippedJson { entry, reason });
        Self {
            listings: listings.collect(),
            skipped: skipped.collect(),
        }
    }
}

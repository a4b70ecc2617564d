//! The refusals of the API, as problem documents (RFC 9457).

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::desk::DeskError;
use crate::listing::Hidden;

/// The reason why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ApiError {
    /// The admin token is wrong, or moderation is off.
    AdminOnly,
    /// The body cannot be read: the reason, which names the field.
    Body(String),
    /// The body is longer than [`super::body::BODY_MAX`].
    BodyTooLarge,
    /// The body did not come to its end in time.
    BodyTooSlow,
    /// The desk refuses.
    Desk(DeskError),
    /// The listing is hidden.
    Gone(Hidden),
    /// `Host` is not this registry.
    Host,
    /// There is no key in `Authorization`.
    KeyMissing,
    /// The path does not answer this method; the ones that it does answer.
    Method(String),
    /// The body is no JSON by its type.
    MediaType,
    /// There is nothing at this path.
    NoSuchPath,
    /// A page of another origin asks for a change.
    Origin,
    /// A parameter is wrong: its name, the reason and the fix.
    Parameter(String, String),
    /// The query is longer than [`super::guard::QUERY_MAX`].
    QueryTooLong,
    /// Too many requests from one address; try again after this.
    TooFast(Duration),
}

/// A problem document (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ProblemJson {
    /// Always `about:blank`: `code` names the problem.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// A sentence that is the same for each problem of this code.
    pub(crate) title: &'static str,
    /// The status.
    pub(crate) status: u16,
    /// The fault of this request, and the fix.
    pub(crate) detail: String,
    /// A stable code.
    #[schema(example = "bad_input")]
    pub(crate) code: &'static str,
    /// The field or the parameter that is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// The listing of which a hidden one is a copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) merged_into: Option<String>,
}

impl From<DeskError> for ApiError {
    fn from(error: DeskError) -> Self {
        Self::Desk(error)
    }
}

impl From<crate::store::StoreError> for ApiError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Desk(error.into())
    }
}

impl ApiError {
    /// Returns the status, the code and the title.
    fn row(&self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::AdminOnly => (S::FORBIDDEN, "admin_only", "Only moderators may"),
            Self::Body(_) => (S::BAD_REQUEST, "bad_body", "The body cannot be read"),
            Self::BodyTooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "body_too_large",
                "The body is too long",
            ),
            Self::BodyTooSlow => (
                S::REQUEST_TIMEOUT,
                "body_too_slow",
                "The body came too slowly",
            ),
            Self::Desk(error) => desk_row(error),
            Self::Gone(_) => (S::GONE, "hidden", "The listing is hidden"),
            Self::Host => (
                S::MISDIRECTED_REQUEST,
                "wrong_host",
                "This is another server",
            ),
            Self::KeyMissing => (S::UNAUTHORIZED, "key_missing", "A key is needed"),
            Self::MediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "media_type",
                "The body is no JSON",
            ),
            Self::Method(_) => (S::METHOD_NOT_ALLOWED, "method", "The method is wrong"),
            Self::NoSuchPath => (S::NOT_FOUND, "no_such_path", "There is nothing here"),
            Self::Origin => (S::FORBIDDEN, "foreign_origin", "Web pages may only read"),
            Self::Parameter(..) => (S::BAD_REQUEST, "bad_parameter", "A parameter is wrong"),
            Self::QueryTooLong => (S::URI_TOO_LONG, "query_too_long", "The query is too long"),
            Self::TooFast(_) => (S::TOO_MANY_REQUESTS, "too_fast", "Too many requests"),
        }
    }

    /// Returns what is wrong with this request, and what to do.
    fn detail(&self) -> String {
        match self {
            Self::AdminOnly => "the token is not the one of this registry's moderators".to_owned(),
            Self::Body(text) => text.clone(),
            Self::BodyTooLarge => "send at most 64 KiB".to_owned(),
            Self::BodyTooSlow => "send the whole body within 10 s".to_owned(),
            Self::Desk(error) => error.to_string(),
            Self::Gone(hidden) => hidden.reason.clone(),
            Self::Host => {
                "Host is neither the registry's public name nor a name of its listener".to_owned()
            }
            Self::KeyMissing => "send it once, as Authorization: Bearer KEY".to_owned(),
            Self::MediaType => "send JSON, with Content-Type: application/json".to_owned(),
            Self::Method(allowed) => format!("this path answers {allowed}"),
            Self::NoSuchPath => "/openapi.json lists the paths".to_owned(),
            Self::Origin => "a page of another origin may read, and changes nothing".to_owned(),
            Self::Parameter(name, text) => format!("{name}: {text}"),
            Self::QueryTooLong => "send at most 4 KiB".to_owned(),
            Self::TooFast(after) => format!("try again in {} s", secs(*after)),
        }
    }

    /// Returns the document.
    pub(crate) fn document(&self) -> ProblemJson {
        let (status, code, title) = self.row();
        let field = match self {
            Self::Desk(DeskError::BadInput { field, .. }) => Some((*field).to_owned()),
            Self::Parameter(name, _) => Some(name.clone()),
            _ => None,
        };
        let merged_into = match self {
            Self::Gone(hidden) => hidden.merged_into.clone(),
            _ => None,
        };
        ProblemJson {
            kind: "about:blank",
            title,
            status: status.as_u16(),
            detail: self.detail(),
            code,
            field,
            merged_into,
        }
    }
}

fn desk_row(error: &DeskError) -> (StatusCode, &'static str, &'static str) {
    let (status, title) = match error {
        DeskError::BadInput { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "A value is wrong"),
        DeskError::Banned(_) => (
            StatusCode::FORBIDDEN,
            "The host is banned, or the listing hidden",
        ),
        DeskError::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "The registry failed"),
        DeskError::NotFound => (StatusCode::NOT_FOUND, "It is not here"),
        DeskError::NotProved(_) => (StatusCode::FORBIDDEN, "It is not proved"),
        DeskError::Taken(_) => (StatusCode::CONFLICT, "It is taken"),
        DeskError::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
        DeskError::Unlistable(..) => (StatusCode::UNPROCESSABLE_ENTITY, "Nothing could be listed"),
    };
    (status, error.code(), title)
}

/// Rounds up to whole seconds, since an earlier attempt would be refused again.
fn secs(after: Duration) -> u64 {
    after.as_secs() + u64::from(after.subsec_nanos() > 0)
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Desk(DeskError::Internal(text)) = &self {
            tracing::error!(error = %text, "the store failed");
        }
        let document = self.document();
        let (status, ..) = self.row();
        // Texts and numbers only, so writing cannot fail.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut answer = (status, body).into_response();
        let headers = answer.headers_mut();
        let problem = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, problem);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            // The rest of the body would be taken for the next request.
            Self::BodyTooSlow => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Self::KeyMissing => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Method(allowed) => {
                if let Ok(allowed) = HeaderValue::from_str(&allowed) {
                    headers.insert(ALLOW, allowed);
                }
            }
            Self::TooFast(after) | Self::Desk(DeskError::TooMany(after)) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(secs(after)));
            }
            _ => {}
        }
        answer
    }
}

//! The kinds of documents.

use serde_json::Value;
use url::Url;

/// A kind of document that lists services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// `{"services": […]}`, at `/.well-known/l402-services`.
    Services,
    /// `{"endpoints": […]}`, at `/.well-known/l402.json`.
    L402Json,
    /// OpenAPI with `x-payment-info`, at `/openapi.json`.
    OpenApi,
}

impl DocumentKind {
    /// Every kind, for lists and tests.
    pub const ALL: [Self; 3] = [Self::Services, Self::L402Json, Self::OpenApi];

    /// Returns the path at which a document of this kind speaks for its origin.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Services => "/.well-known/l402-services",
            Self::L402Json => "/.well-known/l402.json",
            Self::OpenApi => "/openapi.json",
        }
    }

    /// Returns the kind whose place the URL is.
    #[must_use]
    pub fn of_path(url: &Url) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.path() == url.path())
    }

    /// Returns the kind whose shape a JSON value has.
    #[must_use]
    pub(super) fn of_shape(value: &Value) -> Option<Self> {
        let is_list = |name| value.get(name).is_some_and(Value::is_array);
        if value.get("openapi").is_some_and(Value::is_string) && value.get("paths").is_some() {
            Some(Self::OpenApi)
        } else if is_list("services") || is_list("routes") {
            Some(Self::Services)
        } else if is_list("endpoints") || is_list("pricing") {
            Some(Self::L402Json)
        } else {
            None
        }
    }
}

//! The reasons why the desk does not do as it is asked.

use std::fmt;
use std::time::Duration;

use crate::store::StoreError;

/// The reason why nothing was changed. The texts are for the one who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeskError {
    /// The request itself is wrong: the field and the fix.
    BadInput {
        /// The name of the field, as in the API.
        field: &'static str,
        /// The fault, and what to write.
        text: String,
    },
    /// There is no such listing, claim or review.
    NotFound,
    /// Somebody else owns it, or it is there already.
    Taken(String),
    /// The key is not the owner's, or the proof was not found.
    NotProved(String),
    /// The host is banned, or the listing hidden.
    Banned(String),
    /// Nothing at the address could be listed; a code and the reason.
    Unlistable(&'static str, String),
    /// Too many requests from one address; try again after this.
    TooMany(Duration),
    /// The store failed; the text is in the log.
    Internal(String),
}

impl DeskError {
    /// Returns the stable code of the reason, as in the API's problem documents.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadInput { .. } => "bad_input",
            Self::NotFound => "not_found",
            Self::Taken(_) => "taken",
            Self::NotProved(_) => "not_proved",
            Self::Banned(_) => "banned",
            Self::Unlistable(code, _) => code,
            Self::TooMany(_) => "too_many",
            Self::Internal(_) => "internal",
        }
    }
}

impl fmt::Display for DeskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadInput { field, text } => write!(f, "{field}: {text}"),
            Self::NotFound => f.write_str("not found"),
            Self::Taken(text)
            | Self::NotProved(text)
            | Self::Banned(text)
            | Self::Unlistable(_, text) => f.write_str(text),
            Self::TooMany(after) => write!(f, "too many; try again in {} s", after.as_secs()),
            Self::Internal(_) => f.write_str("the registry failed; its log says why"),
        }
    }
}

impl std::error::Error for DeskError {}

impl From<StoreError> for DeskError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            StoreError::Taken => Self::Taken("it is there already".to_owned()),
            StoreError::TooMany => Self::TooMany(Duration::from_secs(24 * 3600)),
            StoreError::Failed(text) => Self::Internal(text),
        }
    }
}

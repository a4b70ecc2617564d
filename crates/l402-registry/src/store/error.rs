//! The errors of a store.

use std::fmt;

use l402_host::FileError;

/// The reason why a store did not do as it was asked. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such listing, claim or review.
    NotFound,
    /// It is there already: a payment hash that has been reviewed, an owner that stands.
    Taken,
    /// Today's share is spent.
    TooMany,
    /// The file or the server failed. The text is for the log alone.
    Failed(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("not found"),
            Self::Taken => f.write_str("taken already"),
            Self::TooMany => f.write_str("too many for one day"),
            Self::Failed(text) => write!(f, "the store failed: {text}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// The reason why a store cannot be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreOpenError {
    /// The file is another program's, damaged, newer, or open to others.
    File(FileError),
    /// The system has no thread or no connection left.
    System(String),
}

impl fmt::Display for StoreOpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::System(text) => write!(f, "the store cannot be opened: {text}"),
        }
    }
}

impl std::error::Error for StoreOpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            Self::System(_) => None,
        }
    }
}

impl From<FileError> for StoreOpenError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

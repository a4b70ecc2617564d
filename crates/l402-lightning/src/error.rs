//! The error of every backend, sorted by the party at fault.

use core::fmt;
use std::sync::Arc;

use l402_host::FileError;

/// The party at fault, which decides what may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// This side is at fault: configuration, disk, or the sandbox's file.
    Local,
    /// The node sent an answer that its interface does not allow.
    Protocol,
    /// The node understood the request and refused it.
    Rejected,
    /// No answer came within the time limit.
    Timeout,
    /// The node does not accept the credential, or the credential permits more than it should.
    Unauthorized,
    /// The node cannot be reached, or is not ready.
    Unavailable,
}

/// A failure of a Lightning backend. The text contains no secret and reads well after "failed to
/// …:".
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    text: String,
    /// Shared, because an error may be told to several callers.
    file: Option<Arc<FileError>>,
}

impl Error {
    /// Returns an error of this kind; `text` is a lower-case fragment without secrets.
    #[must_use]
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            file: None,
        }
    }

    /// Returns the party at fault.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the error about a file that this one is about, if it is.
    #[must_use]
    pub fn file(&self) -> Option<&FileError> {
        self.file.as_deref()
    }

    /// Returns true if the node is away, silent or locked, so that any other request would fail as
    /// well. All other errors are about one request, or about this side.
    #[must_use]
    pub const fn is_of_node(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Timeout | ErrorKind::Unauthorized | ErrorKind::Unavailable
        )
    }

    /// Returns true if the same request may succeed later. Never applies to the outcome of a
    /// payment, which is a `Payment` and not an error.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        // The other kinds need somebody to change something first: a file, a credential, the
        // request.
        matches!(self.kind, ErrorKind::Timeout | ErrorKind::Unavailable)
    }
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        Self {
            kind: ErrorKind::Local,
            text: format!("cannot use {error}"),
            file: Some(Arc::new(error)),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let file = self.file.as_deref()?;
        Some(file)
    }
}

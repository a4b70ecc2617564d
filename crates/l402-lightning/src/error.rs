//! What can go wrong between us and a node.

use core::fmt;

use l402_host::FileError;

/// Whose fault it is, and so what may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Our side cannot: configuration, disk, sandbox file.
    Local,
    /// The node answered something that its interface does not allow.
    Protocol,
    /// The node understood and said no.
    Rejected,
    /// No answer in time.
    Timeout,
    /// The node does not accept our credential, or the credential may do more than it should.
    Unauthorized,
    /// The node cannot be reached, or is not ready.
    Unavailable,
}

/// A failure of a Lightning backend. The text holds no secret and reads after "failed to …:".
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    text: String,
}

impl Error {
    /// An error of this kind; `text` is a lower-case fragment without secrets.
    #[must_use]
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether asking again later may help. Never true of a payment's outcome: that is
    /// a `Payment`, not an error.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Timeout | ErrorKind::Unavailable)
    }
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        Self::new(ErrorKind::Local, format!("cannot use {error}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

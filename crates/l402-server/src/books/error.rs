//! The reasons why the books cannot be read or written.

use std::fmt;
use std::path::{Path, PathBuf};

#[cfg(feature = "sqlite")]
use l402_host::FileError;
use l402_host::FileFault;
#[cfg(feature = "postgres")]
use l402_host::postgres::{PostgresError, PostgresErrorKind};

/// Books that cannot be read or written. `Display` names the place and what is wrong.
#[derive(Debug)]
pub struct BooksError {
    place: PathBuf,
    fault: FileFault,
}

impl BooksError {
    pub(super) fn new(place: &Path, fault: FileFault) -> Self {
        let place = place.to_owned();
        Self { place, fault }
    }

    /// Makes the error of something that the books are compared with, such as a ledger or a node.
    #[must_use]
    pub fn other(place: &Path, error: &dyn fmt::Display) -> Self {
        let text = error.to_string();
        Self::new(place, FileFault::System(std::io::Error::other(text)))
    }

    /// The fault, which says what the operator has to do.
    #[must_use]
    pub const fn fault(&self) -> &FileFault {
        &self.fault
    }

    /// The file of the books, or the address of their database without a password.
    #[must_use]
    pub fn place(&self) -> &Path {
        &self.place
    }
}

#[cfg(feature = "postgres")]
impl BooksError {
    pub(super) fn database(place: &str, error: &PostgresError) -> Self {
        let fault = match error.kind() {
            PostgresErrorKind::Full => FileFault::Full,
            _ => FileFault::System(std::io::Error::other(error.to_string())),
        };
        Self::new(Path::new(place), fault)
    }
}

#[cfg(feature = "sqlite")]
impl BooksError {
    pub(super) fn file(place: &Path, error: &FileError) -> Self {
        let text = error.fault().to_string();
        let fault = match error.fault() {
            FileFault::Newer { found, known } => FileFault::Newer {
                found: *found,
                known: *known,
            },
            FileFault::Damaged(_) | FileFault::Empty | FileFault::LogAlone => {
                FileFault::Damaged(text)
            }
            FileFault::Full => FileFault::Full,
            _ => FileFault::System(std::io::Error::other(text)),
        };
        Self::new(place, fault)
    }
}

impl fmt::Display for BooksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "books {}: {}", self.place.display(), self.fault)
    }
}

impl std::error::Error for BooksError {}

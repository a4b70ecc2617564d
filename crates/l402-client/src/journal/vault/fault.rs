//! The reasons why a kept answer cannot be had again.

use std::fmt;
use std::path::PathBuf;

use crate::Error;

/// The reason why a kept answer cannot be had again. Nothing but kept answers is lost.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReplayError {
    /// The file was changed, is cut off, or was kept with another key.
    Damaged {
        /// The file.
        file: PathBuf,
    },
    /// A file cannot be read.
    File {
        /// The file and the reason.
        detail: String,
    },
    /// The journal cannot be read.
    Journal(Error),
    /// The key of the vault is gone, and with it what was kept.
    KeyLost {
        /// The file that held the key.
        file: PathBuf,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { file } => write!(
                f,
                "the kept answer {} was changed, is cut off, or was kept with another key",
                file.display()
            ),
            Self::File { detail } => f.write_str(detail),
            Self::Journal(error) => f.write_str(&error.without_promise()),
            Self::KeyLost { file } => write!(
                f,
                "the key {} is gone, and with it the answers that were kept; payments and tokens are \
                 not touched",
                file.display()
            ),
        }
    }
}

impl std::error::Error for ReplayError {}

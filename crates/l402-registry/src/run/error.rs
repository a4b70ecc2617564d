//! The reasons why a registry does not start.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use l402_host::FileError;

use super::section::ConfigMistake;
use crate::store::StoreOpenError;

/// The reason why a registry does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// The configuration has mistakes.
    Config(Vec<ConfigMistake>),
    /// Another registry runs with the database.
    Held(PathBuf),
    /// The token, or a folder, cannot be used.
    File(FileError),
    /// An address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// The database cannot be used.
    Store(StoreOpenError),
    /// The file of the moderators' token holds none.
    Token(std::path::PathBuf),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(mistakes) => {
                let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::Held(path) => write!(
                f,
                "{}: another registry runs with it, and two would ask each service twice; end that one, or \
                 name another file (database)",
                path.display()
            ),
            Self::File(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Listen(address, error) if error.kind() == io::ErrorKind::AddrInUse => write!(
                f,
                "cannot listen on {address}: address in use; end the other program, or choose another \
                 address (listen, --listen)"
            ),
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Token(path) => write!(
                f,
                "{}: no token of at least 16 visible characters; remove the file, and a new one is made",
                path.display()
            ),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            Self::Store(error) => Some(error),
            Self::Listen(_, error) => Some(error),
            Self::Config(_) | Self::Held(_) | Self::Token(_) => None,
        }
    }
}

impl From<FileError> for ServeError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

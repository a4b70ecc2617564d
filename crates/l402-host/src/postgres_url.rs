//! The address of a PostgreSQL database, as a configuration writes it.

use core::fmt;
use core::str::FromStr;

/// The URL of a PostgreSQL database: `postgres://USER@HOST/NAME`.
///
/// May hold a password, so neither `Debug` nor `Display` shows more than host, port and name.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

/// A text that is no URL of a PostgreSQL database. `Display` says what is wrong, and shows an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresUrlError(String);

impl fmt::Display for PostgresUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}; write it like \"postgres://l402@db.example/l402?sslmode=verify-full\"",
            self.0
        )
    }
}

impl std::error::Error for PostgresUrlError {}

impl PostgresUrl {
    /// The whole URL, password included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PostgresUrl {
    type Err = PostgresUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_url = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.starts_with(scheme));
        if is_url {
            Ok(Self(text.to_owned()))
        } else {
            Err(PostgresUrlError("no address of PostgreSQL".to_owned()))
        }
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        let rest = rest.split('?').next().unwrap_or_default();
        let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
        write!(f, "postgres://{rest}")
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

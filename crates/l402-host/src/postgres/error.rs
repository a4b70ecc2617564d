//! Errors of a database, sorted by what is to be done.

use std::error::Error;
use std::fmt;

use tokio_postgres::error::SqlState;

/// An error of PostgreSQL, or of the way to it. `Display` holds no value from the database and no
/// password.
#[derive(Debug)]
pub struct PostgresError {
    kind: PostgresErrorKind,
    text: String,
}

/// Sorts [`PostgresError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PostgresErrorKind {
    /// Another transaction was in the way, and nothing has changed: the same statement may be sent again.
    Conflict,
    /// User, password or rights do not suffice.
    Denied,
    /// No space is left on the server's disk.
    Full,
    /// The server understood the statement and refused it: a fault of this program, or of the schema.
    Invalid,
    /// The connection broke. If a statement was under way, nobody knows if it was done.
    Lost,
    /// A newer version of this program made the tables: upgrade.
    Newer,
    /// The server takes no writes, such as a replica.
    ReadOnly,
    /// No connection could be made. Nothing was sent.
    Refused,
    /// The address is wrong, or asks for less safety than this program allows.
    Url,
}

impl PostgresError {
    pub(super) fn new(kind: PostgresErrorKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }

    /// Sorts an error of a connection that was made.
    #[must_use]
    pub fn of_statement(error: &tokio_postgres::Error) -> Self {
        let kind = error.code().map_or(PostgresErrorKind::Lost, kind_of);
        Self::new(kind, describe(error))
    }

    /// The error of this machine, which kept a statement from being made. Nothing was sent.
    #[must_use]
    pub fn local(error: &dyn fmt::Display) -> Self {
        Self::new(PostgresErrorKind::Refused, error.to_string())
    }

    /// A statement that got no answer in time.
    #[must_use]
    pub fn timed_out() -> Self {
        Self::new(PostgresErrorKind::Lost, "the database does not answer")
    }

    /// Sorts an error that kept a connection from being made.
    pub(super) fn of_connecting(error: &tokio_postgres::Error) -> Self {
        let kind = match error.code().map(kind_of) {
            Some(PostgresErrorKind::Denied) => PostgresErrorKind::Denied,
            _ => PostgresErrorKind::Refused,
        };
        Self::new(kind, describe(error))
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> PostgresErrorKind {
        self.kind
    }
}

/// Sorts a state by its class (PostgreSQL documentation, appendix A).
fn kind_of(state: &SqlState) -> PostgresErrorKind {
    match state.code().as_bytes() {
        b"25006" => PostgresErrorKind::ReadOnly,
        b"42501" => PostgresErrorKind::Denied,
        [b'2', b'8', ..] | b"3D000" => PostgresErrorKind::Denied,
        [b'4', b'0', ..] => PostgresErrorKind::Conflict,
        b"53100" | b"54000" => PostgresErrorKind::Full,
        // Out of memory or connections, ended by the operator, or not up yet: the server may be well in a
        // moment, and says that the statement was not done.
        [b'5', b'3' | b'7' | b'8', ..] | [b'0', b'8', ..] => PostgresErrorKind::Lost,
        _ => PostgresErrorKind::Invalid,
    }
}

/// Returns the server's own words if it has said any. Its details are left out: they quote values.
fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(told) = error.as_db_error() {
        return format!("{} ({})", told.message(), told.code().code());
    }
    // The reason lies a level or two below: "connection refused" says more than "error connecting".
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}

impl fmt::Display for PostgresError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for PostgresError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_a_kind() {
        use PostgresErrorKind as Kind;
        for (code, kind) in [
            ("25006", Kind::ReadOnly),
            ("28P01", Kind::Denied),
            ("42501", Kind::Denied),
            ("3D000", Kind::Denied),
            ("40001", Kind::Conflict),
            ("40P01", Kind::Conflict),
            ("53100", Kind::Full),
            ("53300", Kind::Lost),
            ("57P01", Kind::Lost),
            ("08006", Kind::Lost),
            ("42P01", Kind::Invalid),
            ("23505", Kind::Invalid),
        ] {
            assert_eq!(kind_of(&SqlState::from_code(code)), kind, "{code}");
        }
    }
}

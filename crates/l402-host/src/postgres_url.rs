//! The address of a PostgreSQL database, as a configuration writes it.

use core::fmt::{self, Write as _};
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

    /// Returns true if the URL holds a password, before the host or among its parameters.
    #[must_use]
    pub fn has_password(&self) -> bool {
        let rest = after_scheme(&self.0).unwrap_or_default();
        let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
        let user = base.split_once('@').map_or("", |(user, _)| user);
        user.contains(':') || query.split('&').any(|pair| pair.starts_with("password="))
    }

    /// Returns the URL with a password, which is any bytes.
    #[must_use]
    pub fn with_password(&self, password: &[u8]) -> Self {
        let mark = if self.0.contains('?') { '&' } else { '?' };
        let mut url = format!("{}{mark}password=", self.0);
        for byte in password {
            // Every byte alike, so that none of them is read as a part of the URL.
            let _ = write!(url, "%{byte:02X}");
        }
        Self(url)
    }
}

impl FromStr for PostgresUrl {
    type Err = PostgresUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |what: &str| Err(PostgresUrlError(what.to_owned()));
        let Some(rest) = after_scheme(text) else {
            return wrong("no address of PostgreSQL");
        };
        if let Some((credentials, rest)) = rest.split_once('@') {
            let host = rest.split(['/', '?']).next().unwrap_or_default();
            // The driver and libpq read such a text in different ways, and a part of the password may be
            // taken for a host, which is shown.
            if credentials.contains(['/', '?', '#']) || host.contains('@') {
                return wrong(
                    "a character in front of the host has to be percent-encoded: @ is %40, / is %2F, ? is \
                     %3F, # is %23",
                );
            }
        }
        Ok(Self(text.to_owned()))
    }
}

fn after_scheme(text: &str) -> Option<&str> {
    let schemes = ["postgres://", "postgresql://"];
    schemes.iter().find_map(|scheme| text.strip_prefix(scheme))
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = after_scheme(&self.0).unwrap_or_default();
        let rest = rest.split('?').next().unwrap_or_default();
        let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
        write!(f, "postgres://{rest}")
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_host_port_and_name_is_shown() {
        for (text, shown) in [
            (
                "postgres://l402:hunter2@db.example/l402",
                "postgres://db.example/l402",
            ),
            (
                "postgresql://l402:hunter2@[::1]:5433/l402?sslmode=prefer",
                "postgres://[::1]:5433/l402",
            ),
            (
                "postgres:///l402?host=/run&password=hunter2",
                "postgres:///l402",
            ),
            (
                "postgres://db.example/l402?user=a&password=hunter2",
                "postgres://db.example/l402",
            ),
        ] {
            let url: PostgresUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("PostgresUrl({shown})"));
        }
    }

    #[test]
    fn a_password_from_elsewhere_is_a_parameter_and_not_shown() {
        for (text, whole) in [
            (
                "postgres://l402@db.example/l402",
                "postgres://l402@db.example/l402?password=%61%26%40",
            ),
            (
                "postgres:///l402?host=/run&user=l402",
                "postgres:///l402?host=/run&user=l402&password=%61%26%40",
            ),
        ] {
            let url: PostgresUrl = text.parse().unwrap();
            assert!(!url.has_password());
            let url = url.with_password(b"a&@");
            assert_eq!(url.as_str(), whole);
            assert!(url.has_password() && !format!("{url} {url:?}").contains("61"));
        }
        let url: PostgresUrl = "postgres://l402:x@db.example/l402".parse().unwrap();
        assert!(url.has_password());
    }

    #[test]
    fn a_password_that_could_be_taken_for_a_host_is_refused_and_not_shown() {
        for text in [
            "postgres://l402:hunter2?x@db.example/l402",
            "postgres://l402:hunter2/x@db.example/l402",
            "postgres://l402:hunter2#x@db.example/l402",
            "postgres://l402:x@hunter2@db.example/l402",
            "postgres:///l402?host=/run&user=hunter2@x",
            "mysql://l402:hunter2@db.example/l402",
            "host=db.example password=hunter2",
        ] {
            let error = text.parse::<PostgresUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
}

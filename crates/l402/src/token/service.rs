//! The service, the unit of authorisation.

use core::fmt;
use core::str::FromStr;

/// The name of a service, `[a-z0-9-]+`, at most 64 bytes. Things with different prices are
/// different services. The alphabet excludes `,`, `:`, `=` and `_`, so that a name cannot end its
/// caveat early.
///
/// ```
/// use l402::{Service, ServiceError};
///
/// let service: Service = "weather".parse()?;
/// assert_eq!(service.as_str(), "weather");
/// assert_eq!("weather:1".parse::<Service>(), Err(ServiceError));
/// assert_eq!(Service::from_lossy("127.0.0.1:3000").as_str(), "127-0-0-1-3000");
/// # Ok::<(), ServiceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service(Box<str>);

impl Service {
    /// The longest name, in bytes: 64.
    pub const MAX_LEN: usize = 64;

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes the nearest valid name, for services named after a host or a path. Never empty: text
    /// without a letter or digit gives `default`.
    #[must_use]
    pub fn from_lossy(text: &str) -> Self {
        let mut name = String::new();
        for c in text.chars() {
            match c.to_ascii_lowercase() {
                c @ ('a'..='z' | '0'..='9') => name.push(c),
                _ if name.ends_with('-') || name.is_empty() => {}
                _ => name.push('-'),
            }
        }
        // The name is ASCII, so no character is cut in two. The cut may leave a hyphen at the end.
        name.truncate(Self::MAX_LEN);
        let name = name.trim_end_matches('-');
        Self(if name.is_empty() {
            "default".into()
        } else {
            name.into()
        })
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The error for a name that is empty, longer than 64 bytes, or not `[a-z0-9-]+`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceError;

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a service name has 1 to 64 of the characters a-z, 0-9 and -")
    }
}

impl std::error::Error for ServiceError {}

impl FromStr for Service {
    type Err = ServiceError;

    fn from_str(text: &str) -> Result<Self, ServiceError> {
        let fits = (1..=Self::MAX_LEN).contains(&text.len());
        let plain = text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if fits && plain {
            Ok(Self(text.into()))
        } else {
            Err(ServiceError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_escape_its_caveat() {
        for bad in [
            "",
            "a:0",
            "a,b",
            "a=b",
            "a_b",
            "A",
            "a b",
            "a\r\nb",
            &"a".repeat(65),
        ] {
            assert_eq!(bad.parse::<Service>(), Err(ServiceError), "{bad:?}");
        }
        assert_eq!("api-2".parse::<Service>().unwrap().as_str(), "api-2");
    }

    #[test]
    fn any_text_has_a_nearest_name() {
        assert_eq!(
            Service::from_lossy("127.0.0.1:3000").as_str(),
            "127-0-0-1-3000"
        );
        assert_eq!(Service::from_lossy("//").as_str(), "default");
        let long = Service::from_lossy(&"é-ab/".repeat(90));
        assert_eq!(long.as_str().parse(), Ok(long.clone()));
    }
}

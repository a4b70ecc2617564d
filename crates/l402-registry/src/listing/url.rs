//! The one address by which a listing is known.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The longest address, in bytes.
const URL_MAX: usize = 2048;

/// The address of a listing: http or https, a host, no user information and no fragment, in lower case
/// where that makes no difference, without the usual port, and in the characters of RFC 3986 alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CanonicalUrl(Url);

/// The reason why a text is no address of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CanonicalUrlError {
    /// The text is no URL.
    NotAUrl,
    /// The scheme is neither http nor https.
    Scheme,
    /// There is a name or a password before the host.
    UserInformation,
    /// The address is longer than 2,048 bytes.
    TooLong,
    /// The host is empty, has an empty part or one of more than 63 bytes, or other characters than letters,
    /// digits, hyphens and underscores.
    Host,
}

impl fmt::Display for CanonicalUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAUrl => "not a URL; write https://api.example.com/v1/joke",
            Self::Scheme => "neither https nor http; write https://api.example.com/v1/joke",
            Self::UserInformation => {
                "a name or password stands before the host; write https://api.example.com/v1/joke"
            }
            Self::TooLong => "longer than 2,048 bytes; write https://api.example.com/v1/joke",
            Self::Host => {
                "the host is no name and no address; write https://api.example.com/v1/joke"
            }
        })
    }
}

impl std::error::Error for CanonicalUrlError {}

impl CanonicalUrl {
    /// Makes the canonical form of a URL.
    ///
    /// # Errors
    /// See [`CanonicalUrlError`].
    pub fn new(mut url: Url) -> Result<Self, CanonicalUrlError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(CanonicalUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(CanonicalUrlError::UserInformation);
        }
        // Escaping makes a text at most three times as long; what is far too long is not worked on.
        if url.as_str().len() > URL_MAX {
            return Err(CanonicalUrlError::TooLong);
        }
        url.set_fragment(None);
        set_host(&mut url)?;
        let path = escaped(url.path(), is_path);
        url.set_path(&path);
        let query = url.query().filter(|query| !query.is_empty());
        let query = query.map(|query| escaped(query, is_query));
        url.set_query(query.as_deref());
        if url.as_str().len() > URL_MAX {
            return Err(CanonicalUrlError::TooLong);
        }
        Ok(Self(url))
    }

    /// Returns the URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the host, as it is written in the URL.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

impl FromStr for CanonicalUrl {
    type Err = CanonicalUrlError;

    fn from_str(text: &str) -> Result<Self, CanonicalUrlError> {
        // The parser drops tabs and line breaks, so that two texts that look different would be one address.
        let text = text.trim_ascii();
        if text.chars().any(char::is_control) {
            return Err(CanonicalUrlError::NotAUrl);
        }
        Self::new(text.parse().map_err(|_| CanonicalUrlError::NotAUrl)?)
    }
}

impl fmt::Display for CanonicalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Takes the dots at the end of a host off, and refuses what is no name.
fn set_host(url: &mut Url) -> Result<(), CanonicalUrlError> {
    let Some(url::Host::Domain(name)) = url.host() else {
        return Ok(());
    };
    let bare = name.trim_end_matches('.').to_owned();
    let is_label = |label: &str| {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(is_name)
    };
    if bare.len() > 253 || !bare.split('.').all(is_label) {
        return Err(CanonicalUrlError::Host);
    }
    if bare.len() == name.len() {
        return Ok(());
    }
    // A name such as `1.2.3.4..` is an address once its dots are gone, and `set_host` writes it as one.
    url.set_host(Some(&bare))
        .map_err(|_| CanonicalUrlError::Host)
}

/// Returns a path or query in the characters of RFC 3986: escapes in upper case, none for a character that
/// needs none, and one for each byte that does.
fn escaped(text: &str, is_allowed: fn(u8) -> bool) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let code = bytes.get(at..at + 3).and_then(escape_of);
        let plain = match code {
            Some(code) if is_unreserved(code) => Some(code),
            Some(_) => None,
            None => Some(byte).filter(|byte| is_allowed(*byte)),
        };
        match plain {
            Some(plain) => out.push(char::from(plain)),
            None => {
                let byte = code.unwrap_or(byte);
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
        at += if code.is_some() { 3 } else { 1 };
    }
    out
}

/// Returns the byte that an escape such as `%7E` stands for.
fn escape_of(text: &[u8]) -> Option<u8> {
    let &[b'%', high, low] = text else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// `unreserved` of RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `pchar` of RFC 3986 section 3.3 but for escapes, and the slash.
fn is_path(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte)
}

/// `query` of RFC 3986 section 3.4 but for escapes.
fn is_query(byte: u8) -> bool {
    is_path(byte) || byte == b'?'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: &str) -> Result<String, CanonicalUrlError> {
        text.parse().map(|url: CanonicalUrl| url.to_string())
    }

    #[test]
    fn writes_the_same_address_in_one_way() {
        for (written, wanted) in [
            ("HTTPS://API.Example.COM", "https://api.example.com/"),
            ("https://a.example:443/x", "https://a.example/x"),
            ("http://a.example:80/x", "http://a.example/x"),
            ("https://a.example:8443/x", "https://a.example:8443/x"),
            ("https://a.example./x", "https://a.example/x"),
            ("https://a.example/x?", "https://a.example/x"),
            ("https://a.example/x#part", "https://a.example/x"),
            ("https://a.example/a/../b/./c", "https://a.example/b/c"),
            ("https://a.example/a/%2E%2e/b", "https://a.example/b"),
            (
                "https://a.example/%7euser/%2f%e4",
                "https://a.example/~user/%2F%E4",
            ),
            (
                "https://a.example/a|b^c`d{e}",
                "https://a.example/a%7Cb%5Ec%60d%7Be%7D",
            ),
            (
                "https://a.example/?q=<\"a b\">",
                "https://a.example/?q=%3C%22a%20b%22%3E",
            ),
            ("https://a.example/ä?ö", "https://a.example/%C3%A4?%C3%B6"),
            ("https://a.example/100%", "https://a.example/100%25"),
            (
                "https://a.example/[x]?[y]",
                "https://a.example/%5Bx%5D?%5By%5D",
            ),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
            ("https://[2001:DB8::0:1]/", "https://[2001:db8::1]/"),
            ("http://2130706433/", "http://127.0.0.1/"),
            ("http://0177.1/", "http://127.0.0.1/"),
            ("http://localhost./x", "http://localhost/x"),
            ("  https://a.example/x ", "https://a.example/x"),
        ] {
            assert_eq!(canonical(written).as_deref(), Ok(wanted), "{written}");
        }
    }

    #[test]
    fn refuses_what_is_no_address_of_a_service() {
        use CanonicalUrlError as E;
        let long = format!("https://a.example/{}", "a".repeat(2100));
        let escaped = format!("https://a.example/{}", "|".repeat(1000));
        for (written, wanted) in [
            ("joke", E::NotAUrl),
            ("https://", E::NotAUrl),
            ("https://a.example/a\tb", E::NotAUrl),
            ("https://a.example/a\r\nb", E::NotAUrl),
            ("ftp://a.example/", E::Scheme),
            ("file:///etc/passwd", E::Scheme),
            ("gopher://a.example/", E::Scheme),
            ("javascript:alert(1)", E::Scheme),
            ("data:text/html,hi", E::Scheme),
            ("http://ok@127.0.0.1/", E::UserInformation),
            ("https://a:b@a.example/", E::UserInformation),
            ("https://a..example/", E::Host),
            ("https://./", E::Host),
            ("https://a\"b.example/", E::Host),
            ("https://a{b}.example/", E::Host),
            (&long, E::TooLong),
            (&escaped, E::TooLong),
        ] {
            assert_eq!(canonical(written), Err(wanted), "{written}");
        }
    }

    /// Every byte that RFC 3986 allows in a URL, and the percent sign.
    fn is_of_rfc_3986(text: &str) -> bool {
        text.bytes()
            .all(|byte| is_query(byte) || matches!(byte, b'%' | b'[' | b']'))
    }

    proptest! {
        #[test]
        fn is_its_own_canonical_form(host in "[a-zA-Z0-9.%-]{1,12}", rest in "[/?].{0,60}") {
            if let Ok(once) = canonical(&format!("https://{host}.example{rest}")) {
                prop_assert!(is_of_rfc_3986(&once), "{once}");
                prop_assert_eq!(canonical(&once), Ok(once.clone()));
            }
        }

        #[test]
        fn takes_any_text_without_a_panic(text in ".{0,80}") {
            if let Ok(once) = canonical(&text) {
                prop_assert_eq!(canonical(&once), Ok(once.clone()));
            }
        }
    }
}

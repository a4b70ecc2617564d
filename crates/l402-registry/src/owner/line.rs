//! The line by which a host names the holder of a key as the owner of its listings.

use std::fmt;

use url::Url;

use crate::listing::CanonicalUrl;

/// The path of the file that holds the line.
const FILE: &str = "/.well-known/l402-registry-verify.txt";

/// The label before the host under which the TXT record stands.
const LABEL: &str = "_l402-registry";

/// The word that begins the line.
const WORD: &str = "l402-registry-verify=";

/// The line `l402-registry-verify=registry.example <hash of the key>`. It names the registry, so that
/// the owner at one registry is not by the same line the owner at another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProofLine<'a> {
    /// The registry, as [`registry_name`] gives it.
    pub(crate) registry: &'a str,
    /// The SHA-256 of the owner's key, in hex.
    pub(crate) key_hash: &'a str,
}

impl fmt::Display for ProofLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{WORD}{} {}", self.registry, self.key_hash)
    }
}

impl ProofLine<'_> {
    /// Returns true if one of the lines is this one. Space around a line does not count; a line that
    /// begins with `#` is a comment.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        text.lines().any(|line| self.is(line))
    }

    fn is(&self, line: &str) -> bool {
        let Some(rest) = line.trim().strip_prefix(WORD) else {
            return false;
        };
        let mut words = rest.split_ascii_whitespace();
        let (registry, key_hash) = (words.next(), words.next());
        words.next().is_none()
            && registry.is_some_and(|it| it.eq_ignore_ascii_case(self.registry))
            && key_hash.is_some_and(|it| it.eq_ignore_ascii_case(self.key_hash))
    }
}

/// Returns the name of a registry in proofs: the host of its address, with the port if it is not the
/// usual one.
pub(crate) fn registry_name(public_url: &Url) -> String {
    let host = public_url.host_str().unwrap_or_default();
    match public_url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Returns the address of the file at the origin of a listing.
pub(crate) fn file_url(listing: &CanonicalUrl) -> Url {
    let mut url = listing.url().clone();
    url.set_path(FILE);
    url.set_query(None);
    url
}

/// Returns the name of the TXT record of a listing's host; `None` if the host is an address, or so long
/// that no such name fits.
pub(crate) fn txt_name(listing: &CanonicalUrl) -> Option<String> {
    /// The longest name that DNS has, in characters.
    const NAME_MAX: usize = 253;
    let host = listing.url().domain()?.trim_end_matches('.');
    let name = format!("{LABEL}.{host}");
    (!host.is_empty() && name.len() <= NAME_MAX).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "60e05bd1b195af2f94112fa7197a5c88289058840ce7c6df9693756bc6250f55";

    #[test]
    fn a_line_names_its_registry_and_the_key() {
        let line = ProofLine {
            registry: "registry.example:8443",
            key_hash: HASH,
        };
        let text = line.to_string();
        let other = ProofLine {
            registry: "registry.example",
            ..line
        };
        for good in [
            text.clone(),
            format!("# mine\r\n\r\n  {text} \r\nsomething else"),
            format!("{other}\n{text}"),
            text.replace(' ', "\t"),
        ] {
            assert!(line.is_in(&good), "{good}");
        }
        for bad in [
            String::new(),
            other.to_string(),
            format!("# {text}"),
            format!("{text}0"),
            format!("{text} more"),
            format!("x{text}"),
            text.replace(' ', ""),
            format!("<pre>{text}"),
        ] {
            assert!(!line.is_in(&bad), "{bad}");
        }
    }

    #[test]
    fn a_registry_is_named_by_host_and_port() {
        for (url, name) in [
            ("https://registry.example/", "registry.example"),
            ("https://registry.example:443/x", "registry.example"),
            ("https://registry.example:8443/", "registry.example:8443"),
            ("http://127.0.0.1:8406/", "127.0.0.1:8406"),
            ("http://[::1]:8406/", "[::1]:8406"),
        ] {
            assert_eq!(registry_name(&url.parse().unwrap()), name);
        }
    }

    #[test]
    fn the_file_lies_at_the_origin_and_the_record_below_the_host() {
        let listing = |url: &str| url.parse::<CanonicalUrl>().unwrap();
        let one = listing("https://api.example.com:8443/v1/joke?x=1");
        assert_eq!(
            file_url(&one).as_str(),
            "https://api.example.com:8443/.well-known/l402-registry-verify.txt"
        );
        assert_eq!(txt_name(&one).unwrap(), "_l402-registry.api.example.com");
        for url in ["https://192.0.2.1/", "https://[2001:db8::1]/"] {
            assert_eq!(txt_name(&listing(url)), None, "{url}");
        }
        let long = format!("https://{}.example/", "a.".repeat(118));
        let _ = long
            .parse::<CanonicalUrl>()
            .map(|url| assert_eq!(txt_name(&url), None));
    }
}

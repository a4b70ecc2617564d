//! The parts of an address that several backends have in common.

use core::fmt;
use std::path::Path;

use url::Url;

/// True if the URL names a user or a password, which no address of a node may.
pub(super) fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// True if the URL's host is this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // No other name counts, even if it resolves to loopback today: names can be re-pointed.
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Writes a path as the value of a parameter, percent-encoded.
pub(super) fn write_path(f: &mut fmt::Formatter<'_>, path: &Path) -> fmt::Result {
    // Escapes more than a URL requires, so that a reader can split the text at `?`, `&` and `=`.
    path.to_string_lossy()
        .bytes()
        .try_for_each(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'~' | b':' => {
                write!(f, "{}", char::from(byte))
            }
            _ => write!(f, "%{byte:02X}"),
        })
}

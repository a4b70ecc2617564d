//! The cookies of a request that may be passes: what a browser holds in place of a preimage.

use core::fmt;

use http::header::{COOKIE, HeaderMap, UPGRADE};
use http::{HeaderValue, Method};

use super::lines::Line;

/// The most cookies of one request that are looked at. Browsers send those first that they have had
/// longest, so that the last ones are the newest.
pub(crate) const MOST: usize = 16;

/// The longest value that is looked at, in bytes: browsers keep no longer cookie.
const LONGEST: usize = 4096;

/// The beginning of the name of a pass over TLS. A browser takes it from no other host, and over TLS alone.
const HOST_PREFIX: &str = "__Host-l402-";

/// The beginning of the name of a pass over plain HTTP, on one machine.
const PLAIN_PREFIX: &str = "l402-";

const PREFETCH: &[u8] = b"prefetch";

/// The digits of the payment hash in the name of a pass.
pub(crate) const DIGITS: usize = 8;

/// The cookies of a request that may be passes, and where the request comes from. Nothing about them is
/// checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct PassCookies {
    cookies: Vec<(String, String)>,
    pub(crate) site: FetchSite,
    /// True if the browser loads ahead what may never be looked at.
    pub(crate) is_ahead: bool,
}

impl fmt::Debug for PassCookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PassCookies({}, {:?})", self.cookies.len(), self.site)
    }
}

/// The page that made a browser send a request (Fetch Metadata).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FetchSite {
    /// The browser does not say.
    Absent,
    /// A page of another origin, or of a kind that is not known.
    Foreign,
    /// A page of the same origin.
    Own,
    /// No page: typed, a bookmark, or a reload.
    User,
}

impl FetchSite {
    /// Reads `Sec-Fetch-Site`.
    pub(super) fn of(line: Line<'_>) -> Self {
        match line {
            Line::None => Self::Absent,
            Line::One(site) => match site.as_bytes() {
                b"same-origin" => Self::Own,
                b"none" => Self::User,
                _ => Self::Foreign,
            },
            Line::Several(_) => Self::Foreign,
        }
    }
}

impl PassCookies {
    /// Finds the passes of a request without a credential in a header. `None` if it has none, or if the
    /// request may not be paid for by one.
    pub(super) fn of(method: &Method, headers: &HeaderMap, site: FetchSite) -> Option<Self> {
        // Whatever a page can make a browser do without asking changes nothing (RFC 9110 section 9.2.1).
        // An upgrade carries what nobody here sees.
        let is_safe = matches!(*method, Method::GET | Method::HEAD);
        if !is_safe || headers.contains_key(UPGRADE) {
            return None;
        }
        let mut cookies = Self::named(headers);
        if cookies.is_empty() {
            return None;
        }
        cookies.drain(..cookies.len().saturating_sub(MOST));
        let is_ahead = is_ahead(headers);
        Some(Self {
            cookies,
            site,
            is_ahead,
        })
    }

    /// Returns name and value of each cookie that may be a pass, in the order of the request. Beside passes
    /// that a browser takes from this host alone, those that a neighbour could have set count for nothing:
    /// they would push the others out.
    pub(crate) fn named(headers: &HeaderMap) -> Vec<(String, String)> {
        let lines = headers.get_all(COOKIE).iter();
        let cookies = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
        let pairs = cookies.filter_map(|cookie| {
            let (name, value) = core::str::from_utf8(cookie).ok()?.split_once('=')?;
            let (name, value) = (name.trim_ascii(), value.trim_ascii());
            let fits = digits(name).is_some() && (1..=LONGEST).contains(&value.len());
            fits.then(|| (name.to_owned(), value.to_owned()))
        });
        let mut pairs: Vec<_> = pairs.collect();
        if pairs.iter().any(|(name, _)| is_of_host(name.as_bytes())) {
            pairs.retain(|(name, _)| is_of_host(name.as_bytes()));
        }
        pairs
    }

    /// Returns name and value of each cookie, the newest last.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let cookies = self.cookies.iter();
        cookies.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the name of the pass for a payment whose hash begins with these digits.
    pub(crate) fn name(digits: &str, is_tls: bool) -> String {
        let prefix = if is_tls { HOST_PREFIX } else { PLAIN_PREFIX };
        format!("{prefix}{digits}")
    }

    /// Returns true if a pass of this name is one over TLS.
    pub(crate) fn is_of_tls(name: &str) -> bool {
        let start = name.get(..HOST_PREFIX.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(HOST_PREFIX))
    }

    /// Returns true if a cookie of this name is the paywall's alone: no service behind it may see or set one.
    #[must_use]
    pub fn is_own(name: &[u8]) -> bool {
        is_of_host(name) || core::str::from_utf8(name).is_ok_and(|name| digits(name).is_some())
    }

    /// Takes the passes off a `Cookie` line. `None` if it holds none, and the line may go on as it is; else the
    /// line that is left, if anything is.
    #[must_use]
    pub fn taken_off(line: &HeaderValue) -> Option<Option<HeaderValue>> {
        let bytes = line.as_bytes();
        // Nearly every line takes this way, without an allocation.
        if !has_mark(bytes) {
            return None;
        }
        let cookies = || bytes.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        if !cookies().any(|cookie| Self::is_own(name_of(cookie))) {
            return None;
        }
        let left: Vec<&[u8]> = cookies()
            .filter(|cookie| !cookie.is_empty() && !Self::is_own(name_of(cookie)))
            .collect();
        let left = left.join(&b"; "[..]);
        Some(
            HeaderValue::from_bytes(&left)
                .ok()
                .filter(|left| !left.is_empty()),
        )
    }
}

/// Returns true if no other host can have set a cookie of this name.
fn is_of_host(name: &[u8]) -> bool {
    let start = name.get(..HOST_PREFIX.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(HOST_PREFIX.as_bytes()))
}

/// Returns true for a prefetch or a prerender: `Sec-Purpose` of the Fetch standard, and what browsers sent
/// before it.
fn is_ahead(headers: &HeaderMap) -> bool {
    let is_prefetch = |value: &HeaderValue| {
        let start = value.as_bytes().get(..PREFETCH.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(PREFETCH))
    };
    headers.contains_key("sec-purpose") || headers.get_all("purpose").iter().any(is_prefetch)
}

/// Returns the name of a cookie: what stands before the first `=`.
pub(crate) fn name_of(cookie: &[u8]) -> &[u8] {
    let name = cookie.split(|byte| *byte == b'=').next();
    name.unwrap_or_default().trim_ascii()
}

/// Returns true if a line may hold the name of a pass, in whatever letters.
fn has_mark(line: &[u8]) -> bool {
    let mark = PLAIN_PREFIX.as_bytes();
    line.windows(mark.len())
        .any(|window| window.eq_ignore_ascii_case(mark))
}

/// Returns the digits of the payment hash in a pass's name; `None` if it is no name of one.
fn digits(name: &str) -> Option<&str> {
    let after = |prefix: &str| {
        let (start, digits) = name.split_at_checked(prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then_some(digits)
    };
    let digits = after(HOST_PREFIX).or_else(|| after(PLAIN_PREFIX))?;
    let are_hex = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    are_hex.then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(line: &'static str) -> Option<String> {
        let left = PassCookies::taken_off(&HeaderValue::from_static(line))?;
        Some(left.map_or_else(String::new, |left| left.to_str().unwrap().to_owned()))
    }

    #[test]
    fn passes_are_taken_off_and_other_cookies_stay_as_they_came() {
        for (line, expected) in [
            ("a=1; b=2", None),
            ("l402-x=1; my-l402-12345678=2", None),
            ("a=\"l402-12345678\"", None),
            ("l402-12345678=v", Some("")),
            ("a=1; __Host-l402-12345678=v; b=2", Some("a=1; b=2")),
            ("__Host-l402-anything=v;a=1", Some("a=1")),
            ("__HOST-L402-1=v; L402-ABCDEF12 = v; c", Some("c")),
            (
                "l402-12345678; l402-123456789=kept",
                Some("l402-123456789=kept"),
            ),
        ] {
            assert_eq!(left(line).as_deref(), expected, "{line}");
        }
    }

    fn found(method: &Method, lines: &[(&'static str, &str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let found = PassCookies::of(method, &headers, FetchSite::User);
        let values = found.iter().flat_map(PassCookies::iter);
        values.map(|(_, value)| value.to_owned()).collect()
    }

    #[test]
    fn the_newest_are_looked_at_and_only_where_nothing_can_be_changed() {
        let get = |lines: &[(&'static str, &str)]| found(&Method::GET, lines);
        let two = [
            ("cookie", "a=1; l402-12345678=x"),
            ("cookie", "l402-00000000=y"),
        ];
        assert_eq!(get(&two), ["x", "y"]);
        assert_eq!(found(&Method::HEAD, &two), ["x", "y"]);
        // A neighbour cannot have set the second one.
        let tossed = [
            two[0],
            ("cookie", "__host-L402-00000000=y; l402-00000001=z"),
        ];
        assert_eq!(get(&tossed), ["y"]);
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            assert!(found(&method, &two).is_empty(), "{method}");
        }
        assert!(get(&[two[0], ("upgrade", "websocket")]).is_empty());
        for none in [
            "l402-1234567=x",
            "l402-1234567g=x",
            "l402-12345678=",
            "l402-12345678",
        ] {
            assert!(get(&[("cookie", none)]).is_empty(), "{none}");
        }
        let long = format!("l402-12345678={}", "x".repeat(LONGEST + 1));
        assert!(get(&[("cookie", &long)]).is_empty());
        let many: Vec<String> = (0..40).map(|n| format!("l402-{n:08}={n}")).collect();
        let kept = get(&[("cookie", &many.join("; "))]);
        assert_eq!(
            (kept.len(), kept[0].as_str(), kept[15].as_str()),
            (MOST, "24", "39")
        );
    }
}

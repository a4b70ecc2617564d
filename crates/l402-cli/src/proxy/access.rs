//! Which requests may be made through the proxy, and to which URL they go.

use std::net::SocketAddr;

use http::header::{HOST, HeaderMap, ORIGIN};
use http::{Method, StatusCode, Uri};
use url::{Position, Url};

use crate::header::{SEC_FETCH_SITE, only};

/// The requests that are taken, and where they go.
#[derive(Clone, Debug)]
pub(crate) enum Mode {
    /// Absolute targets, each to itself.
    Forward,
    /// Paths, to one server.
    Reverse {
        /// The URL that each path is appended to.
        target: Box<Url>,
        /// Names of the listener beside its address, with a port or without.
        hosts: Vec<String>,
    },
}

/// A request that is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Denied {
    pub(super) status: StatusCode,
    /// A stable code.
    pub(super) code: &'static str,
    pub(super) text: &'static str,
}

const fn denied(status: StatusCode, code: &'static str, text: &'static str) -> Denied {
    Denied { status, code, text }
}

const FOREIGN_HOST: Denied = denied(
    StatusCode::FORBIDDEN,
    "foreign_host",
    "the Host of the request is not this proxy; --host names further ones",
);
const FOREIGN_PAGE: Denied = denied(
    StatusCode::FORBIDDEN,
    "foreign_page",
    "a page of another origin asks, and this proxy pays for programs alone",
);
const NO_TARGET: Denied = denied(
    StatusCode::BAD_REQUEST,
    "no_absolute_target",
    "this is a forward proxy: name it as such (curl -x, http_proxy), or start it with --to URL",
);
const NOT_FORWARD: Denied = denied(
    StatusCode::BAD_REQUEST,
    "not_a_forward_proxy",
    "this proxy has one target (--to), and takes paths alone",
);
const BAD_TARGET: Denied = denied(
    StatusCode::BAD_REQUEST,
    "bad_target",
    "the target of the request is no http or https URL, or not below that of --to",
);
const TRACE: Denied = denied(
    StatusCode::METHOD_NOT_ALLOWED,
    "trace",
    "the answer to TRACE would show the credential",
);

impl Mode {
    pub(super) const fn is_reverse(&self) -> bool {
        matches!(self, Self::Reverse { .. })
    }

    /// Returns the URL that a request goes to. `own` is the address that the connection came in at;
    /// `has_token` is true if the request has shown the token.
    ///
    /// # Errors
    /// [`Denied`] for a request that a page in a browser may have made, or that has no target here.
    pub(super) fn target(
        &self,
        (method, uri): (&Method, &Uri),
        headers: &HeaderMap,
        (own, has_token): (SocketAddr, bool),
    ) -> Result<Url, Denied> {
        if method == Method::TRACE {
            return Err(TRACE);
        }
        // RFC 6454: a page cannot choose either header.
        let sites = headers.get_all(SEC_FETCH_SITE).iter();
        // `none` is a link from elsewhere as well, such as from a letter; to a proxy that stands for one
        // server, it would buy.
        let takes_none = has_token || !self.is_reverse();
        if !sites
            .map(http::HeaderValue::as_bytes)
            .all(|site| site == b"same-origin" || (takes_none && site == b"none"))
        {
            return Err(FOREIGN_PAGE);
        }
        match self {
            Self::Forward => forward(uri, headers),
            Self::Reverse { target, hosts } => {
                let names = Names { own, hosts };
                reverse(target, uri, headers, &names)
            }
        }
    }
}

fn forward(uri: &Uri, headers: &HeaderMap) -> Result<Url, Denied> {
    if uri.authority().is_none() {
        return Err(NO_TARGET);
    }
    let url = Url::parse(&uri.to_string()).map_err(|_| BAD_TARGET)?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(BAD_TARGET);
    }
    let own = url.origin().ascii_serialization();
    let mut origins = headers.get_all(ORIGIN).iter();
    if !origins.all(|origin| origin.as_bytes() == own.as_bytes()) {
        return Err(FOREIGN_PAGE);
    }
    Ok(url)
}

fn reverse(target: &Url, uri: &Uri, headers: &HeaderMap, own: &Names<'_>) -> Result<Url, Denied> {
    let host = only(headers, &HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(|host| own.has(host)) {
        return Err(FOREIGN_HOST);
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    let asked = split(host.unwrap_or_default());
    // Of the very host and port that the request came to: another port is another origin.
    let is_own = |origin: &str| {
        let secure = origin.strip_prefix("https://").map(|site| (site, 443));
        let site = secure.or_else(|| origin.strip_prefix("http://").map(|site| (site, 80)));
        site.is_some_and(|(site, usual)| {
            let site = split(site);
            let is_port = site.1.unwrap_or(usual) == asked.1.unwrap_or(usual);
            site.0.eq_ignore_ascii_case(asked.0) && is_port
        })
    };
    if !origins.all(|origin| origin.to_str().is_ok_and(is_own)) {
        return Err(FOREIGN_PAGE);
    }
    if uri.authority().is_some() {
        return Err(NOT_FORWARD);
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    if !path.starts_with('/') {
        return Err(BAD_TARGET);
    }
    let base = target[..Position::AfterPath].trim_end_matches('/');
    let url = Url::parse(&format!("{base}{path}")).map_err(|_| BAD_TARGET)?;
    // Whatever the path holds, such as `..`, it is the server that was named, and below its path.
    let below = url.path().strip_prefix(target.path().trim_end_matches('/'));
    let is_below = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    (url.origin() == target.origin() && is_below)
        .then_some(url)
        .ok_or(BAD_TARGET)
}

/// The names of the listener of one connection.
struct Names<'a> {
    own: SocketAddr,
    hosts: &'a [String],
}

impl Names<'_> {
    /// Returns true for `HOST` or `HOST:PORT` if it names this listener.
    fn has(&self, text: &str) -> bool {
        let (host, port) = split(text);
        // Without a port it is that of HTTP.
        let is_own_port = port.unwrap_or(80) == self.own.port();
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse();
        let ip = ip.map(|ip: std::net::IpAddr| ip.to_canonical());
        let local = self.own.ip().to_canonical();
        let is_local = ip.is_ok_and(|ip| ip == local)
            || (local.is_loopback() && host.eq_ignore_ascii_case("localhost"));
        if is_own_port && is_local {
            return true;
        }
        self.hosts.iter().any(|named| {
            let (name, named_port) = split(named);
            // One that is named without a port may have any, such as that of a server in front.
            let is_its_port = named_port.is_none() || named_port == port;
            name.eq_ignore_ascii_case(host) && is_its_port
        })
    }
}

/// Splits `HOST:PORT`.
fn split(text: &str) -> (&str, Option<u16>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            // No port: then it is no name of anybody either.
            Err(_) => (text, None),
        },
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const OWN: &str = "127.0.0.1:9000";

    fn ask(mode: &Mode, uri: &str, headers: &[(&'static str, &str)]) -> Result<String, Denied> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                let value = HeaderValue::from_str(value).unwrap();
                (HeaderName::from_static(name), value)
            })
            .collect();
        let uri = uri.parse().unwrap();
        let own = (OWN.parse().unwrap(), false);
        let asked = mode.target((&Method::GET, &uri), &headers, own);
        asked.map(|url| url.to_string())
    }

    fn to(target: &str) -> Mode {
        Mode::Reverse {
            target: Box::new(target.parse().unwrap()),
            hosts: vec!["buy.example".to_owned(), "other.example:443".to_owned()],
        }
    }

    #[test]
    fn a_path_goes_below_the_target_and_never_beside_its_server() {
        for (target, path, url) in [
            ("https://a.example", "/", "https://a.example/"),
            (
                "https://a.example/v1",
                "/chat?x=1",
                "https://a.example/v1/chat?x=1",
            ),
            (
                "https://a.example/v1/",
                "/chat",
                "https://a.example/v1/chat",
            ),
            (
                "https://a.example",
                "//b.example/x",
                "https://a.example//b.example/x",
            ),
            (
                "https://a.example",
                "/@b.example/",
                "https://a.example/@b.example/",
            ),
            ("https://a.example:444", "/x", "https://a.example:444/x"),
        ] {
            let asked = ask(&to(target), path, &[("host", OWN)]);
            assert_eq!(asked.as_deref(), Ok(url), "{path}");
        }
    }

    #[test]
    fn a_path_does_not_climb_out_of_the_target() {
        let mode = to("https://a.example/v1/");
        for path in [
            "/../dear",
            "/..",
            "/%2e%2e/dear",
            "/.%2E/dear",
            "/\\..\\..\\dear",
            "/x/../../dear",
            "/../v10/dear",
        ] {
            let asked = ask(&mode, path, &[("host", OWN)]);
            assert_eq!(asked, Err(BAD_TARGET), "{path}");
        }
        for (path, url) in [
            ("/x/../y", "https://a.example/v1/y"),
            ("/../v1/y", "https://a.example/v1/y"),
            ("/", "https://a.example/v1/"),
        ] {
            let asked = ask(&mode, path, &[("host", OWN)]);
            assert_eq!(asked.as_deref(), Ok(url), "{path}");
        }
    }

    /// ATTACKS O-03.
    #[test]
    fn a_host_that_is_not_ours_is_refused() {
        let mode = to("https://a.example");
        for host in [
            OWN,
            "localhost:9000",
            "LOCALHOST:9000",
            "buy.example",
            "buy.example:8443",
            "other.example:443",
        ] {
            assert!(ask(&mode, "/", &[("host", host)]).is_ok(), "{host}");
        }
        for host in [
            "evil.example:9000",
            "127.0.0.1",
            "127.0.0.1:9001",
            "127.0.0.1:x",
            "localhost.evil.example:9000",
            "a.example",
            "other.example",
            "",
        ] {
            let asked = ask(&mode, "/", &[("host", host)]);
            assert_eq!(asked, Err(FOREIGN_HOST), "{host}");
        }
        assert_eq!(ask(&mode, "/", &[]), Err(FOREIGN_HOST));
        let two = [("host", OWN), ("host", OWN)];
        assert_eq!(ask(&mode, "/", &two), Err(FOREIGN_HOST));
    }

    #[test]
    fn a_page_of_another_origin_is_refused_in_both_modes() {
        let reverse = to("https://a.example");
        for (name, value, is_taken) in [
            ("sec-fetch-site", "cross-site", false),
            ("sec-fetch-site", "same-site", false),
            ("sec-fetch-site", "", false),
            ("sec-fetch-site", "same-origin", true),
            ("origin", "null", false),
            ("origin", "https://evil.example", false),
            ("origin", "http://127.0.0.1:9000.evil.example", false),
        ] {
            let asked = ask(&reverse, "/", &[("host", OWN), (name, value)]);
            let forward = ask(&Mode::Forward, "http://a.example/", &[(name, value)]);
            for asked in [asked, forward] {
                let expected = if is_taken { None } else { Some(FOREIGN_PAGE) };
                assert_eq!(asked.err(), expected, "{name}: {value}");
            }
        }
        let typed = ("sec-fetch-site", "none");
        let asked = ask(&reverse, "/", &[("host", OWN), typed]);
        assert_eq!(asked, Err(FOREIGN_PAGE));
        assert!(ask(&Mode::Forward, "http://a.example/", &[typed]).is_ok());
        let headers = [(HOST, OWN), (SEC_FETCH_SITE, "none")];
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
        let with_token = (OWN.parse().unwrap(), true);
        let asked = (&Method::GET, &Uri::from_static("/"));
        let asked = reverse.target(asked, &HeaderMap::from_iter(headers), with_token);
        assert!(asked.is_ok());
        let own = [("host", OWN), ("origin", "http://127.0.0.1:9000")];
        assert!(ask(&reverse, "/", &own).is_ok());
        let own = [("origin", "http://a.example")];
        assert!(ask(&Mode::Forward, "http://a.example/x", &own).is_ok());
        assert!(ask(&Mode::Forward, "https://a.example/x", &own).is_err());
    }

    /// ATTACKS O-03.
    #[test]
    fn another_port_of_the_same_name_is_another_origin() {
        let mode = to("https://a.example");
        for (host, origin, is_taken) in [
            (OWN, "http://127.0.0.1:9000", true),
            (OWN, "http://127.0.0.1:9001", false),
            (OWN, "http://127.0.0.1", false),
            ("buy.example:9000", "http://buy.example:9000", true),
            ("buy.example:9000", "http://buy.example:8080", false),
            ("buy.example:9000", "http://buy.example", false),
            ("buy.example", "https://buy.example", true),
            ("buy.example", "http://BUY.example:80", true),
            ("buy.example", "https://buy.example:8443", false),
            ("buy.example", "https://other.example:443", false),
        ] {
            let asked = ask(&mode, "/", &[("host", host), ("origin", origin)]);
            let expected = if is_taken { None } else { Some(FOREIGN_PAGE) };
            assert_eq!(asked.err(), expected, "{host}: {origin}");
        }
    }

    #[test]
    fn each_mode_takes_its_own_targets() {
        let reverse = to("https://a.example");
        let absolute = ask(&reverse, "http://a.example/", &[("host", OWN)]);
        assert_eq!(absolute, Err(NOT_FORWARD));
        assert_eq!(ask(&Mode::Forward, "/x", &[("host", OWN)]), Err(NO_TARGET));
        assert_eq!(
            ask(&Mode::Forward, "ftp://a.example/", &[]),
            Err(BAD_TARGET)
        );
        assert_eq!(ask(&reverse, "*", &[("host", OWN)]), Err(BAD_TARGET));
        let uri = "http://a.example/".parse().unwrap();
        let own = (OWN.parse().unwrap(), false);
        let trace = Mode::Forward.target((&Method::TRACE, &uri), &HeaderMap::new(), own);
        assert_eq!(trace, Err(TRACE));
    }
}

//! The requests that are answered at all: those to an address of the listener, that no page of another
//! origin made; and those with the token.

use std::net::SocketAddr;

use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN};

use super::problem::{Problem, ProblemKind};
use super::state::Admin;
use super::token::Shown;

/// The end of a connection on this side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own<'a> {
    /// The address that the client connected to; `None` for a socket of Unix.
    pub(super) address: Option<SocketAddr>,
    /// The names of the configuration.
    pub(super) hosts: &'a [String],
    pub(super) tls: bool,
}

impl Own<'_> {
    const fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// Returns true for a value of `Host` that names this listener.
    fn is_host(&self, host: &str) -> bool {
        let Some(address) = self.address else {
            // No page can reach a socket of Unix, so no name can be made to lead there.
            return true;
        };
        let port = address.port();
        let (name, shown) = match host.rsplit_once(':') {
            Some((name, digits)) if !digits.ends_with(']') => (name, digits.parse().ok()),
            _ => (host, None),
        };
        let own_port = if self.tls { 443 } else { 80 };
        // Without a port it is the scheme's own.
        let shown = shown.or_else(|| (name.len() == host.len()).then_some(own_port));
        shown == Some(port) && self.is_name(name, address)
    }

    fn is_name(&self, name: &str, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        let is_ip = name.trim_matches(['[', ']']).parse() == Ok(ip);
        let is_local = ip.is_loopback() && name.eq_ignore_ascii_case("localhost");
        is_ip || is_local || self.hosts.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// Checks the headers that a page in a browser cannot choose.
///
/// # Errors
/// [`Problem`] for another host, or for a page of another origin.
pub(super) fn check(headers: &HeaderMap, own: &Own<'_>) -> Result<(), Problem> {
    // A name that was made to lead here (DNS rebinding) stands in Host.
    let host = only(headers, &HOST).filter(|host| own.is_host(host));
    let Some(host) = host else {
        let detail = "Host is not the address of this listener; names of it stand in admin.hosts";
        return Err(Problem::new(ProblemKind::WrongHost, detail));
    };
    if !headers.contains_key(ORIGIN) {
        return Ok(());
    }
    let is_own = only(headers, &ORIGIN)
        .and_then(|origin| origin.strip_prefix(own.scheme())?.strip_prefix("://"))
        .is_some_and(|origin| origin.eq_ignore_ascii_case(host));
    if is_own {
        return Ok(());
    }
    let detail = "a page of another origin may not ask here";
    Err(Problem::new(ProblemKind::ForeignOrigin, detail))
}

/// Checks the token of a request.
///
/// # Errors
/// [`Problem`] without a token, with a wrong one, or after too many of them.
pub(super) fn check_token(headers: &HeaderMap, admin: &Admin) -> Result<(), Problem> {
    let refused = |detail| Err(Problem::new(ProblemKind::TokenNeeded, detail));
    let Some(shown) = only(headers, &AUTHORIZATION).and_then(bearer) else {
        return refused(
            "send Authorization: Bearer and the token, which is in admin.token of the gateway's home",
        );
    };
    match admin.judge_token(shown.as_bytes()) {
        Shown::Right => Ok(()),
        Shown::Wrong => refused("the token is wrong; it is in admin.token of the gateway's home"),
        Shown::TooMany => Err(Problem::new(
            ProblemKind::TooManyTokens,
            "too many wrong tokens came of late; the right one is accepted all the same",
        )),
    }
}

/// Returns the token of a value of `Authorization`.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_matches(' '))
}

/// Returns the value of a header that stands there once and is text.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(address: &str, tls: bool) -> Own<'static> {
        Own {
            address: Some(address.parse().unwrap()),
            hosts: &[],
            tls,
        }
    }

    fn checked(own: &Own<'_>, headers: &[(&str, &str)]) -> &'static str {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        check(&headers, own).map_or_else(|problem| problem.code(), |()| "ok")
    }

    #[test]
    fn a_host_is_the_address_itself() {
        let local = own("127.0.0.1:8405", false);
        for host in ["127.0.0.1:8405", "localhost:8405", "LOCALHOST:8405"] {
            assert_eq!(checked(&local, &[("host", host)]), "ok", "{host}");
        }
        for host in [
            "",
            "127.0.0.1",
            "127.0.0.1:8402",
            "127.0.0.1:",
            "127.0.0.2:8405",
            "localhost",
            "evil.test:8405",
            "localhost.evil.test:8405",
            "127.0.0.1:8405:8405",
            "[::1]:8405",
        ] {
            assert_eq!(checked(&local, &[("host", host)]), "wrong_host", "{host}");
        }
        assert_eq!(checked(&local, &[]), "wrong_host");
        let twice = [("host", "127.0.0.1:8405"), ("host", "127.0.0.1:8405")];
        assert_eq!(checked(&local, &twice), "wrong_host");
        let six = own("[::1]:8405", false);
        assert_eq!(checked(&six, &[("host", "[::1]:8405")]), "ok");
        let public = own("192.0.2.7:443", true);
        assert_eq!(checked(&public, &[("host", "192.0.2.7")]), "ok");
        assert_eq!(checked(&public, &[("host", "localhost:443")]), "wrong_host");
        let names = ["admin.example".to_owned()];
        let named = Own {
            hosts: &names,
            ..public
        };
        assert_eq!(checked(&named, &[("host", "admin.example")]), "ok");
        assert_eq!(
            checked(&named, &[("host", "admin.example:80")]),
            "wrong_host"
        );
    }

    #[test]
    fn an_origin_is_the_host_itself() {
        let local = own("127.0.0.1:8405", false);
        let host = ("host", "localhost:8405");
        assert_eq!(
            checked(&local, &[host, ("origin", "http://localhost:8405")]),
            "ok"
        );
        for origin in [
            "null",
            "",
            "https://localhost:8405",
            "http://localhost",
            "http://127.0.0.1:8405",
            "http://evil.test",
        ] {
            let headers = [host, ("origin", origin)];
            assert_eq!(checked(&local, &headers), "foreign_origin", "{origin}");
        }
    }
}

//! The gate of the server over HTTP: it lets programs in that hold the token, and no web page.

use std::net::SocketAddr;

use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue, ORIGIN, WWW_AUTHENTICATE};
use http::{Method, Request, Response, StatusCode};

use super::reply::{Body, plain};
use crate::access_token::AccessToken;
use crate::context::Context;
use crate::error::CliError;
use crate::header::{SEC_FETCH_SITE, only};

/// The path of the endpoint.
pub(super) const PATH: &str = "/mcp";

/// The address and the token that every request is held against before anything of it is read.
pub(super) struct Gate {
    own: SocketAddr,
    token: AccessToken,
}

/// Reads the token of the home folder, and makes a random one first if there is none.
///
/// # Errors
/// If the file cannot be read or made, is open to others, or holds no token of 16 visible characters.
pub(crate) fn token(context: &Context) -> Result<AccessToken, CliError> {
    let path = context.home.create()?.join("mcp.token");
    let (token, _) = AccessToken::of_file(&path, "the token of `l402 mcp --http`")?;
    Ok(token)
}

impl Gate {
    pub(super) const fn new(own: SocketAddr, token: AccessToken) -> Self {
        Self { own, token }
    }

    /// Lets a request in, or returns its refusal. What a browser sends is refused before the token is
    /// looked at, so that a page learns nothing about it.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), Box<Response<Body>>> {
        let headers = request.headers();
        // A name that somebody else has rebound to this machine is told by the name.
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        let is_named = self.is_own_host(only(headers, &HOST).map(HeaderValue::as_bytes))
            && authority.is_none_or(|authority| self.is_own_host(Some(authority.as_bytes())));
        if !is_named {
            return Err(plain(
                StatusCode::FORBIDDEN,
                "the Host is not this server\n",
            ));
        }
        if headers.contains_key(ORIGIN) || is_of_page(headers) {
            return Err(plain(StatusCode::FORBIDDEN, "web pages are not served\n"));
        }
        if request.uri().path() != PATH {
            return Err(plain(StatusCode::NOT_FOUND, "the endpoint is /mcp\n"));
        }
        if !self.is_shown(headers) {
            let text = "the token of mcp.token is missing: Authorization: Bearer TOKEN\n";
            let mut refusal = plain(StatusCode::UNAUTHORIZED, text);
            refusal
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return Err(refusal);
        }
        match *request.method() {
            Method::GET | Method::POST | Method::DELETE => Ok(()),
            _ => Err(plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "GET, POST and DELETE are served\n",
            )),
        }
    }

    /// Returns true for a name of this listener with its port.
    fn is_own_host(&self, host: Option<&[u8]>) -> bool {
        let names = [
            self.own.ip().to_string(),
            format!("[{}]", self.own.ip()),
            "localhost".to_owned(),
        ];
        names.iter().any(|name| {
            let name = format!("{name}:{}", self.own.port());
            host.is_some_and(|host| host.eq_ignore_ascii_case(name.as_bytes()))
        })
    }

    fn is_shown(&self, headers: &HeaderMap) -> bool {
        let shown = only(headers, &AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.as_bytes().split_at_checked(7)?;
            scheme
                .eq_ignore_ascii_case(b"bearer ")
                .then(|| token.trim_ascii())
        });
        shown.is_some_and(|shown| self.token.is(shown))
    }
}

/// Returns true if a browser says that a page of another site asks, also where it sends no `Origin`.
fn is_of_page(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    sites.any(|site| site.as_bytes() != b"none")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(path: &str, headers: &[(&str, &str)]) -> u16 {
        let gate = Gate::new(
            "127.0.0.1:8406".parse().unwrap(),
            AccessToken::for_tests("0123456789abcdef"),
        );
        let mut request = Request::builder().method("POST").uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match gate.check(&request.body(()).unwrap()) {
            Ok(()) => 200,
            Err(refusal) => refusal.status().as_u16(),
        }
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:8406");
    const TOKEN: (&str, &str) = ("authorization", "Bearer 0123456789abcdef");

    // ATTACKS A-08: a web page, also by a name that leads here, does not reach the tools.
    #[test]
    fn pages_and_foreign_names_are_refused_before_the_token() {
        for host in [
            "evil.example",
            "evil.example:8406",
            "127.0.0.1",
            "127.0.0.1:80",
            "localhost",
            "",
        ] {
            assert_eq!(status("/mcp", &[("host", host), TOKEN]), 403, "{host}");
        }
        assert_eq!(status("/mcp", &[TOKEN]), 403);
        assert_eq!(status("/mcp", &[HOST, HOST, TOKEN]), 403);
        assert_eq!(status("http://evil.example/mcp", &[HOST, TOKEN]), 403);
        for origin in [
            "null",
            "http://evil.example",
            "http://127.0.0.1:8406",
            "http://localhost:3000",
        ] {
            assert_eq!(
                status("/mcp", &[HOST, TOKEN, ("origin", origin)]),
                403,
                "{origin}"
            );
        }
        let sites = [("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")];
        assert_eq!(status("/mcp", &[HOST, TOKEN, sites[1]]), 403);
        assert_eq!(status("/mcp", &[HOST, TOKEN, sites[0], sites[1]]), 403);
    }

    #[test]
    fn the_token_lets_programs_in() {
        for host in ["127.0.0.1:8406", "localhost:8406", "LOCALHOST:8406"] {
            assert_eq!(status("/mcp", &[("host", host), TOKEN]), 200, "{host}");
        }
        for token in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer 0123456789abcdeF",
            "Bearer 0123456789abcdef0",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
        ] {
            assert_eq!(
                status("/mcp", &[HOST, ("authorization", token)]),
                401,
                "{token}"
            );
        }
        assert_eq!(status("/mcp", &[HOST]), 401);
        assert_eq!(status("/mcp", &[HOST, TOKEN, TOKEN]), 401);
        assert_eq!(status("/", &[HOST, TOKEN]), 404);
        assert_eq!(status("/mcp/", &[HOST, TOKEN]), 404);
    }
}

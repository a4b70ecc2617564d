//! The address of an upstream.

use core::fmt;
use core::str::FromStr;

use url::{Host, Url};

/// The protocol of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HTTP/2 without TLS, by prior knowledge.
    H2c,
    /// HTTP/1.1.
    Http,
    /// TLS: HTTP/1.1, or HTTP/2 on routes declared gRPC.
    Https,
}

impl Scheme {
    const fn name(self) -> &'static str {
        match self {
            Self::H2c => "h2c",
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The address of an upstream: `http://127.0.0.1:3000`, `https://…`, `h2c://…`, with a path that
/// is put before each request's. No user, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamUrl {
    scheme: Scheme,
    host: Host,
    port: u16,
    /// Without the last slash; empty for none.
    base: String,
}

impl UpstreamUrl {
    /// The protocol of the upstream.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The TCP port: as written, or the scheme's own (80 or 443).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path before each request's path, without a slash at its end; empty for none.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Returns host and port in one spelling for each server, as far as that can be known without
    /// the network: all names of this machine are `localhost`.
    pub(crate) fn server(&self) -> String {
        let here = match &self.host {
            Host::Domain(_) => false,
            Host::Ipv4(ip) => ip.is_unspecified(),
            Host::Ipv6(ip) => ip.is_unspecified(),
        };
        let name = if here || self.is_loopback() {
            "localhost".to_owned()
        } else {
            self.host.to_string()
        };
        format!("{}:{}", name.trim_end_matches('.'), self.port)
    }

    /// Returns host and port, without the port if it is the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == default_port(self.scheme) {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Returns the host as the resolver and TLS expect it: an IPv6 address without brackets.
    pub(crate) fn host_name(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        }
    }

    /// Returns true for `localhost` and for a loopback address. Resolves no name.
    pub(crate) fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        }
    }
}

const fn default_port(scheme: Scheme) -> u16 {
    match scheme {
        Scheme::Http | Scheme::H2c => 80,
        Scheme::Https => 443,
    }
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}{}",
            self.scheme.name(),
            self.authority(),
            self.base
        )
    }
}

/// The text is no address of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlError(&'static str);

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}; write http://127.0.0.1:3000 (https:// and h2c:// go as well)",
            self.0
        )
    }
}

impl FromStr for UpstreamUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = split_scheme(text)?;
        // Parsed as http, because the parser reads hosts differently in schemes that it does not
        // know, such as h2c.
        let url = Url::parse(&format!("http://{rest}")).map_err(|_| UrlError("not a URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlError(
                "a user or password has no place in it; use upstream_headers",
            ));
        }
        // Every request has a query of its own.
        if url.query().is_some() || url.fragment().is_some() {
            return Err(UrlError("a query has no place in it"));
        }
        let host = url
            .host()
            .ok_or(UrlError("the host is missing"))?
            .to_owned();
        let port = written_port(rest)
            .or(url.port())
            .unwrap_or(default_port(scheme));
        let base = url.path().trim_end_matches('/').to_owned();
        Ok(Self {
            scheme,
            host,
            port,
            base,
        })
    }
}

/// Splits off the scheme.
fn split_scheme(text: &str) -> Result<(Scheme, &str), UrlError> {
    let (name, rest) = text
        .split_once("://")
        .ok_or(UrlError("the scheme is missing"))?;
    let schemes = [Scheme::H2c, Scheme::Http, Scheme::Https];
    let scheme = schemes.into_iter().find(|scheme| scheme.name() == name);
    Ok((scheme.ok_or(UrlError("unknown scheme"))?, rest))
}

/// Returns the port as written. `Url` drops port 80 as the default of http, but after `https` it is
/// another port than the default.
fn written_port(rest: &str) -> Option<u16> {
    let authority = rest.split('/').next()?;
    authority.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_and_reading_agree() {
        for text in [
            "http://127.0.0.1:3000",
            "https://api.example",
            "https://api.example:80/v1",
            "h2c://[::1]:50051",
            "http://localhost/base",
        ] {
            assert_eq!(text.parse::<UpstreamUrl>().unwrap().to_string(), text);
        }
        let url: UpstreamUrl = "http://127.0.0.1/".parse().unwrap();
        assert_eq!((url.port(), url.base(), url.is_loopback()), (80, "", true));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, named) in [
            ("127.0.0.1:3000", "scheme is missing"),
            ("ftp://h", "unknown scheme"),
            ("http://", "not a URL"),
            ("http://me:pw@h", "upstream_headers"),
            ("http://h/?a=b", "query"),
            ("http://h:99999", "not a URL"),
        ] {
            let error = text.parse::<UpstreamUrl>().unwrap_err().to_string();
            assert!(
                error.contains(named) && error.contains("write http://"),
                "{text}: {error}"
            );
        }
    }
}

//! The canonical request. It is built once from the head of a request, and used for match, price,
//! caveats, log and forwarding.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, request};
use l402::{Credential, CredentialError, Problem, Proven};

use super::host;
use super::lines::Lines;
use super::passes::{FetchSite, PassCookies};
use super::path::{Ambiguity, PathFault, below, has_controls, read_path};
use super::trace::TraceContext;

/// The credential that a request presents.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Presented {
    /// A header that claims to hold a credential and does not hold exactly one well-formed one.
    Malformed(CredentialError),
    /// No credential at all.
    Nothing,
    /// No credential in a header, and cookies that may be passes.
    Passes(PassCookies),
    /// A well-formed credential that was not checked yet.
    Credential(Credential),
    /// A credential whose signature and preimage were proven before, from a worker's cache.
    Proven(Arc<Proven>),
}

/// A request that has been read once, for all that follows (ATTACKS H-01 to H-11). Its path has one
/// reading, or [`decide()`](crate::decide()) refuses it unless all its readings lead to one route.
///
/// ```
/// use l402::Problem;
/// use l402_server::CanonicalRequest;
///
/// let read = |target: &str| {
///     let (head, ()) = http::Request::get(target).body(()).unwrap().into_parts();
///     CanonicalRequest::from_parts(&head, [192, 0, 2, 1].into()).map(|request| request.path)
/// };
/// assert_eq!(read("/%70aid"), Ok("/paid".to_owned()));
/// assert_eq!(read("/paid%00"), Err(Problem::BadRequest));
/// assert_eq!(read("/public\\paid"), Err(Problem::BadRequest));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CanonicalRequest {
    /// The method as received. Never TRACE or CONNECT.
    pub method: Method,
    /// The path, with unreserved characters decoded and all others escaped once, in upper-case hex.
    /// Empty and dot segments, `;` and `%2F` are left in it.
    pub path: String,
    /// The part of the path that servers read in different ways.
    pub(crate) ambiguity: Option<Ambiguity>,
    /// The query as received, without the question mark.
    pub query: Option<String>,
    /// The host without its port, in lower case. `None` only in calls inside one process.
    pub host: Option<String>,
    /// The port that the request names beside the host.
    pub(crate) port: Option<u16>,
    /// The credential that the request presents.
    pub presented: Presented,
    /// The address of the peer's socket, for the limits on challenges.
    pub peer: IpAddr,
    /// True if the request is gRPC (`content-type: application/grpc…`).
    pub grpc: bool,
    /// The `Origin` of a browser's request, if there is exactly one.
    pub origin: Option<String>,
    /// The `Origin` of a CORS preflight: OPTIONS with `Origin` and `Access-Control-Request-Method`.
    pub preflight: Option<String>,
    /// The method of the request that a preflight announces.
    pub preflight_method: Option<Method>,
    /// The length of the body in bytes, if the head declares it.
    pub(crate) body_bytes: Option<u64>,
    /// True if the request itself limits the time of a gRPC call (`grpc-timeout`).
    pub(crate) timed: bool,
    /// The place of the request in a trace, which its host may set.
    pub trace: Option<TraceContext>,
}

impl CanonicalRequest {
    /// The longest path, in bytes as received.
    pub const MAX_PATH: usize = 8 * 1024;

    /// Reads the head of a request.
    ///
    /// A request without a host passes, for calls inside one process; a server on HTTP/1.1
    /// refuses it before (RFC 9112 section 3.2), and a snapshot that names its hosts refuses it
    /// in any case.
    ///
    /// # Errors
    /// [`Problem::BadRequest`] for anything ambiguous, [`Problem::UriTooLong`],
    /// [`Problem::MethodNotAllowed`] for TRACE and CONNECT.
    pub fn from_parts(parts: &request::Parts, peer: IpAddr) -> Result<Self, Problem> {
        Self::from_parts_knowing(parts, peer, None)
    }

    /// Reads the head of a request whose credential may have been proven before.
    ///
    /// `proven` must come from exactly the same bytes in the same header, and no other header may
    /// hold a credential. Otherwise a request would pass with somebody else's proof.
    ///
    /// # Errors
    /// Those of [`CanonicalRequest::from_parts`].
    pub fn from_parts_knowing(
        parts: &request::Parts,
        peer: IpAddr,
        proven: Option<Arc<Proven>>,
    ) -> Result<Self, Problem> {
        // TRACE would show the credential to scripts, CONNECT has no path to price (ATTACKS H-15).
        if matches!(parts.method, Method::TRACE | Method::CONNECT) {
            return Err(Problem::MethodNotAllowed);
        }
        if parts.uri.path().len() > Self::MAX_PATH {
            return Err(Problem::UriTooLong);
        }
        let read = read_path(parts.uri.path());
        let (path, ambiguity) = read.map_err(|_| Problem::BadRequest)?;
        let query = parts.uri.query();
        // A query is not priced, but a line break in it could become a second header upstream
        // (ATTACKS H-10).
        if query.is_some_and(has_controls) {
            return Err(Problem::BadRequest);
        }
        let lines = Lines::of(&parts.headers);
        let origin = lines.origin.only().and_then(text);
        let preflight_method = lines.preflight_method.only().and_then(text);
        // Without all three it is an ordinary OPTIONS, which is priced like any other method
        // (ATTACKS H-14).
        let preflight_method = preflight_method
            .filter(|_| parts.method == Method::OPTIONS && origin.is_some())
            .and_then(|method| method.parse().ok());
        let (host, port) = host::of(&lines.host, &parts.uri)?.unzip();
        Ok(Self {
            method: parts.method.clone(),
            path,
            ambiguity,
            query: query.map(str::to_owned),
            host,
            port: port.flatten(),
            presented: proven.map_or_else(|| presented(parts, &lines), Presented::Proven),
            peer,
            grpc: lines.content_type.first().is_some_and(names_grpc),
            body_bytes: lines.content_length.only().and_then(number),
            timed: lines.timed,
            trace: None,
            preflight: origin.clone().filter(|_| preflight_method.is_some()),
            origin,
            preflight_method,
        })
    }

    /// Returns the reason why [`CanonicalRequest::from_parts`] refuses the path, for the caller;
    /// `None` if it does not. Names the character.
    #[must_use]
    pub fn path_advice(path: &str) -> Option<&'static str> {
        read_path(path).err().map(PathFault::advice)
    }

    /// Returns true if the path has to be forwarded byte for byte as it came: all its readings lead
    /// to one route, and only the upstream knows the right one.
    #[must_use]
    pub fn keeps_bytes(&self) -> bool {
        self.ambiguity.is_some()
    }

    /// Returns what is left of a path behind a prefix of its route, in the path's own spelling.
    /// The two are compared as paths and routes are: `/a%40b/x` begins with `/a@b`. `None` if the
    /// path does not begin with the prefix.
    ///
    /// ```
    /// use l402_server::CanonicalRequest;
    ///
    /// let below = |path| CanonicalRequest::path_below(path, "/a@b", false);
    /// assert_eq!(below("/a%40b/x%40y"), Some("/x%40y"));
    /// assert_eq!(below("/A%40b/x"), None);
    /// ```
    #[must_use]
    pub fn path_below<'a>(path: &'a str, prefix: &str, any_case: bool) -> Option<&'a str> {
        below(path, prefix, any_case)
    }

    /// Returns path and query as they are forwarded, unless [`CanonicalRequest::keeps_bytes`].
    #[must_use]
    pub fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

/// Reads the credential out of all headers that may hold one. One in a header wins over cookies.
fn presented(parts: &request::Parts, lines: &Lines<'_>) -> Presented {
    let named = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    match Credential::from_headers(named) {
        Ok(None) if lines.has_cookie => {
            let site = FetchSite::of(lines.fetch_site);
            let passes = PassCookies::of(&parts.method, &parts.headers, site);
            passes.map_or(Presented::Nothing, Presented::Passes)
        }
        Ok(None) => Presented::Nothing,
        Ok(Some(credential)) => Presented::Credential(credential),
        Err(error) => Presented::Malformed(error),
    }
}

/// Returns true if the headers announce gRPC: `application/grpc`, alone or with `+proto` and the
/// like. gRPC-Web is ordinary HTTP to a browser, and does not count.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(names_grpc)
}

fn names_grpc(content_type: &HeaderValue) -> bool {
    let value = content_type.as_bytes();
    let Some((start, rest)) = value.split_at_checked(b"application/grpc".len()) else {
        return false;
    };
    let ends = rest
        .first()
        .is_none_or(|next| matches!(next, b'+' | b';' | b' '));
    start.eq_ignore_ascii_case(b"application/grpc") && ends
}

fn number(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.parse().ok()
}

fn text(value: &HeaderValue) -> Option<String> {
    value.to_str().ok().map(str::to_owned)
}

//! One canonical request, built once; used for match, price, caveats, log and forwarding.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, request};
use l402::{Credential, CredentialError, Problem, Proven};

use super::host;
use super::lines::Lines;
use super::path::{canonical_path, has_controls};

/// What a request presents as its credential.
#[derive(Clone, Debug)]
pub enum Presented {
    /// Something that is not one well-formed credential.
    Malformed(CredentialError),
    /// None.
    Nothing,
    /// A well-formed one, not yet checked.
    Credential(Credential),
    /// One whose signature and preimage were proven before (a worker's cache).
    Proven(Arc<Proven>),
}

/// A request whose target has exactly one reading (ATTACKS H-01 to H-11).
#[derive(Clone, Debug)]
pub struct CanonicalRequest {
    /// The method.
    pub method: Method,
    /// Path with unreserved characters decoded and the rest encoded once, upper-case hex.
    pub path: String,
    /// Query as received.
    pub query: Option<String>,
    /// Host without port, lower case; `None` only for HTTP/1.0-style in-process calls.
    pub host: Option<String>,
    /// What it presents.
    pub presented: Presented,
    /// The peer's address, for limits.
    pub peer: IpAddr,
    /// Whether it is gRPC (`content-type: application/grpc…`).
    pub grpc: bool,
    /// The `Origin` of a browser's request, where there is exactly one.
    pub origin: Option<String>,
    /// The `Origin` of a true CORS preflight (OPTIONS with Origin and Access-Control-Request-Method).
    pub preflight: Option<String>,
    /// The method that a preflight asks about.
    pub preflight_method: Option<Method>,
    /// Whether it says itself how long gRPC may take.
    pub(crate) timed: bool,
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

    /// As [`CanonicalRequest::from_parts`], where the host may know already what the request
    /// presents: proven before, of exactly the same bytes in the same header, and no other header
    /// holds a credential.
    ///
    /// # Errors
    /// As there.
    pub fn from_parts_knowing(
        parts: &request::Parts,
        peer: IpAddr,
        known: Option<Arc<Proven>>,
    ) -> Result<Self, Problem> {
        if matches!(parts.method, Method::TRACE | Method::CONNECT) {
            return Err(Problem::MethodNotAllowed);
        }
        if parts.uri.path().len() > Self::MAX_PATH {
            return Err(Problem::UriTooLong);
        }
        let path = canonical_path(parts.uri.path()).ok_or(Problem::BadRequest)?;
        let query = parts.uri.query();
        if query.is_some_and(has_controls) {
            return Err(Problem::BadRequest);
        }
        let lines = Lines::of(&parts.headers);
        let origin = lines.origin.only().and_then(text);
        let preflight_method = lines.preflight_method.only().and_then(text);
        let preflight_method = preflight_method
            .filter(|_| parts.method == Method::OPTIONS && origin.is_some())
            .and_then(|method| method.parse().ok());
        Ok(Self {
            method: parts.method.clone(),
            path,
            query: query.map(str::to_owned),
            host: host::of(&lines.host, &parts.uri)?,
            presented: known.map_or_else(|| presented(&parts.headers), Presented::Proven),
            peer,
            grpc: lines.content_type.first().is_some_and(names_grpc),
            timed: lines.timed,
            preflight: origin.clone().filter(|_| preflight_method.is_some()),
            origin,
            preflight_method,
        })
    }

    /// Path and query as they are forwarded.
    #[must_use]
    pub fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

fn presented(headers: &HeaderMap) -> Presented {
    let lines = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    match Credential::from_headers(lines) {
        Ok(None) => Presented::Nothing,
        Ok(Some(credential)) => Presented::Credential(credential),
        Err(error) => Presented::Malformed(error),
    }
}

/// gRPC itself: `application/grpc`, alone or with `+proto` and the like. gRPC-Web is ordinary
/// HTTP to a browser, and is answered so.
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

fn text(value: &HeaderValue) -> Option<String> {
    value.to_str().ok().map(str::to_owned)
}

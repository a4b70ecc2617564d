//! The gate before API and page: whose name, whose page, how much, and what every answer says.
//!
//! ```text
//!   request ─▶ Host is ours ─▶ changes only from no page or our own ─▶ not too many ─▶ query ≤ 4 KiB ─▶ route
//! ```

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use l402_host::Clock;
use url::Url;

use super::counters::{Counters, Refusal};
use super::limit::RequestLimit;
use super::problem::ApiError;
use super::settings::ApiSettings;
use crate::desk::Registry;

/// The longest query, in bytes.
pub(super) const QUERY_MAX: usize = 4096;

/// The longest path in the access log, in characters.
const LOGGED_PATH_MAX: usize = 512;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The rules that requests are held against before a route sees them.
#[derive(Debug)]
pub(crate) struct Guard {
    public_url: Url,
    listeners: Vec<SocketAddr>,
    limit: Option<RequestLimit>,
    counters: Arc<Counters>,
    clock: Arc<dyn Clock>,
}

impl Guard {
    pub(crate) fn new(registry: &Registry, settings: &ApiSettings) -> Self {
        let rate = settings.rate;
        Self {
            public_url: registry.options().public_url.clone(),
            listeners: settings.listeners.clone(),
            limit: rate.map(|(per_second, burst)| RequestLimit::new(per_second, burst)),
            counters: Arc::clone(&settings.counters),
            clock: Arc::clone(registry.clock()),
        }
    }

    fn check(&self, request: &Request) -> Result<(), ApiError> {
        if !self.is_named(request) {
            self.counters.refused(Refusal::Host);
            return Err(ApiError::Host);
        }
        if !request.method().is_safe() && !self.is_of_no_page(request.headers()) {
            self.counters.refused(Refusal::Origin);
            return Err(ApiError::Origin);
        }
        if let (Some(limit), Some(peer)) = (&self.limit, peer(request.extensions())) {
            limit.take(peer, self.clock.monotonic()).map_err(|after| {
                self.counters.refused(Refusal::Rate);
                ApiError::TooFast(after)
            })?;
        }
        let query = request.uri().query().unwrap_or_default();
        if query.len() > QUERY_MAX {
            return Err(ApiError::QueryTooLong);
        }
        Ok(())
    }

    /// Returns true if the request names this registry. A name that somebody else has rebound to this machine
    /// is told by the name.
    fn is_named(&self, request: &Request) -> bool {
        let host = only(request.headers(), &HOST).and_then(|host| host.to_str().ok());
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        // A request made in this process may have the name in its URI alone.
        let is_there =
            host.is_some() || (authority.is_some() && !request.headers().contains_key(HOST));
        let mut names = host.into_iter().chain(authority);
        is_there && names.all(|name| self.is_own_name(name))
    }

    /// Returns true for the host of the public address, with its port or without, and for the loopback names
    /// of a listener.
    fn is_own_name(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let public = self.public_url.host_str().unwrap_or_default();
        let port = self.public_url.port_or_known_default().unwrap_or_default();
        if name == public || name == format!("{public}:{port}") {
            return true;
        }
        let mut ports = self.listeners.iter().filter(|it| is_local(it.ip()));
        ports.any(|listener| is_loopback_name(&name, listener.port()))
    }

    /// Returns true if no web page of another origin sent this.
    fn is_of_no_page(&self, headers: &HeaderMap) -> bool {
        // A program that is no browser sends neither header, and is let pass.
        let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
        let is_of_none = sites.all(|site| matches!(site.as_bytes(), b"none" | b"same-origin"));
        let mut origins = headers.get_all(ORIGIN).iter();
        is_of_none && origins.all(|origin| origin.to_str().is_ok_and(|it| self.is_own_origin(it)))
    }

    fn is_own_origin(&self, origin: &str) -> bool {
        if origin == self.public_url.origin().ascii_serialization() {
            return true;
        }
        let name = origin.strip_prefix("http://");
        name.is_some_and(|name| {
            let mut ports = self.listeners.iter().filter(|it| is_local(it.ip()));
            ports.any(|listener| is_loopback_name(name, listener.port()))
        })
    }
}

/// Returns true for an address of a listener that this machine reaches by a loopback name.
fn is_local(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback() || ip.is_unspecified()
}

fn is_loopback_name(name: &str, port: u16) -> bool {
    let host = name.strip_suffix(&format!(":{port}"));
    // A client leaves out the usual port.
    let host = host.or((port == 80).then_some(name));
    matches!(host, Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// Returns the value of a header that is there once.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// Returns the address of the client, if the listener has told it.
pub(super) fn peer(extensions: &http::Extensions) -> Option<IpAddr> {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map(|peer| peer.0.ip().to_canonical())
}

/// Lets a request pass or refuses it, adds what every answer says, and notes the answer.
pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let began = guard.clock.monotonic();
    // Cloned for the log: the request itself goes to the route.
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut answer = match guard.check(&request) {
        Ok(()) => explained(next.run(request).await),
        Err(error) => error.into_response(),
    };
    secure(answer.headers_mut());
    guard.counters.answered(answer.status());
    let took = guard.clock.monotonic().saturating_sub(began);
    log(&method, &path, answer.status(), took);
    answer
}

fn log(method: &Method, path: &str, status: StatusCode, took: Duration) {
    let end = path.char_indices().nth(LOGGED_PATH_MAX);
    let path = end.map_or(path, |(end, _)| path.get(..end).unwrap_or(path));
    // A path may hold any character above ASCII as it stands, those that a terminal obeys among them.
    let path = l402::text::escape(path);
    let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let status = status.as_u16();
    tracing::info!(target: "l402_registry::access", %method, path, status, took_us, "answered");
}

/// Says in words which methods a path answers, if the router has refused one.
fn explained(answer: Response) -> Response {
    if answer.status() != StatusCode::METHOD_NOT_ALLOWED {
        return answer;
    }
    let allowed = answer.headers().get(ALLOW).and_then(|it| it.to_str().ok());
    let allowed = allowed.unwrap_or_default().replace(',', ", ");
    ApiError::Method(allowed).into_response()
}

/// Adds the headers of security. A page has a policy of its own.
fn secure(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
}

/// Lets pages of every origin read what everybody may read.
pub(super) async fn readable(request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_public = is_read && !request.uri().path().starts_with("/api/v1/admin");
    let mut answer = next.run(request).await;
    if is_public {
        let everybody = HeaderValue::from_static("*");
        answer
            .headers_mut()
            .insert(ACCESS_CONTROL_ALLOW_ORIGIN, everybody);
    }
    answer
}

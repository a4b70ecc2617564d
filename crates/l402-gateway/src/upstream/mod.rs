//! Upstreams: how they are reached, and the connections that a worker keeps to them.

mod connect;
mod pool;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderValue;
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;

use crate::config::{RouteConfig, Scheme, UpstreamUrl};
use crate::{GatewayError, tls};

pub(crate) use pool::{Lease, Pool};

/// An upstream, ready to be connected to.
pub(crate) struct Upstream {
    /// Unique in the process, for pools.
    id: u64,
    url: UpstreamUrl,
    ca: Option<PathBuf>,
    http2: bool,
    authority: HeaderValue,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    connect_timeout: Duration,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Upstream {
    pub(crate) fn new(
        route: &RouteConfig,
        connect_timeout: Duration,
    ) -> Result<Self, GatewayError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let url = route.upstream.clone();
        let unusable = |why: String| GatewayError::new(format!("cannot use {url}: {why}"));
        let http2 = match url.scheme() {
            Scheme::H2c => true,
            Scheme::Http => false,
            Scheme::Https => route.route.grpc,
        };
        let tls = (url.scheme() == Scheme::Https).then(|| {
            let alpn: &[u8] = if http2 { b"h2" } else { b"http/1.1" };
            let config = tls::client(route.upstream_ca.as_deref(), alpn)?;
            let name = ServerName::try_from(url.host_name());
            let name = name.map_err(|error| unusable(error.to_string()))?;
            Ok((TlsConnector::from(config), name))
        });
        let authority = HeaderValue::from_str(&url.authority());
        Ok(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            ca: route.upstream_ca.clone(),
            http2,
            authority: authority.map_err(|error| unusable(error.to_string()))?,
            tls: tls.transpose()?,
            connect_timeout,
            url,
        })
    }

    /// Whether connections to one serve the other.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (&self.url, &self.ca, self.http2, self.connect_timeout)
            == (&other.url, &other.ca, other.http2, other.connect_timeout)
    }

    pub(crate) fn base(&self) -> &str {
        self.url.base()
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.http2
    }

    /// What the upstream is called in `Host` and `:authority`.
    pub(crate) fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    /// `http` or `https`, for HTTP/2's `:scheme`.
    pub(crate) fn http_scheme(&self) -> http::uri::Scheme {
        if self.tls.is_some() {
            http::uri::Scheme::HTTPS
        } else {
            http::uri::Scheme::HTTP
        }
    }
}

impl std::fmt::Display for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.url.fmt(f)
    }
}

/// Shared by all requests of one worker.
pub(crate) type SharedPool = Arc<Pool>;

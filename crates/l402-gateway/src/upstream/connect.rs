//! An upstream, and opening a connection to it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderValue;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::findings::Health;
use super::tls::{Authorities, Shown, client_tls};
use super::wire::Stream;
use crate::config::{HealthSettings, RouteConfig, Scheme, UpstreamUrl};
use crate::notice::Notices;
use crate::share::Load;
use crate::warning::Warnings;
use crate::{GatewayError, GatewayErrorKind};

/// An upstream with everything that opening a connection to it takes.
pub(crate) struct Upstream {
    /// Unique in the process: the key of its connections in a pool.
    pub(super) id: u64,
    url: UpstreamUrl,
    ca: Option<Authorities>,
    shown: Option<Shown>,
    http2: bool,
    authority: HeaderValue,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    connect_timeout: Duration,
    warnings: Warnings,
    pub(super) health: Health,
    /// The checks that it has to pass, if any.
    pub(super) checks: Option<HealthSettings>,
    /// The requests that it serves at present, of all workers and routes.
    pub(super) load: Load,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Upstream {
    /// Makes one of the upstreams of a route. Reads the certificates that the route names, and
    /// connects to nothing yet.
    pub(crate) fn new(
        url: &UpstreamUrl,
        route: &RouteConfig,
        connect_timeout: Duration,
        notices: &Notices,
    ) -> Result<Self, GatewayError> {
        // The URL is not enough for a key: two upstreams may differ in their certificate authorities
        // or time-outs.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let url = url.clone();
        let unusable = |why: String| {
            let text = format!("cannot use {url}: {why}");
            GatewayError::new(GatewayErrorKind::Configuration, text)
        };
        let http2 = match url.scheme() {
            Scheme::H2c => true,
            Scheme::Http => false,
            Scheme::Https => route.route.grpc,
        };
        let secure = url.scheme() == Scheme::Https;
        let ca = route.upstream_ca.clone().filter(|_| secure);
        let ca = ca.map(Authorities::read).transpose()?;
        let shown = route.upstream_client.clone().filter(|_| secure);
        let shown = shown.map(Shown::read).transpose()?;
        let tls = secure.then(|| {
            let alpn: &[u8] = if http2 { b"h2" } else { b"http/1.1" };
            let config = client_tls(ca.as_ref(), shown.as_ref(), alpn)?;
            let name = ServerName::try_from(url.host_name());
            let name = name.map_err(|error| unusable(error.to_string()))?;
            Ok((TlsConnector::from(config), name))
        });
        let authority = HeaderValue::from_str(&url.authority());
        Ok(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            http2,
            authority: authority.map_err(|error| unusable(error.to_string()))?,
            tls: tls.transpose()?,
            ca,
            shown,
            connect_timeout,
            warnings: Warnings::default(),
            health: Health::new(notices.clone()),
            checks: Some(route.health.clone()).filter(HealthSettings::is_on),
            load: Load::default(),
            url,
        })
    }

    /// Notes a failure, and returns how many before it were not told, if this one is to be told. A
    /// warning a second is enough to see the reason.
    pub(crate) fn failure_to_warn_of(&self) -> Option<u64> {
        self.warnings.failure(Instant::now())
    }

    /// Returns true if a connection to one upstream can serve the other, and both are checked in the
    /// same way.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (&self.url, &self.ca, self.http2, self.connect_timeout)
            == (&other.url, &other.ca, other.http2, other.connect_timeout)
            && self.shown == other.shown
            && self.checks == other.checks
    }

    pub(super) fn url(&self) -> &UpstreamUrl {
        &self.url
    }

    /// Returns the path before each request's path, without a slash at its end.
    pub(crate) fn base(&self) -> &str {
        self.url.base()
    }

    /// Returns host and port in the one spelling of the server: see [`UpstreamUrl::server`].
    pub(crate) fn server(&self) -> String {
        self.url.server()
    }

    /// Returns true for the host name of the upstream, as in the domain of a cookie.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        let name = name.trim_start_matches('.');
        self.url.host_name().eq_ignore_ascii_case(name)
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.http2
    }

    /// Returns the name of the upstream for `Host` and `:authority`.
    pub(crate) fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    /// Returns `http` or `https`, for `:scheme` of HTTP/2.
    pub(crate) fn http_scheme(&self) -> http::uri::Scheme {
        if self.tls.is_some() {
            http::uri::Scheme::HTTPS
        } else {
            http::uri::Scheme::HTTP
        }
    }

    /// Connects, TLS included, within the time-out.
    pub(super) async fn connect(&self) -> io::Result<Stream> {
        let opened = timeout(self.connect_timeout, self.open()).await;
        opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn open(&self) -> io::Result<Stream> {
        let socket = TcpStream::connect((self.url.host_name(), self.url.port())).await?;
        // Pieces of streams must not wait for the one before to be acknowledged.
        socket.set_nodelay(true)?;
        let Some((connector, name)) = &self.tls else {
            return Ok(Stream::Plain(socket));
        };
        let stream = connector.connect(name.clone(), socket).await?;
        // A server that has not agreed on HTTP/2 may read its preface as a request of HTTP/1.1.
        if self.http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(io::Error::other("the upstream does not speak HTTP/2"));
        }
        Ok(Stream::Tls(Box::new(stream)))
    }
}

impl std::fmt::Display for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.url.fmt(f)
    }
}

//! The settings that a running gateway takes over at a reload.

use std::path::{Path, PathBuf};
use std::time::Duration;

use l402_lightning::InvoiceRequest;
use l402_server::ChallengeLimits;

use super::{HealthSettings, ProxiesSettings, Publish, RouteConfig, TlsSettings, WebhooksSettings};
use crate::page::PageSettings;

/// The settings that a reload replaces, all at once: routes, prices, limits, hosts, certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Live {
    /// Host names answered for; empty means any.
    pub(crate) hosts: Vec<String>,
    pub(crate) tls: Option<TlsSettings>,
    pub(crate) http: Http,
    pub(crate) challenges: ChallengeLimits,
    pub(crate) routes: Vec<RouteConfig>,
    pub(crate) publish: Publish,
    pub(crate) page: PageSettings,
    pub(crate) health: HealthSettings,
    pub(crate) proxies: ProxiesSettings,
    pub(crate) webhooks: WebhooksSettings,
}

impl Live {
    /// Returns true if a route asks for invoices like this one.
    pub(crate) fn sells(&self, request: &InvoiceRequest) -> bool {
        let mut priced = self.routes.iter().filter_map(|route| route.route.sold());
        priced.any(|priced| {
            (priced.price, priced.invoice_expiry, &priced.memo)
                == (request.amount, request.expiry, &request.memo)
        })
    }

    /// Returns the files that are read again at a reload: certificate and key towards clients, what
    /// TLS to upstreams needs, the authorities of webhooks, and the secrets of the latter. A file may stand there
    /// more than once.
    pub(super) fn certificate_files(&self) -> impl Iterator<Item = &Path> {
        let own = self.tls.iter().flat_map(|tls| &tls.files);
        let own = own.flat_map(|files| [&files.certificate, &files.key]);
        let upstreams = self.routes.iter().flat_map(|route| &route.upstream_ca);
        let shown = self.routes.iter().flat_map(|route| &route.upstream_client);
        let own = own.chain(shown.flat_map(|files| [&files.certificate, &files.key]));
        let webhooks = self.webhooks.files();
        own.chain(upstreams).map(PathBuf::as_path).chain(webhooks)
    }
}

/// Limits and time-outs of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Http {
    /// HTTP/2 without TLS, by prior knowledge.
    pub(crate) h2c: bool,
    /// For a request's head, and for an idle connection's next one.
    pub(crate) header_timeout: Duration,
    pub(crate) header_max_bytes: u32,
    pub(crate) body_max_bytes: u64,
    /// The least rate of a request's body, over each `body_idle_timeout` of waiting for it; 0 means
    /// any.
    pub(crate) body_min_bytes_per_sec: u32,
    /// Without a byte of a body, either way.
    pub(crate) body_idle_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    /// From the end of the request to the head of the answer.
    pub(crate) upstream_timeout: Duration,
    /// Open connections of one address; 0 means any number.
    pub(crate) connections_per_peer: u32,
    /// HTTP/2 streams of one connection.
    pub(crate) max_streams: u32,
    /// HTTP/2 streams of one caller, over all its connections; 0 means any number.
    pub(crate) streams_per_peer: u32,
    /// The longest that a stop waits, if the caller does not say.
    pub(crate) shutdown: Duration,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            h2c: false,
            header_timeout: Duration::from_secs(10),
            header_max_bytes: 16 * 1024,
            body_max_bytes: 64 * 1024 * 1024,
            // As other servers have it.
            body_min_bytes_per_sec: 240,
            body_idle_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            upstream_timeout: Duration::from_secs(60),
            connections_per_peer: 4096,
            max_streams: 100,
            streams_per_peer: 400,
            shutdown: Duration::from_secs(30),
        }
    }
}

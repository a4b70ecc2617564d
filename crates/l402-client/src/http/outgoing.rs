//! The way out of this machine: the certificates that are trusted, and the proxies.

use reqwest::{Certificate, ClientBuilder, NoProxy, Proxy};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use url::Url;

use super::connection::error_chain;
use crate::Error;

/// The hosts that are this machine, as `no_proxy` writes them. To a proxy, each would be the proxy's
/// own machine.
const THIS_MACHINE: &str = "localhost,127.0.0.0/8,0.0.0.0,::1,::,::ffff:127.0.0.0/104";

/// The way that requests leave this machine. By default, the certificate authorities that Mozilla
/// trusts are built in, and no proxy is used.
///
/// A proxy for `https` is asked for a tunnel (`CONNECT`), and sees neither the request nor its
/// credential. A proxy for `http` sees both; a credential goes over plain HTTP only to a `.onion`
/// host, or if [`danger_allow_plain_http`](crate::ClientBuilder::danger_allow_plain_http) is on. What
/// leads to this machine never goes through a proxy.
///
/// ```
/// use l402_client::Outgoing;
///
/// let outgoing = Outgoing::default().with_https_proxy("http://proxy.example:3128")?;
/// assert!(outgoing.with_http_proxy("socks5://127.0.0.1:1080").is_err());
/// # Ok::<(), l402_client::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Outgoing {
    /// In DER. `None` stands for those that are built in.
    roots: Option<Vec<Vec<u8>>>,
    http_proxy: Option<String>,
    https_proxy: Option<String>,
    no_proxy: String,
}

/// Leaves the proxies out, whose addresses may hold passwords.
impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing")
            .field("roots", &self.roots.as_ref().map(Vec::len))
            .field("http_proxy", &self.http_proxy.is_some())
            .field("https_proxy", &self.https_proxy.is_some())
            .finish_non_exhaustive()
    }
}

impl Outgoing {
    /// Trusts these certificates (DER) in place of those that are built in. One that cannot be read
    /// is left out.
    #[must_use]
    pub fn with_roots(mut self, roots: impl IntoIterator<Item = Vec<u8>>) -> Self {
        // One bad certificate in a system's store must not end every call.
        let reads = |root: &Vec<u8>| {
            let root = CertificateDer::from(root.clone());
            RootCertStore::empty().add(root).is_ok()
        };
        self.roots = Some(roots.into_iter().filter(reads).collect());
        self
    }

    /// Asks for `http` URLs through this proxy: `http://HOST:PORT`, `https://HOST:PORT`, or `HOST:PORT`.
    ///
    /// # Errors
    /// [`Error::Transport`] for any other text. The error does not repeat it.
    pub fn with_http_proxy(mut self, address: &str) -> Result<Self, Error> {
        self.http_proxy = Some(proxy(address)?);
        Ok(self)
    }

    /// Asks for `https` URLs through a tunnel of this proxy.
    ///
    /// # Errors
    /// As [`Outgoing::with_http_proxy`].
    pub fn with_https_proxy(mut self, address: &str) -> Result<Self, Error> {
        self.https_proxy = Some(proxy(address)?);
        Ok(self)
    }

    /// Asks these hosts without a proxy: names with all below them, addresses, networks such as
    /// `10.0.0.0/8`, or `*`, with commas between them.
    #[must_use]
    pub fn with_no_proxy(mut self, hosts: &str) -> Self {
        hosts.clone_into(&mut self.no_proxy);
        self
    }

    /// Returns the hosts of the proxies.
    pub(crate) fn proxy_hosts(&self) -> Vec<String> {
        let proxies = [&self.http_proxy, &self.https_proxy].into_iter().flatten();
        let urls = proxies.filter_map(|proxy| Url::parse(proxy).ok());
        urls.filter_map(|url| url.host_str().map(str::to_owned))
            .collect()
    }

    /// Returns the settings of an HTTP client that goes this way and follows no redirect.
    ///
    /// # Errors
    /// [`Error::Transport`] if a certificate or a proxy cannot be used.
    pub fn builder(&self) -> Result<ClientBuilder, Error> {
        // A referer could carry a secret query. `no_proxy` first: the environment is not asked.
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // RFC 9112, section 5.2: a client reads a folded line as one with a space in it.
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .no_proxy();
        let direct = NoProxy::from_string(&format!("{THIS_MACHINE},{}", self.no_proxy));
        let http = self.http_proxy.as_deref().map(Proxy::http);
        let https = self.https_proxy.as_deref().map(Proxy::https);
        for proxy in [http, https].into_iter().flatten() {
            builder = builder.proxy(proxy.map_err(unusable)?.no_proxy(direct.clone()));
        }
        if let Some(roots) = &self.roots {
            builder = builder.tls_built_in_root_certs(false);
            for root in roots {
                builder =
                    builder.add_root_certificate(Certificate::from_der(root).map_err(unusable)?);
            }
        }
        Ok(builder)
    }
}

/// Reads the address of a proxy. Without a scheme it is HTTP, as curl has it.
fn proxy(address: &str) -> Result<String, Error> {
    let full = match address.split_once("://") {
        Some(_) => address.to_owned(),
        None => format!("http://{address}"),
    };
    let url = Url::parse(&full).ok();
    // Checked here: a scheme that the HTTP client does not know would mean no proxy at all.
    url.filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
        .map(String::from)
        .ok_or_else(|| Error::Transport {
            detail: "a proxy is written http://HOST:PORT or https://HOST:PORT".into(),
        })
}

fn unusable(error: reqwest::Error) -> Error {
    Error::Transport {
        detail: error_chain(&error.without_url()),
    }
}

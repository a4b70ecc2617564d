//! The way out of this machine: the certificates that are trusted, the proxies, and the addresses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::{Certificate, ClientBuilder, Identity, NoProxy, Proxy};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use url::{Host, Url};

use super::connection::error_chain;
use super::detour::{Detours, Resolver, SystemResolver, Way};
use crate::Error;

/// The hosts that are this machine, as `no_proxy` writes them. To a proxy, each would be the proxy's
/// own machine.
const THIS_MACHINE: &str = "localhost,127.0.0.0/8,0.0.0.0,::1,::,::ffff:127.0.0.0/104";

/// The schemes of a proxy. With `socks5h` and `socks4a` the proxy resolves the names.
const PROXY_SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];

/// The sections of a PEM text that are a client's certificate and its key.
const IDENTITY_KINDS: [&[u8]; 4] = [
    b"CERTIFICATE",
    b"EC PRIVATE KEY",
    b"PRIVATE KEY",
    b"RSA PRIVATE KEY",
];

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
/// let through_tor = Outgoing::default().with_http_proxy("socks5h://127.0.0.1:9050")?;
/// assert!(outgoing.with_http_proxy("ftp://127.0.0.1:21").is_err());
/// # Ok::<(), l402_client::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Outgoing {
    /// In DER.
    roots: Vec<Vec<u8>>,
    /// True if `roots` stand in place of those that are built in.
    replaces_roots: bool,
    identity: Option<Identity>,
    identity_digest: Option<[u8; 32]>,
    any_certificate: bool,
    http_proxy: Option<String>,
    https_proxy: Option<String>,
    no_proxy: String,
    connect_timeout: Option<Duration>,
    http1_only: bool,
    detours: Detours,
}

/// Leaves the proxies out, whose addresses may hold passwords, and the client's key.
impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let roots = (self.replaces_roots || !self.roots.is_empty()).then_some(self.roots.len());
        f.debug_struct("Outgoing")
            .field("roots", &roots)
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
        self.roots = readable(roots);
        self.replaces_roots = true;
        self
    }

    /// Trusts these certificates (DER) beside those that are built in, such as those of the system's
    /// store. One that cannot be read is left out.
    #[must_use]
    pub fn with_more_roots(mut self, roots: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.roots.extend(readable(roots));
        self
    }

    /// Shows servers this certificate of the client: PEM text that holds the certificate, those of
    /// its issuers behind it, and its key without a password.
    ///
    /// # Errors
    /// [`Error::Transport`] if the text does not hold both. The error does not repeat it.
    pub fn with_identity(mut self, pem: &[u8]) -> Result<Self, Error> {
        let pem = identity_of(pem);
        let identity = Identity::from_pem(&pem).map_err(|_| Error::Transport {
            detail: "the client's certificate and its key are not both in PEM, or the key has a \
                     password"
                .into(),
        })?;
        self.identity = Some(identity);
        self.identity_digest = Some(Sha256::digest(pem).into());
        Ok(self)
    }

    /// Takes any certificate of any server, so that nobody knows who answers. A [`Client`] then pays
    /// nothing and sends no credential, unless
    /// [`danger_pay_unverified`](crate::ClientBuilder::danger_pay_unverified) is on.
    ///
    /// [`Client`]: crate::Client
    #[must_use]
    pub fn danger_accept_any_certificate(mut self, on: bool) -> Self {
        self.any_certificate = on;
        self
    }

    /// Asks for `http` URLs through this proxy: `http://HOST:PORT`, `https://HOST:PORT`, `HOST:PORT`,
    /// or SOCKS (`socks4`, `socks4a`, `socks5`, and `socks5h`, which resolves names at the proxy).
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

    /// Sets the longest time for a connection, TLS included. By default the time of the whole answer
    /// is the only bound.
    #[must_use]
    pub fn with_connect_timeout(mut self, longest: Duration) -> Self {
        self.connect_timeout = Some(longest);
        self
    }

    /// Speaks HTTP/1.1 alone. By default, HTTP/2 is spoken with a server that offers it over TLS.
    #[must_use]
    pub fn with_http1_only(mut self, on: bool) -> Self {
        self.http1_only = on;
        self
    }

    /// Connects to addresses of one version of IP alone: `true` for IPv6, `false` for IPv4.
    #[must_use]
    pub fn with_ipv6(mut self, on: bool) -> Self {
        self.detours.set_ipv6(on);
        self
    }

    /// Takes these addresses for a host and port, and asks no resolver. The host `*` stands for any.
    /// For one place, what was named last counts.
    #[must_use]
    pub fn with_addresses(
        mut self,
        host: &str,
        port: u16,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Self {
        let addresses = addresses.into_iter().collect();
        self.detours.resolve(host, port, addresses);
        self
    }

    /// Connects to the place `to` if a URL names the place `from`. `None` stands for any host or port
    /// in `from`, and for an unchanged one in `to`. The request and the check of the certificate stay
    /// those of the URL. Of several that fit, the first counts.
    ///
    /// A credential goes over plain HTTP only if both places are this machine.
    #[must_use]
    pub fn with_connect_to(
        mut self,
        from: (Option<&str>, Option<u16>),
        to: (Option<&str>, Option<u16>),
    ) -> Self {
        self.detours.connect_to(from, to);
        self
    }

    /// Returns true if a URL of this scheme may go through a proxy.
    #[must_use]
    pub fn has_proxy(&self, scheme: &str) -> bool {
        match scheme {
            "https" => self.https_proxy.is_some(),
            _ => self.http_proxy.is_some(),
        }
    }

    pub(crate) fn accepts_any_certificate(&self) -> bool {
        self.any_certificate
    }

    /// Leaves out a proxy that listens at this address, for a program that is that proxy itself and would
    /// ask itself for ever. Returns true if there was one.
    ///
    /// ```
    /// use l402_client::Outgoing;
    ///
    /// let mut outgoing = Outgoing::default().with_http_proxy("http://localhost:8405")?;
    /// assert!(!outgoing.leave_out_proxy_at("127.0.0.1:8406".parse()?));
    /// assert!(outgoing.leave_out_proxy_at("127.0.0.1:8405".parse()?));
    /// assert!(!outgoing.leave_out_proxy_at("127.0.0.1:8405".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn leave_out_proxy_at(&mut self, own: SocketAddr) -> bool {
        let mut was_there = false;
        for proxy in [&mut self.http_proxy, &mut self.https_proxy] {
            if proxy.as_deref().is_some_and(|proxy| listens_at(proxy, own)) {
                *proxy = None;
                was_there = true;
            }
        }
        was_there
    }

    /// Returns true if the certificates that are built in are trusted, and the number of those beside them.
    #[must_use]
    pub const fn trusted(&self) -> (bool, usize) {
        (!self.replaces_roots, self.roots.len())
    }

    /// Returns the way to a URL that leads elsewhere than the URL says.
    pub(super) fn way(&self, url: &Url) -> Option<Way> {
        self.detours.way(url)
    }

    /// Returns a digest of what an answer may depend on beside its request: the client's certificate, and
    /// the places that connections lead to. `None` if nothing is set.
    pub(super) fn digest(&self) -> Option<[u8; 32]> {
        let (identity, detours) = (&self.identity_digest, self.detours.key());
        (identity.is_some() || detours.is_some())
            .then(|| Sha256::digest(format!("{identity:?} {detours:?}")).into())
    }

    /// Returns the hosts of the proxies.
    pub(crate) fn proxy_hosts(&self) -> Vec<String> {
        let proxies = [&self.http_proxy, &self.https_proxy].into_iter().flatten();
        let urls = proxies.filter_map(|proxy| Url::parse(proxy).ok());
        urls.filter_map(|url| url.host_str().map(str::to_owned))
            .collect()
    }

    /// Returns the settings of an HTTP client that goes this way and follows no redirect. Detours of
    /// [`with_addresses`](Self::with_addresses) and [`with_connect_to`](Self::with_connect_to) are
    /// taken by a [`Client`](crate::Client) alone.
    ///
    /// # Errors
    /// [`Error::Transport`] if a certificate or a proxy cannot be used.
    pub fn builder(&self) -> Result<ClientBuilder, Error> {
        self.builder_with(Arc::new(SystemResolver))
    }

    /// The same with a resolver for names that no flag resolves.
    pub(super) fn builder_with(&self, others: Arc<dyn Resolve>) -> Result<ClientBuilder, Error> {
        self.builder_of(self.detours.resolver(None, others), true)
    }

    /// The same for the requests that go one way.
    pub(super) fn builder_to(
        &self,
        way: &Way,
        others: Arc<dyn Resolve>,
    ) -> Result<ClientBuilder, Error> {
        // Its URL may name a stand-in, which is none of the hosts that go without a proxy.
        let resolver = self.detours.resolver(Some(way), others);
        let builder = self.builder_of(resolver, !way.is_here())?;
        // The URL of such a request has lost its port, and HTTP/2 has no other place for it.
        Ok(if way.changes_port() {
            builder.http1_only()
        } else {
            builder
        })
    }

    fn builder_of(&self, resolver: Resolver, may_use_proxy: bool) -> Result<ClientBuilder, Error> {
        // A referer could carry a secret query. `no_proxy` first: the environment is not asked.
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // RFC 9112, section 5.2: a client reads a folded line as one with a space in it.
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .dns_resolver(Arc::new(resolver))
            .no_proxy();
        let direct = NoProxy::from_string(&format!("{THIS_MACHINE},{}", self.no_proxy));
        let http = self.http_proxy.as_deref().map(Proxy::http);
        let https = self.https_proxy.as_deref().map(Proxy::https);
        let proxies = [http, https].into_iter().flatten();
        for proxy in proxies.filter(|_| may_use_proxy) {
            builder = builder.proxy(proxy.map_err(unusable)?.no_proxy(direct.clone()));
        }
        if let Some(longest) = self.connect_timeout {
            builder = builder.connect_timeout(longest);
        }
        if self.http1_only {
            builder = builder.http1_only();
        }
        self.with_tls(builder)
    }

    fn with_tls(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, Error> {
        if let Some(identity) = &self.identity {
            builder = builder.identity(identity.clone());
        }
        // Reading the roots takes time, and none of them is looked at.
        if self.any_certificate {
            return Ok(builder.danger_accept_invalid_certs(true));
        }
        if self.replaces_roots {
            builder = builder.tls_built_in_root_certs(false);
        }
        for root in &self.roots {
            builder = builder.add_root_certificate(Certificate::from_der(root).map_err(unusable)?);
        }
        Ok(builder)
    }
}

/// Returns the certificates and the keys of a PEM text. What else may stand in one, such as the
/// parameters of a curve, is left out: the reader knows nothing of it.
fn identity_of(pem: &[u8]) -> Vec<u8> {
    let (mut kept, mut is_wanted) = (Vec::new(), false);
    for line in pem.split_inclusive(|byte| *byte == b'\n') {
        let line_text = line.trim_ascii();
        let begins = line_text.strip_prefix(b"-----BEGIN ");
        if let Some(kind) = begins.and_then(|rest| rest.strip_suffix(b"-----")) {
            is_wanted = IDENTITY_KINDS.contains(&kind);
        }
        if is_wanted {
            kept.extend_from_slice(line);
        }
        is_wanted &= !line_text.starts_with(b"-----END ");
    }
    kept
}

/// Returns the certificates that can be read: one bad certificate in a system's store must not end
/// every call.
fn readable(roots: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let reads = |root: &Vec<u8>| {
        let root = CertificateDer::from(root.clone());
        RootCertStore::empty().add(root).is_ok()
    };
    roots.into_iter().filter(reads).collect()
}

/// Returns true if the address of a proxy is this one. All loopback addresses count as one, and a listener
/// at no address in particular has every one of this machine.
fn listens_at(proxy: &str, own: SocketAddr) -> bool {
    let Ok(url) = Url::parse(proxy) else {
        return false;
    };
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::from(ip),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).to_canonical(),
        // Another name of this machine cannot be told from that of another one.
        Some(Host::Domain(name)) if l402_host::is_localhost(name) => Ipv4Addr::LOCALHOST.into(),
        Some(Host::Domain(_)) | None => return false,
    };
    let here = own.ip().to_canonical();
    let is_here = ip == here || (ip.is_loopback() && (here.is_loopback() || here.is_unspecified()));
    is_here && url.port_or_known_default() == Some(own.port())
}

/// Reads the address of a proxy. Without a scheme it is HTTP, as curl has it.
fn proxy(address: &str) -> Result<String, Error> {
    let full = match address.split_once("://") {
        // In curl, `socks` is SOCKS 4.
        Some(("socks", rest)) => format!("socks4://{rest}"),
        Some(_) => address.to_owned(),
        None => format!("http://{address}"),
    };
    let url = Url::parse(&full).ok();
    // Checked here: a scheme that the HTTP client does not know would mean no proxy at all.
    url.filter(|url| {
        PROXY_SCHEMES.contains(&url.scheme()) && url.host_str().is_some_and(|host| !host.is_empty())
    })
    .map(String::from)
    .ok_or_else(|| Error::Transport {
        detail: "a proxy is written http://HOST:PORT, https://HOST:PORT or socks5h://HOST:PORT"
            .into(),
    })
}

fn unusable(error: reqwest::Error) -> Error {
    Error::Transport {
        detail: error_chain(&error.without_url()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_knows_its_own_address_in_every_form() {
        for (proxy, own, is_own) in [
            ("127.0.0.1:8405", "127.0.0.1:8405", true),
            ("http://localhost:8405", "[::1]:8405", true),
            ("http://[::ffff:127.0.0.1]:8405", "127.0.0.1:8405", true),
            ("http://127.0.0.2:8405", "0.0.0.0:8405", true),
            ("http://10.0.0.2:8405", "10.0.0.2:8405", true),
            ("http://me:password@127.0.0.1:8405", "127.0.0.1:8405", true),
            ("http://127.0.0.1", "127.0.0.1:80", true),
            ("http://127.0.0.1:8406", "127.0.0.1:8405", false),
            ("http://10.0.0.3:8405", "127.0.0.1:8405", false),
            ("http://proxy.example:8405", "127.0.0.1:8405", false),
        ] {
            let mut outgoing = Outgoing::default().with_https_proxy(proxy).unwrap();
            let own = own.parse().unwrap();
            assert_eq!(outgoing.leave_out_proxy_at(own), is_own, "{proxy} {own}");
            assert_eq!(outgoing.https_proxy.is_none(), is_own);
        }
    }

    #[test]
    fn who_asks_and_where_it_leads_have_a_digest() {
        // As `with_identity` sets it, without a key in this file.
        let one = |text: &str| Outgoing {
            identity_digest: Some(Sha256::digest(text).into()),
            ..Outgoing::default()
        };
        let to = |port| Outgoing::default().with_connect_to((None, None), (None, Some(port)));
        let here = [IpAddr::from([127, 0, 0, 1])];
        let all = [
            Outgoing::default(),
            one("Alice"),
            one("Bob"),
            one("Bob").with_ipv6(true).with_addresses("a", 1, here),
            to(1),
            to(2),
            Outgoing::default().with_addresses("a", 1, here),
            Outgoing::default().with_addresses("a", 2, here),
        ];
        let digests: std::collections::HashSet<_> = all.iter().map(Outgoing::digest).collect();
        assert_eq!(digests.len(), all.len());
        assert_eq!(Outgoing::default().with_ipv6(true).digest(), None);
    }

    #[test]
    fn a_certificate_and_its_key_are_found_among_other_sections() {
        let section = |kind: &str| format!("-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n");
        let kept = section("CERTIFICATE") + &section("EC PRIVATE KEY");
        let text = format!(
            "Bag Attributes\n{}{}{}\n{}",
            section("EC PARAMETERS"),
            section("CERTIFICATE"),
            section("ENCRYPTED PRIVATE KEY"),
            section("EC PRIVATE KEY")
        );
        assert_eq!(identity_of(text.as_bytes()), kept.as_bytes());
        let locked = section("CERTIFICATE") + &section("ENCRYPTED PRIVATE KEY");
        let error = Outgoing::default().with_identity(locked.as_bytes());
        assert!(error.is_err_and(|error| error.to_string().contains("password")));
    }
}

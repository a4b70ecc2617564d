//! One request, and the addresses that may be asked.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use l402_client::AllowedAddress;
use url::Url;

/// The most bytes of a body that are read, unless the request says otherwise.
const BODY_MAX: usize = 64 * 1024;

/// The time for everything, unless the request says otherwise.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// The addresses that may be asked.
#[derive(Clone, Debug, Default)]
pub struct Reachable {
    /// Private addresses and networks that may be asked, over http as well.
    pub allowed: Vec<AllowedAddress>,
    /// True if this machine may be asked, over http as well: the default of a registry that only this
    /// machine can reach.
    pub loopback: bool,
    /// Ports of this machine that are never asked: the registry's own, those of wallets, sandbox, admin,
    /// MCP, approval and proxy. Read anew for every request.
    pub own: Own,
}

impl Reachable {
    /// Returns the networks that may be asked although they are private.
    pub(super) fn networks(&self) -> Vec<AllowedAddress> {
        let here = ["127.0.0.0/8", "::1"].map(|text| text.parse().ok());
        let here = here.into_iter().flatten().filter(|_| self.loopback);
        self.allowed.iter().cloned().chain(here).collect()
    }
}

/// The addresses of this program and its neighbours, each host and port.
#[derive(Clone)]
pub struct Own(pub Arc<dyn Fn() -> Vec<(String, u16)> + Send + Sync>);

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Own")
    }
}

impl Default for Own {
    fn default() -> Self {
        Self(Arc::new(Vec::new))
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The URL.
    pub url: Url,
    /// The method.
    pub method: Method,
    /// A JSON body.
    pub body: Option<Vec<u8>>,
    /// The most bytes of the body that are read.
    pub max_bytes: usize,
    /// The time for everything, redirects included.
    pub timeout: Duration,
    /// False if a redirect is itself the answer.
    pub follow: bool,
}

impl Ask {
    /// Makes a request without a body, for at most 64 KiB and 5 s, that follows redirects.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            url,
            method,
            body: None,
            max_bytes: BODY_MAX,
            timeout: TIMEOUT,
            follow: true,
        }
    }
}

//! The settings of a gateway, and their defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use l402::{Msat, Policy, Service};
use l402_lightning::Node;
use l402_server::{ChallengeLimits, Route};

use super::{ConfigError, LogSettings, RouteConfig, UpstreamUrl, UrlError, check, read};

/// All settings of a gateway. Made by one of the constructors alone, which check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(crate) listen: Vec<SocketAddr>,
    /// 0 means one a core.
    pub(crate) workers: usize,
    /// Goes into every key: tokens of one deployment mean nothing to another.
    pub(crate) deployment: String,
    pub(crate) node: Node,
    pub(crate) danger_spending_macaroon: bool,
    /// Host names answered for; empty means any.
    pub(crate) hosts: Vec<String>,
    /// Answer a bad credential with 402 instead of 401.
    pub(crate) invalid_credential_402: bool,
    pub(crate) lsat_line: bool,
    /// A master key outside of the home folder.
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) http: Http,
    pub(crate) challenges: ChallengeLimits,
    /// Invoices kept ready for each price.
    pub(crate) invoices_ahead: usize,
    pub(crate) log: LogSettings,
    pub(crate) routes: Vec<RouteConfig>,
}

/// Where certificate chain and key are, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
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
    /// Without a byte of a body, either way.
    pub(crate) body_idle_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    /// From the end of the request to the head of the answer.
    pub(crate) upstream_timeout: Duration,
    /// Open connections of one address; 0 means any number.
    pub(crate) connections_per_peer: u32,
    /// HTTP/2 streams of one connection.
    pub(crate) max_streams: u32,
    /// How long a stop waits, if the caller does not say.
    pub(crate) shutdown: Duration,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            h2c: false,
            header_timeout: Duration::from_secs(10),
            header_max_bytes: 16 * 1024,
            body_max_bytes: 64 * 1024 * 1024,
            body_idle_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            upstream_timeout: Duration::from_secs(60),
            connections_per_peer: 4096,
            max_streams: 100,
            shutdown: Duration::from_secs(30),
        }
    }
}

impl Default for Config {
    /// The defaults, with nothing to sell.
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8402))],
            workers: 0,
            deployment: "default".to_owned(),
            node: Node::Sandbox,
            danger_spending_macaroon: false,
            hosts: Vec::new(),
            invalid_credential_402: false,
            lsat_line: false,
            key_file: None,
            tls: None,
            http: Http::default(),
            challenges: ChallengeLimits::default(),
            invoices_ahead: 0,
            log: LogSettings::default(),
            routes: Vec::new(),
        }
    }
}

/// The settings that the command line gives instead of the file: flag over file over default.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Listen here; empty leaves it as it is.
    pub listen: Vec<SocketAddr>,
    /// So many workers; 0 means one a core.
    pub workers: Option<usize>,
    /// This node.
    pub node: Option<Node>,
}

impl Overrides {
    pub(super) fn apply(&self, config: &mut Config) {
        if !self.listen.is_empty() {
            config.listen.clone_from(&self.listen);
        }
        if let Some(workers) = self.workers {
            config.workers = workers;
        }
        if let Some(node) = &self.node {
            config.node = node.clone();
        }
    }
}

impl Config {
    /// An annotated example, whose values are the defaults.
    pub const EXAMPLE: &'static str = include_str!("../../l402.example.toml");

    /// Reads and checks a file; every mistake that can be found without a network is found here.
    /// Relative paths in it start at its folder.
    ///
    /// # Errors
    /// All mistakes found, each with file, line and key.
    pub fn from_file(path: &Path) -> Result<Self, Vec<ConfigError>> {
        Self::from_file_with(path, &Overrides::default())
    }

    /// As [`Config::from_file`], with what the command line says instead: checked as it will run.
    ///
    /// # Errors
    /// As [`Config::from_file`].
    pub fn from_file_with(path: &Path, overrides: &Overrides) -> Result<Self, Vec<ConfigError>> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            vec![ConfigError::whole(
                &name,
                format!("cannot be read: {error}"),
            )]
        })?;
        read::read(
            &text,
            &name,
            path.parent().unwrap_or(Path::new("")),
            overrides,
        )
    }

    /// Reads and checks text; `name` stands for the file in errors.
    ///
    /// # Errors
    /// As [`Config::from_file`].
    pub fn from_toml(text: &str, name: &str) -> Result<Self, Vec<ConfigError>> {
        read::read(text, name, Path::new(""), &Overrides::default())
    }

    /// One upstream, one price for everything behind it (`l402 serve --upstream … --price …`).
    /// The service is named after the upstream.
    ///
    /// # Errors
    /// As [`Config::from_file`], the "file" being the command line.
    pub fn quick(upstream: &str, price: Msat, policy: Policy) -> Result<Self, Vec<ConfigError>> {
        Self::quick_with(upstream, price, policy, &Overrides::default())
    }

    /// As [`Config::quick`], with what else the command line says.
    ///
    /// # Errors
    /// As [`Config::from_file`], the "file" being the command line.
    pub fn quick_with(
        upstream: &str,
        price: Msat,
        policy: Policy,
        overrides: &Overrides,
    ) -> Result<Self, Vec<ConfigError>> {
        let wrong = |key, text: String| vec![ConfigError::flag(key, text)];
        let upstream: UpstreamUrl = upstream
            .parse()
            .map_err(|error: UrlError| wrong("--upstream", error.to_string()))?;
        let service = Service::from_lossy(&upstream.authority());
        let route = |path| {
            let route = Route::priced(path, service.clone(), price).with_policy(policy);
            RouteConfig::new(route, upstream.clone())
        };
        let mut config = Self {
            routes: vec![route("/"), route("/{*rest}")],
            ..Self::default()
        };
        overrides.apply(&mut config);
        check::routes(&config).map_err(|fault| wrong("--price", fault.text))?;
        config
            .check_listeners()
            .map_err(|(_, text)| wrong("--listen", text))?;
        config
            .check_loop()
            .map_err(|(_, text)| wrong("--upstream", text))?;
        Ok(config)
    }

    /// Listens here instead.
    #[must_use]
    pub fn with_listen(mut self, listen: Vec<SocketAddr>) -> Self {
        self.listen = listen;
        self
    }

    /// With so many workers; 0 means one a core.
    #[must_use]
    pub fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// With this node.
    #[must_use]
    pub fn with_node(mut self, node: Node) -> Self {
        self.node = node;
        self
    }

    /// The addresses to listen on.
    #[must_use]
    pub fn listen(&self) -> &[SocketAddr] {
        &self.listen
    }

    /// What is sold, and what is free, in the order of the file.
    #[must_use]
    pub fn routes(&self) -> &[RouteConfig] {
        &self.routes
    }

    /// The node that is paid.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Returns true if the node is to be opened also with an lnd macaroon that could spend.
    #[must_use]
    pub fn danger_spending_macaroon(&self) -> bool {
        self.danger_spending_macaroon
    }

    /// Whether it serves TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// How long a stop waits for requests in flight (`http.shutdown_secs`).
    #[must_use]
    pub fn shutdown_deadline(&self) -> Duration {
        self.http.shutdown
    }

    /// The number of worker threads.
    pub(crate) fn worker_count(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        }
    }
}

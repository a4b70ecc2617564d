//! The settings of a gateway, and their defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use l402::{Msat, Policy, Service};
use l402_lightning::Node;
use l402_server::{ChallengeLimits, Route};

use super::{ConfigError, RouteConfig, UpstreamUrl, UrlError, check, read};

/// All settings of a gateway. The constructors check them, so a value of this type is sound.
///
/// From the text of a configuration file; every mistake is reported with its place and fix:
///
/// ```
/// use l402_gateway::Config;
///
/// let text = r#"
/// listen = ["127.0.0.1:8402"]
///
/// [[route]]
/// path = "/joke"
/// upstream = "http://127.0.0.1:3000"
/// price = "50 sat"
/// "#;
/// let config = Config::from_toml(text, "l402.toml").expect("a sound configuration");
/// assert_eq!(config.routes()[0].upstream.port(), 3000);
///
/// let mistakes = Config::from_toml(&text.replace("50 sat", "50"), "l402.toml").unwrap_err();
/// assert_eq!((mistakes[0].line(), mistakes[0].key()), (Some(7), "route[0].price"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(crate) listen: Vec<SocketAddr>,
    /// The number of worker threads; 0 means one for each core.
    pub(crate) workers: usize,
    /// The name that goes into every key: tokens of one deployment are worth nothing to another.
    pub(crate) deployment: String,
    pub(crate) node: Node,
    pub(crate) danger_spending_macaroon: bool,
    /// The host names to answer for; empty means any.
    pub(crate) hosts: Vec<String>,
    /// Answers a bad credential with 402 instead of 401.
    pub(crate) invalid_credential_402: bool,
    /// Sends a challenge line of the older scheme LSAT as well.
    pub(crate) lsat_line: bool,
    /// The file of a master key outside the home folder.
    pub(crate) key_file: Option<PathBuf>,
    /// `None` serves plain HTTP.
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) http: Http,
    pub(crate) challenges: ChallengeLimits,
    /// The number of invoices that are kept ready for each price; 0 for none.
    pub(crate) invoices_ahead: usize,
    pub(crate) routes: Vec<RouteConfig>,
}

/// The files of certificate chain and key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Limits and time-outs of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Http {
    /// Accepts HTTP/2 without TLS, by prior knowledge.
    pub(crate) h2c: bool,
    /// The time for a request's head, and for the next one on an idle connection.
    pub(crate) header_timeout: Duration,
    pub(crate) header_max_bytes: u32,
    /// The longest body of a request; 0 means any length.
    pub(crate) body_max_bytes: u64,
    /// The longest time without a byte of a body, in either direction.
    pub(crate) body_idle_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    /// The longest time from the end of the request to the head of the answer.
    pub(crate) upstream_timeout: Duration,
    /// The largest number of open connections of one address; 0 means any number.
    pub(crate) connections_per_peer: u32,
    /// The largest number of HTTP/2 streams at once on one connection.
    pub(crate) max_streams: u32,
    /// The time that a stop gives to requests in flight.
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
    /// Returns the defaults, without a route.
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
            routes: Vec::new(),
        }
    }
}

/// The settings of the command line, which win over the file's, as those win over the defaults.
///
/// ```
/// use l402_gateway::{Config, Overrides};
///
/// let overrides = Overrides { listen: vec!["127.0.0.1:0".parse()?], ..Overrides::default() };
/// let price = "50 sat".parse()?;
/// let config = Config::quick_with("http://127.0.0.1:3000", price, "uses=10".parse()?, &overrides)
///     .map_err(|mistakes| mistakes[0].to_string())?;
/// assert_eq!(config.listen(), overrides.listen);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The addresses to listen on; empty keeps those of the file.
    pub listen: Vec<SocketAddr>,
    /// The number of worker threads, 0 for one each core; `None` keeps that of the file.
    pub workers: Option<usize>,
    /// The node that is paid; `None` keeps that of the file.
    pub node: Option<Node>,
}

impl Overrides {
    /// Writes these settings into a configuration.
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
    /// An annotated example of a file. Its commented lines show the defaults.
    pub const EXAMPLE: &'static str = include_str!("../../l402.example.toml");

    /// Reads and checks a file. Finds every mistake that can be found without the network. Relative
    /// paths in the file start at its folder.
    ///
    /// # Errors
    /// All mistakes found, each with file, line and key.
    pub fn from_file(path: &Path) -> Result<Self, Vec<ConfigError>> {
        Self::from_file_with(path, &Overrides::default())
    }

    /// Reads and checks a file as [`Config::from_file`] does, with the command line's settings in
    /// place of the file's. They are checked together, as they will run.
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

    /// Reads and checks the text of a file; `name` stands for the file in errors. Relative paths in
    /// it start at the current folder.
    ///
    /// # Errors
    /// As [`Config::from_file`].
    pub fn from_toml(text: &str, name: &str) -> Result<Self, Vec<ConfigError>> {
        read::read(text, name, Path::new(""), &Overrides::default())
    }

    /// Returns the settings for one upstream with one price for everything behind it, as `l402
    /// serve --upstream … --price …` has them. The service is named after the upstream; the node is
    /// the sandbox.
    ///
    /// ```
    /// use l402_gateway::Config;
    ///
    /// let upstream = "http://127.0.0.1:3000";
    /// let config = Config::quick(upstream, "50 sat".parse()?, "request".parse()?)
    ///     .map_err(|mistakes| mistakes[0].to_string())?;
    /// assert_eq!(config.listen()[0].to_string(), "127.0.0.1:8402");
    /// assert_eq!(config.node().to_string(), "sandbox");
    ///
    /// let mistakes = Config::quick("127.0.0.1", "50 sat".parse()?, "request".parse()?);
    /// assert_eq!(mistakes.unwrap_err()[0].key(), "--upstream");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Config::from_file`], with the flag in place of the key.
    pub fn quick(upstream: &str, price: Msat, policy: Policy) -> Result<Self, Vec<ConfigError>> {
        Self::quick_with(upstream, price, policy, &Overrides::default())
    }

    /// Returns the settings of [`Config::quick`] with others of the command line.
    ///
    /// # Errors
    /// As [`Config::quick`].
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
        // Two routes, because `{*rest}` stands for one segment or more, and not for the path `/`.
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

    /// Sets the addresses to listen on. Port 0 stands for a free port.
    #[must_use]
    pub fn with_listen(mut self, listen: Vec<SocketAddr>) -> Self {
        self.listen = listen;
        self
    }

    /// Sets the number of worker threads; 0 means one for each core.
    #[must_use]
    pub fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Sets the node that is paid.
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

    /// The routes, priced and free, in the order of the file.
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

    /// Returns true if the gateway serves TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The time that a stop gives to requests in flight (`http.shutdown_secs`, 30 seconds by
    /// default).
    #[must_use]
    pub fn shutdown_deadline(&self) -> Duration {
        self.http.shutdown
    }

    /// Returns the number of worker threads, with 0 resolved.
    pub(crate) fn worker_count(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        }
    }
}

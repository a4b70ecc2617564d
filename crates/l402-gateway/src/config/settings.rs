//! The settings of a gateway: how they are made, and what a program may ask of them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use l402::{Msat, Policy};
use l402_lightning::Node;

use super::{AdminAddress, ConfigError, Fixed, Live, OwnContent, QuickConfig, RouteConfig, read};

/// All settings of a gateway. Made by one of the constructors alone, which check it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    pub(crate) fixed: Fixed,
    pub(crate) live: Live,
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
    /// True to sell also with a credential that could spend; false keeps the file's choice.
    pub danger_spending_node: bool,
    /// The name that people read where [`Config::quick_with`] sells: the memo of its invoices. At
    /// most 639 bytes; `None` shows them the name of the service.
    pub name: Option<String>,
}

impl Overrides {
    /// Writes these settings into a configuration.
    pub(super) fn apply(&self, config: &mut Config) {
        if !self.listen.is_empty() {
            config.fixed.listen.clone_from(&self.listen);
        }
        if let Some(workers) = self.workers {
            config.fixed.workers = workers;
        }
        if let Some(node) = &self.node {
            config.fixed.node = node.clone();
        }
        config.fixed.danger_spending_node |= self.danger_spending_node;
    }
}

impl Config {
    /// The address of the listener for operators: a URL, or `unix:` and a path. `None` if nothing listens
    /// for them.
    #[must_use]
    pub fn admin_listen(&self) -> Option<String> {
        let admin = &self.fixed.admin;
        let scheme = if admin.tls.is_some() { "https" } else { "http" };
        admin.listen.as_ref().map(|listen| match listen {
            AdminAddress::Tcp(address) => format!("{scheme}://{address}/"),
            AdminAddress::Unix(_) => listen.to_string(),
        })
    }

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

    /// Checks the text that a file is about to have, as [`Config::from_file_with`] would.
    ///
    /// # Errors
    /// As [`Config::from_file`].
    pub(crate) fn from_text_of(
        path: &Path,
        text: &str,
        overrides: &Overrides,
    ) -> Result<Self, Vec<ConfigError>> {
        let folder = path.parent().unwrap_or(Path::new(""));
        read::read(text, &path.display().to_string(), folder, overrides)
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
        let quick = QuickConfig {
            policy,
            overrides: overrides.clone(),
            ..QuickConfig::new(upstream, price)
        };
        quick.config()
    }

    /// Sets the addresses to listen on. Port 0 stands for a free port.
    #[must_use]
    pub fn with_listen(mut self, listen: Vec<SocketAddr>) -> Self {
        self.fixed.listen = listen;
        self
    }

    /// Sets the number of worker threads; 0 means one for each core.
    #[must_use]
    pub fn with_workers(mut self, workers: usize) -> Self {
        self.fixed.workers = workers;
        self
    }

    /// Sets the node that is paid.
    #[must_use]
    pub fn with_node(mut self, node: Node) -> Self {
        self.fixed.node = node;
        self
    }

    /// Lets the start begin a new ledger if the one in the home folder does not go with the keys: if
    /// it is new, older than it was, or another's. Counted tokens that were sold before are refused
    /// from then on. Has no effect if the ledger is the right one.
    #[must_use]
    pub fn with_new_ledger(mut self) -> Self {
        self.fixed.new_ledger = true;
        self
    }

    /// The addresses to listen on.
    #[must_use]
    pub fn listen(&self) -> &[SocketAddr] {
        &self.fixed.listen
    }

    /// The routes, priced and free, in the order of the file.
    #[must_use]
    pub fn routes(&self) -> &[RouteConfig] {
        &self.live.routes
    }

    /// The paths that the gateway answers by itself, for nothing: what it publishes of its routes, and
    /// verification files.
    #[must_use]
    pub fn published(&self) -> Vec<String> {
        let own = self.live.own_paths().into_iter();
        own.filter(|own| {
            !matches!(
                own.content,
                OwnContent::Nothing | OwnContent::Receipt | OwnContent::Unlock
            )
        })
        .map(|own| own.path)
        .collect()
    }

    /// The node that is paid.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.fixed.node
    }

    /// Returns true if the node is to be opened also with a credential that could spend.
    #[must_use]
    pub fn danger_spending_node(&self) -> bool {
        self.fixed.danger_spending_node
    }

    /// Returns true if it serves TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.live.tls.is_some()
    }

    /// The time that requests in flight have to end at a stop (`http.shutdown_secs`).
    #[must_use]
    pub fn shutdown_deadline(&self) -> Duration {
        self.live.http.shutdown
    }

    /// The files of TLS that a gateway reads at its start and again at each reload: certificate
    /// and key towards clients, and the authorities of upstreams. Sorted, none twice.
    #[must_use]
    pub fn certificate_files(&self) -> Vec<&Path> {
        let files: BTreeSet<&Path> = self.live.certificate_files().collect();
        files.into_iter().collect()
    }

    /// The files that were read with the configuration: the schemas of requests, and what the page of
    /// `[page]` is made of.
    #[must_use]
    pub fn schema_files(&self) -> Vec<&Path> {
        let routes = self.live.routes.iter();
        let files = routes.filter_map(|route| route.presentation.schema_file.as_deref());
        let files = files.chain(self.live.page.files());
        files.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

//! The configuration of a registry.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use l402_client::AllowedAddress;
use l402_host::is_loopback_host;
use toml::Table;
use url::Url;

use super::section::ConfigMistake;
use super::{print, read};
use crate::desk::RegistryOptions;

/// The port of a registry.
pub const REGISTRY_PORT: u16 = 8406;

/// The configuration of a registry. Without a file: this machine alone, SQLite in the home folder.
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    /// The addresses to listen on, at least one: `127.0.0.1:8406` by default.
    pub listen: Vec<SocketAddr>,
    /// The address by which people reach the registry. By default the first listener's, which only a
    /// registry on loopback may leave to it.
    pub public_url: Option<Url>,
    /// The database: `registry/registry.db` in the home folder by default.
    pub database: PathBuf,
    /// The file of the moderators' token: `registry/admin.token` in the home folder by default. Made with a
    /// random token (mode 0600) at the first start.
    pub admin_token_file: PathBuf,
    /// Private addresses and networks that probes may ask, over http as well. None by default.
    pub allow_addresses: Vec<AllowedEntry>,
    /// The probes.
    pub probe: ProbeConfig,
    /// The limits.
    pub limits: LimitsConfig,
    /// The table `[paid]`, as it stands there: the program that holds the wallets reads it.
    pub paid: Option<Table>,
    /// The table `[export]`, as it stands there: the program that sells reads it.
    pub export: Option<Table>,
}

/// An address, network or host name that probes may ask although it is private.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedEntry {
    /// The text in the configuration.
    pub text: String,
    /// What it means.
    pub address: AllowedAddress,
}

impl core::str::FromStr for AllowedEntry {
    type Err = l402_client::AllowedAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self {
            text: text.to_owned(),
            address: text.parse()?,
        })
    }
}

/// The probes of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeConfig {
    /// False if nothing is probed. True by default.
    pub enabled: bool,
    /// The time between two probes of a service, 1 second to 24 hours: 15 minutes by default.
    pub interval: Duration,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: Duration::from_secs(15 * 60),
        }
    }
}

/// The limits of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// The submissions of one address in an hour, 1 to 1,000,000: 60 by default.
    pub submissions_per_hour: u32,
    /// The requests of one address in a second, 1 to 1,000,000: 20 by default. This machine has none.
    pub requests_per_second: u32,
    /// The requests of one address at once after a pause, 1 to 1,000,000: 100 by default.
    pub requests_burst: u32,
    /// The open connections, 1 to 65,536: 1,024 by default.
    pub connections: u32,
    /// The open connections of one address, 1 to 65,536: 64 by default. This machine may have them all.
    pub connections_per_address: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            submissions_per_hour: 60,
            requests_per_second: 20,
            requests_burst: 100,
            connections: 1024,
            connections_per_address: 64,
        }
    }
}

impl RegistryConfig {
    /// Returns the configuration without a file, for a home folder of the program.
    #[must_use]
    pub fn of_home(home: &Path) -> Self {
        let folder = home.join("registry");
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], REGISTRY_PORT))],
            public_url: None,
            database: folder.join("registry.db"),
            admin_token_file: folder.join("admin.token"),
            allow_addresses: Vec::new(),
            probe: ProbeConfig::default(),
            limits: LimitsConfig::default(),
            paid: None,
            export: None,
        }
    }

    /// Reads a configuration in TOML and checks it. Relative paths start at `folder`; `file` names it in
    /// mistakes.
    ///
    /// # Errors
    /// Every mistake, each with its key and the fix.
    pub fn read(
        text: &str,
        file: &str,
        folder: &Path,
        home: &Path,
    ) -> Result<Self, Vec<ConfigMistake>> {
        let (config, mut mistakes) = read::read(text, file, folder, home);
        // After other mistakes those of the whole could be wrong.
        if mistakes.is_empty() {
            mistakes.extend(config.check(file).err().unwrap_or_default());
        }
        if mistakes.is_empty() {
            Ok(config)
        } else {
            Err(mistakes)
        }
    }

    /// Checks what no single key can tell. Call it again after flags have changed something.
    ///
    /// # Errors
    /// Every mistake, each with its key and the fix.
    pub fn check(&self, file: &str) -> Result<(), Vec<ConfigMistake>> {
        let mistakes = read::check(self, file);
        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(mistakes)
        }
    }

    /// Writes the configuration that is in effect as TOML. It holds no secret.
    #[must_use]
    pub fn print(&self) -> String {
        print::print(self)
    }

    /// Returns true if only this machine can reach the registry. A public address says that a server before
    /// it lets others in, whatever it listens on.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let is_here = |url: &Url| url.host_str().is_some_and(is_loopback_host);
        self.public_url.as_ref().is_none_or(is_here)
            && self.listen.iter().all(|address| is_loopback(*address))
    }

    /// Returns the address by which people reach it, if it listens on `first`.
    pub(super) fn public_url(&self, first: SocketAddr) -> Url {
        self.public_url.clone().unwrap_or_else(|| {
            let text = format!("http://{first}/");
            text.parse().expect("an address with a port is a URL")
        })
    }

    /// Returns the settings on which rules depend.
    pub(super) fn options(&self, first: SocketAddr) -> RegistryOptions {
        RegistryOptions {
            public_url: self.public_url(first),
            submissions_per_hour: self.limits.submissions_per_hour,
            probe_interval: self.probe.interval,
            owner_interval: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

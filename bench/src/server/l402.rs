//! The gateway of this project, and tokens for it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use l402::{
    Credential, KeyNumber, KeyRing, MasterKey, Msat, Network, Policy, Preimage, Terms, mint,
};
use l402_host::{Clock as _, SystemClock};
use l402_lightning::Node;
use serde_json::Value;

use super::tls::Certificate;
use super::{Process, Server, pinned, subfolder, until, write};
use crate::error::{BenchError, Result, While};

/// Costs nothing.
pub(crate) const FREE: &str = "/free";
/// Sold by the hour: one token opens it again and again.
pub(crate) const PAID: &str = "/paid";
/// Sold by the request: a token opens it once.
pub(crate) const ONCE: &str = "/once";

const DEPLOYMENT: &str = "bench";
const PRICE: Msat = Msat::from_sat(50);

/// A running gateway whose master key is known here.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) server: Server,
    minter: Minter,
}

/// What differs between gateways.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    pub(crate) program: &'a Path,
    pub(crate) folder: &'a Path,
    pub(crate) name: &'static str,
    pub(crate) upstream: SocketAddr,
    pub(crate) node: &'a Node,
    /// So many invoices of each price are signed before anybody asks.
    pub(crate) invoices_ahead: u32,
    /// It listens with TLS if there is one.
    pub(crate) certificate: Option<&'a Certificate>,
    /// Further tables of the configuration.
    pub(crate) tables: &'a str,
}

impl Gateway {
    /// Starts one worker, with no limit on challenges.
    ///
    /// # Errors
    /// With its last words.
    pub(crate) fn start(setup: &Setup<'_>) -> Result<Self> {
        let folder = subfolder(setup.folder, setup.name)?;
        let home = subfolder(&folder, "home")?;
        let file = folder.join("l402.toml");
        write(&file, &configuration(setup))?;
        let mut command = pinned(setup.program);
        command
            .args(["serve", "--json", "--config"])
            .arg(&file)
            .env("L402_HOME", &home)
            .env_remove("RUST_LOG");
        let mut process = Process::start(setup.name, &folder, command)?;
        let address = until(&mut process, announced)?;
        let key = master_key(&home)?;
        Ok(Self {
            server: Server::listening(address, process)?,
            minter: Minter::new(key),
        })
    }

    /// What makes its tokens.
    pub(crate) fn minter(&self) -> Minter {
        self.minter.clone()
    }
}

/// Returns true if this program knows every key of the configuration.
pub(crate) fn understands(setup: &Setup<'_>) -> Result<bool> {
    let file: PathBuf = setup.folder.join("check.toml");
    write(&file, &configuration(setup))?;
    let mut command = std::process::Command::new(setup.program);
    command.args(["serve", "--check", "--config"]).arg(&file);
    let output = command.output().while_doing("starting l402")?;
    Ok(output.status.success())
}

/// The address in the line that it says when it listens.
fn announced(log: &str) -> Option<SocketAddr> {
    let said = |line| serde_json::from_str::<Value>(line).ok();
    let line = log.lines().find_map(said)?;
    line["listening"][0].as_str()?.parse().ok()
}

/// Reads the key that the gateway has made.
fn master_key(home: &Path) -> Result<MasterKey> {
    let path = home.join("master.key");
    let text = std::fs::read_to_string(&path).while_doing(path.display())?;
    MasterKey::from_hex(text.trim()).while_doing(path.display())
}

fn configuration(setup: &Setup<'_>) -> String {
    let node = setup.node.to_string();
    let ahead = match setup.invoices_ahead {
        0 => String::new(),
        count => format!("invoices_ahead = {count}\n"),
    };
    let mut text = format!(
        "listen = [\"127.0.0.1:0\"]\nworkers = 1\ndeployment = \"{DEPLOYMENT}\"\n\
         node = {node:?}\n\
         [http]\nconnections_per_peer = 0\nheader_timeout_secs = 600\n\
         [challenges]\nper_peer_per_second = 0\nper_prefix_per_second = 0\n\
         total_per_second = 0\n{ahead}"
    );
    if let Some(Certificate { file, key }) = setup.certificate {
        let _ = writeln!(text, "[tls]\ncertificate = {file:?}\nkey = {key:?}");
    }
    text += setup.tables;
    let sold = |policy| format!("price = \"{} msat\"\npolicy = \"{policy}\"", PRICE.msat());
    let mut routes = vec![
        (FREE, "free = true".to_owned()),
        (crate::upstream::LARGE, "free = true".to_owned()),
        (PAID, sold("time=1h")),
    ];
    // Each price has a stock of its own; only one is sold from.
    if setup.invoices_ahead == 0 {
        routes.push((ONCE, sold("request")));
    }
    let upstream = setup.upstream;
    for (path, access) in routes {
        let _ = write!(
            text,
            "[[route]]\npath = {path:?}\nupstream = \"http://{upstream}\"\n{access}\n"
        );
    }
    text
}

/// Makes tokens that a gateway accepts, each as if it had been paid.
#[derive(Clone, Debug)]
pub(crate) struct Minter {
    keys: KeyRing,
    network: Network,
}

impl Minter {
    fn new(key: MasterKey) -> Self {
        Self {
            keys: KeyRing::new(DEPLOYMENT, KeyNumber(1), key),
            // The sandbox's network, and that of the lnds here.
            network: Network::Regtest,
        }
    }

    /// A value for `authorization` that opens this route: [`PAID`] or [`ONCE`].
    ///
    /// # Errors
    /// Without randomness.
    pub(crate) fn credential(&self, path: &str) -> Result<String> {
        let now = SystemClock::default().wall();
        let policy = if path == ONCE { "request" } else { "time=1h" };
        let service = path.trim_start_matches('/').parse();
        let terms = Terms {
            service: service.while_doing("naming a service")?,
            tier: 0,
            capabilities: Vec::new(),
            price: PRICE,
            policy: policy.parse::<Policy>().while_doing("naming a policy")?,
            network: self.network,
            valid_until: now.saturating_add(core::time::Duration::from_secs(24 * 3600)),
            lookup: None,
        };
        let preimage = Preimage::from_bytes(random::<32>()?);
        let token = mint(
            &self.keys,
            &terms,
            preimage.payment_hash(),
            random::<30>()?,
            now,
        )
        .while_doing("minting")?;
        Ok(Credential::new(token, preimage).to_header())
    }
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| BenchError::new(error.to_string()))?;
    Ok(bytes)
}

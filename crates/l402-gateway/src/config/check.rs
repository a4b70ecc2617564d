//! Checks that need several keys: routes that contradict each other, addresses that do not go
//! together.

use l402::{KeyNumber, KeyRing, MasterKey, Network};
use l402_lightning::{Node, NodeForm};
use l402_server::{Snapshot, SnapshotError};

use super::{AdminAddress, Config, UpstreamUrl};

/// The reason why the routes do not compile.
pub(super) struct RouteFault {
    /// The pattern of the route, if one route is to blame.
    pub(super) path: Option<String>,
    /// The service, if its routes contradict each other.
    pub(super) service: Option<String>,
    pub(super) text: String,
}

/// Compiles the routes with a key that is thrown away. The code that will serve them thus says if
/// they are sound.
pub(super) fn routes(config: &Config) -> Result<(), RouteFault> {
    let fault = |text: String| RouteFault {
        path: None,
        service: None,
        text,
    };
    // The faults of routes do not depend on the keys, and a file is checked without a home.
    let keys = throwaway_keys(&config.fixed.deployment).map_err(fault)?;
    let live = &config.live;
    let routes = live.table_routes();
    let compiled = Snapshot::new(routes, live.hosts.clone(), keys, Network::Regtest);
    compiled.map(drop).map_err(|error| RouteFault {
        text: error.to_string(),
        service: match &error {
            SnapshotError::TwoPrices { service } => Some(service.clone()),
            _ => None,
        },
        path: match error {
            SnapshotError::Overlap { path }
            | SnapshotError::Path { path }
            | SnapshotError::Price { path }
            | SnapshotError::Unknown { path, .. }
            | SnapshotError::WayAround { path, .. } => Some(path),
            _ => None,
        },
    })
}

/// Returns a key that is thrown away, to compile a table that serves nobody.
pub(crate) fn throwaway_keys(deployment: &str) -> Result<KeyRing, String> {
    // Random, because a key of zeros is refused as one that can be guessed.
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    let key = MasterKey::from_bytes(&bytes).map_err(|error| error.to_string())?;
    Ok(KeyRing::new(deployment, KeyNumber(1), key))
}

impl Config {
    /// Checks the addresses to listen on, alone and with the node. The error is the key to blame
    /// and the fix.
    pub(crate) fn check_listeners(&self) -> Result<(), (&'static str, String)> {
        let listen = &self.fixed.listen;
        if listen.is_empty() {
            return Err((
                "listen",
                "empty; write listen = [\"127.0.0.1:8402\"]".to_owned(),
            ));
        }
        for (index, address) in listen.iter().enumerate() {
            if address.port() != 0 && listen[..index].contains(address) {
                let text = format!("{address} stands there twice; write listen = [\"{address}\"]");
                return Err(("listen", text));
            }
        }
        // By the port alone: an address such as 0.0.0.0 takes in the others.
        if let Some(AdminAddress::Tcp(own)) = &self.fixed.admin.listen
            && own.port() != 0
            && listen.iter().any(|address| address.port() == own.port())
        {
            let other = own.port().checked_add(1).unwrap_or(8405);
            let text = format!(
                "{own} has a port that buyers are served on; choose another, such as {}:{other}",
                own.ip()
            );
            return Err(("admin.listen", text));
        }
        self.check_redirect()?;
        let proxied = &self.fixed.proxy_protocol;
        proxied.check(listen, &self.live.proxies)?;
        self.check_sandbox()
    }

    /// Refuses a redirect from an address that something else is served on.
    fn check_redirect(&self) -> Result<(), (&'static str, String)> {
        let Some(from) = self.fixed.tls.redirect_from.filter(|from| from.port() != 0) else {
            return Ok(());
        };
        let admin = match &self.fixed.admin.listen {
            Some(AdminAddress::Tcp(admin)) => Some(admin),
            _ => None,
        };
        // By the port alone: an address such as 0.0.0.0 takes in the others.
        let mut others = self.fixed.listen.iter().chain(admin);
        if others.any(|other| other.port() == from.port()) {
            let text = format!(
                "{from} has a port that is served already; plain HTTP has port 80: \"0.0.0.0:80\""
            );
            return Err(("tls.redirect_from", text));
        }
        Ok(())
    }

    /// Refuses the sandbox on addresses that other machines can reach: somebody could take it for
    /// real money.
    fn check_sandbox(&self) -> Result<(), (&'static str, String)> {
        let addresses = &mut self.fixed.listen.iter();
        let public = addresses.find(|address| !address.ip().is_loopback());
        match (public, &self.fixed.node) {
            (Some(address), Node::Sandbox | Node::SandboxHttp(_)) => Err((
                "listen",
                format!(
                    "{address} can be reached from other machines, and the sandbox is no money; \
                     listen on 127.0.0.1:{}, or name a node: {}",
                    address.port(),
                    NodeForm::LND.example
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Refuses a route whose upstream is this gateway itself. The error is its index and the fix.
    pub(crate) fn check_loop(&self) -> Result<(), (usize, String)> {
        // Only what can be known without the network: addresses of this machine by their numbers.
        let admin = match &self.fixed.admin.listen {
            Some(AdminAddress::Tcp(address)) => Some(*address),
            _ => None,
        };
        let redirect = &self.fixed.tls.redirect_from;
        // The listener for operators as well: what is open there to this machine is not for sale.
        let own = |url: &UpstreamUrl| {
            let mut all = self.fixed.listen.iter().chain(&admin).chain(redirect);
            all.any(|address| {
                let here = address.ip().is_loopback() || address.ip().is_unspecified();
                here && url.is_loopback() && url.port() == address.port()
            })
        };
        for (index, route) in self.live.routes.iter().enumerate() {
            if let Some(url) = route.upstreams().find(|url| own(url)) {
                let text = format!(
                    "{url} is this gateway itself, and each request would go in a circle; \
                     name the upstream's own port, such as http://127.0.0.1:3000, or listen on another"
                );
                return Err((index, text));
            }
        }
        Ok(())
    }
}

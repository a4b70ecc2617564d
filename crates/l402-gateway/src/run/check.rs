//! The files that a start will read, checked without a start.

use std::path::Path;
use std::sync::Arc;

use l402::Network;
use l402_lightning::Node;

use super::issue::Issue;
use super::keys;
use crate::config::{Config, ConfigError, Live, RouteConfig, throwaway_keys};
use crate::listen::{self, Issued};
use crate::metrics::Metrics;
use crate::notice::Notices;
use crate::table::RouteTable;
use crate::webhooks;

impl Config {
    /// Reads and checks the local files that a start would: certificate and key of TLS and that they
    /// belong together, the authorities of upstreams, the master keys that are named, the secrets of
    /// webhooks, and the files of the node. Asks nobody, and writes nothing; of the home folder only stored wallets are looked
    /// at. `name` stands for the configuration in the mistakes, which are returned in no order.
    #[must_use]
    pub fn check_files(&self, name: &str, home: &Path) -> Vec<ConfigError> {
        let mut mistakes: Vec<ConfigError> = Vec::new();
        let mut note = |key: &str, text: String| {
            let mistake = ConfigError::named_file(name, key, text);
            // Several routes may name one file.
            if !mistakes.contains(&mistake) {
                mistakes.push(mistake);
            }
        };
        for file in self.fixed.keys.iter().filter_map(|key| key.file.as_ref()) {
            if let Err(error) = keys::read(file) {
                note("keys", error.to_string());
            }
        }
        let acme = self.fixed.tls.acme.as_ref();
        let issued = acme.map(|acme| Arc::new(Issued::new(acme.domains.clone())));
        let tls = self.live.tls.as_ref();
        if let Some(Err(error)) = tls.map(|tls| listen::server_tls(tls, issued)) {
            note("tls", error.to_string());
        }
        if let Err(error) = Issue::check(&self.fixed.tls) {
            note("tls.acme", error.to_string());
        }
        for (key, text) in self.upstream_faults() {
            note(key, text);
        }
        for text in webhooks::faults(&self.live.webhooks) {
            note("webhook", text);
        }
        let node: &Node = &self.fixed.node;
        if let Err(error) = node.check_receiver(home, self.fixed.danger_spending_node) {
            note("node", format!("cannot use {node}: {error}"));
        }
        mistakes
    }

    /// Returns what is wrong with the files of TLS to each route's upstream, each with its key.
    fn upstream_faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        for route in &self.live.routes {
            // One after the other: the first fault would hide the second.
            if route.upstream_ca.is_some() {
                let alone = RouteConfig {
                    upstream_client: None,
                    ..route.clone()
                };
                let fault = self.upstream_fault(alone);
                faults.extend(fault.map(|text| ("route.upstream_ca", text)));
            }
            if route.upstream_client.is_some() {
                let alone = RouteConfig {
                    upstream_ca: None,
                    ..route.clone()
                };
                let fault = self.upstream_fault(alone);
                faults.extend(fault.map(|text| ("route.upstream_client_certificate", text)));
            }
        }
        faults
    }

    /// Compiles one route as for a start, and returns what is wrong with it.
    fn upstream_fault(&self, route: RouteConfig) -> Option<String> {
        let live = Live {
            routes: vec![route],
            ..self.live.clone()
        };
        let keys = match throwaway_keys(&self.fixed.deployment) {
            Ok(keys) => keys,
            Err(text) => return Some(text),
        };
        let (metrics, notices) = (Metrics::default(), Notices::default());
        let told = (&metrics, &notices);
        let table = RouteTable::new(&live, keys, Network::Regtest, None, told);
        table.err().map(|error| error.to_string())
    }
}

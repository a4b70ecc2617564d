//! The files that a start will read, checked without a start.

use std::path::Path;

use l402::Network;
use l402_lightning::Node;

use super::keys;
use crate::config::{Config, ConfigError, Live, throwaway_keys};
use crate::listen;
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
        if let Some(Err(error)) = self.live.tls.as_ref().map(listen::server_tls) {
            note("tls", error.to_string());
        }
        for text in self.upstream_faults() {
            note("route.upstream_ca", text);
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

    /// Returns what is wrong with the authorities of each route's upstream.
    fn upstream_faults(&self) -> Vec<String> {
        let metrics = Metrics::default();
        let faults = self.live.routes.iter().filter_map(|route| {
            route.upstream_ca.as_ref()?;
            // Compiled as for a start, each route alone: the first fault would hide the others.
            let live = Live {
                routes: vec![route.clone()],
                ..self.live.clone()
            };
            let keys = throwaway_keys(&self.fixed.deployment);
            let table = keys.map(|keys| {
                let told = (&metrics, &Notices::default());
                RouteTable::new(&live, keys, Network::Regtest, None, told)
            });
            match table {
                Ok(table) => table.err().map(|error| error.to_string()),
                Err(text) => Some(text),
            }
        });
        faults.collect()
    }
}

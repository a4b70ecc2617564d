//! The priced export of a registry: our paywall before its routes, off unless `[export]` names a price.
//!
//! The registry crate names no paywall, and the paywall no registry: they meet here alone.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use l402::{KeyNumber, KeyRing, MasterKey, Msat, Service};
use l402_host::private;
use l402_lightning::{Lifecycle, Node, Open, Receiver};
use l402_registry::{Registry, export_router};
use l402_server::ledger::SqliteLedger;
use l402_server::{Paywall, PaywallLayer, Route, Snapshot};
use toml::Table;

use super::paid::parsed;
use crate::buyer::{resolve, wallet_error};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;

/// The paths of the export: see [`export_router`].
const PATHS: [&str; 2] = ["/api/v1/export.json", "/api/v1/export.csv"];

/// The keys of `[export]`.
const KEYS: &str = "price, node";

/// `[export]`: the price of the whole list, and the node that is paid.
#[derive(Clone, Debug)]
pub(super) struct BulkExport {
    price: Msat,
    node: Node,
}

/// Reads the table.
///
/// # Errors
/// The first mistake, with its key and the fix.
pub(super) fn read(table: &Table) -> Result<BulkExport, String> {
    let (mut price, mut node) = (None, None);
    for (key, value) in table {
        let text = value.as_str();
        let text = text.ok_or_else(|| format!("export.{key}: write a text in quotation marks"))?;
        match &**key {
            "price" => price = Some(parsed("export.price", text)?),
            "node" => node = Some(parsed("export.node", text)?),
            _ => {
                return Err(format!(
                    "export.{key}: there is no such key; there are {KEYS}"
                ));
            }
        }
    }
    match (price, node) {
        (Some(price), Some(node)) => Ok(BulkExport { price, node }),
        _ => Err("export: write price and node, such as \"500 sat\" and \"main\"".to_owned()),
    }
}

/// The paywall and the node, which are ended after the registry.
pub(super) struct Sold {
    paywall: Paywall,
    node: Lifecycle,
}

impl Sold {
    /// Writes what was sold to disk, and ends the node.
    pub(super) async fn end(self) {
        self.paywall.flush().await;
        self.node.shutdown().await;
    }
}

/// Opens node, keys and ledger, and returns the route with the paywall before it.
///
/// # Errors
/// If one of them cannot be used.
pub(super) async fn open(
    export: &BulkExport,
    registry: &Registry,
    context: &Context,
) -> Result<(Sold, Router), CliError> {
    let node = resolve(&export.node, context)?;
    let home = context.home.create()?;
    let opened = node.receiver(Open::new(home, context.clock.clone())).await;
    let opened = opened.map_err(|error| wallet_error(&error, &node.form()))?;
    let Receiver {
        receive, lifecycle, ..
    } = opened;
    let network = receive.network();
    let folder = home.join("registry");
    private::create_folder(&folder).map_err(|error| file_error(&error))?;
    let ledger = SqliteLedger::open(&folder.join("export.db"));
    let ledger =
        ledger.map_err(|error| CliError::local_io(format!("the export's ledger: {error}")))?;
    let paywall = Paywall::builder(receive).ledger(Arc::new(ledger)).build();
    let service: Service = "registry-export".parse().map_err(CliError::internal)?;
    let routes = PATHS.map(|path| Route::priced(path, service.clone(), export.price));
    let routes = routes.to_vec();
    let keys = KeyRing::new("registry-export", KeyNumber(1), master_key(&folder)?);
    let snapshot = Snapshot::new(routes, Vec::new(), keys, network).map_err(CliError::internal)?;
    let paywall_layer = PaywallLayer::new(paywall.clone(), Arc::new(snapshot));
    // Every route of it, and nothing else of the registry.
    let routes = export_router(registry.clone()).route_layer(paywall_layer);
    let sold = Sold {
        paywall,
        node: lifecycle,
    };
    Ok((sold, routes))
}

/// Reads the key that signs tokens, and makes it at the first start.
fn master_key(folder: &Path) -> Result<MasterKey, CliError> {
    let path = folder.join("export.key");
    private::create_hex_key(&path).map_err(|error| file_error(&error))?;
    let text = private::read_key(&path).map_err(|error| file_error(&error))?;
    let text = std::str::from_utf8(&text).unwrap_or_default();
    let wrong = |error| CliError::local_io(format!("{}: {error}", path.display()));
    MasterKey::from_hex(text.trim()).map_err(wrong)
}

fn file_error(error: &l402_host::FileError) -> CliError {
    let (exit, code) = exit_code::of_file(error.fault());
    CliError::new(exit, code, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_has_a_price_and_a_node_or_is_none() {
        let table = |text: &str| read(&text.parse().unwrap());
        let export = table("price = \"500 sat\"\nnode = \"sandbox\"").unwrap();
        assert_eq!(export.price, Msat::from_sat(500));
        for (text, told) in [
            ("price = \"500 sat\"", "write price and node"),
            ("price = \"500\"", "export.price: "),
            ("cost = \"5 sat\"", "export.cost: there is no such key"),
        ] {
            let error = table(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}

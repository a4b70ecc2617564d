//! Taking over another configuration while serving.

use std::sync::Arc;

use l402::KeyRing;
use l402_lightning::Receive;

use super::Gateway;
use crate::config::{Config, Live, WebhooksSettings};
use crate::listen::{self, Issued};
use crate::metrics::Metrics;
use crate::notice::{Notice, Notices};
use crate::table::RouteTable;
use crate::webhooks::{Target, open_targets};
use crate::{GatewayError, GatewayErrorKind};

/// The outcome of a reload: the new routes, prices, limits, hosts and certificates are served.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Reloaded {
    waiting: Vec<&'static str>,
}

impl Reloaded {
    /// The keys whose new values wait for a restart, as the file writes them. Empty if there are
    /// none. They are compared with the values at the start, so each reload names them again.
    #[must_use]
    pub fn waiting_for_restart(&self) -> &[&'static str] {
        &self.waiting
    }
}

impl Gateway {
    /// Serves another configuration from the next request on, and its certificates from the next
    /// handshake on. What is under way ends under the old one. Of what a running gateway cannot
    /// change (addresses, workers, keys, node, …) the old values stay.
    ///
    /// Blocks: reads the certificates of the new configuration.
    ///
    /// # Errors
    /// [`GatewayErrorKind::Configuration`] if the new configuration does not go with the addresses
    /// that are listened on or with the invoices that the node makes, and [`GatewayErrorKind::Certificate`] if a certificate cannot be used.
    /// Then nothing has changed.
    pub fn reload(&self, config: Config) -> Result<Reloaded, GatewayError> {
        let reloaded = self.replace(config)?;
        self.state.metrics.reloads.add(1);
        Ok(reloaded)
    }

    fn replace(&self, config: Config) -> Result<Reloaded, GatewayError> {
        let keys = self.keys.hold();
        let waiting = self.fixed.changed_keys(&config.fixed);
        let mut next = Config {
            fixed: self.fixed.clone(),
            live: config.live,
        };
        // Checked as it will run: the file was checked with values that may wait for a restart, and
        // port 0 has become a port.
        next.fixed.listen.clone_from(&self.addresses);
        check_loop(&next)?;
        let before = self.state.table.load_full();
        let ring = keys.ring().clone();
        let issued = self.issue.as_ref().map(|issue| &issue.issued);
        let told = (&*self.state.metrics, &self.state.notices);
        let table = route_table(
            &next.live,
            ring,
            &self.node_watch,
            Some(&before),
            told,
            issued,
        )?;
        let targets = open_targets(&next.live.webhooks)?;
        // Nothing fails from here on: a reload is taken whole or not at all.
        self.upstream_checks.follow(&table, &self.control);
        self.state.table.store(Arc::new(table));
        self.state.paywall.set_limits(next.live.challenges);
        // An invoice in stock may name a price that no route has any more.
        if let Some(stock) = &self.invoice_stock {
            stock.retain(|request| next.live.sells(request));
        }
        self.deliver_to(targets, &next.live.webhooks);
        self.live.store(Arc::new(next.live));
        Ok(Reloaded { waiting })
    }

    /// Tells the operator that a configuration was not taken over. `file` is its name, and `why` the
    /// mistakes, without secrets. Waits for nobody.
    pub fn reject_configuration(&self, file: &str, why: &str) {
        self.state.metrics.reloads_rejected.add(1);
        self.state.notices.tell(&Notice::ConfigurationRejected {
            file: file.to_owned(),
            why: why.to_owned(),
        });
    }

    /// Sends webhooks to these targets from now on, and asks for the liquidity that is wanted.
    pub(super) fn deliver_to(&self, targets: Vec<Arc<Target>>, settings: &WebhooksSettings) {
        if let Some(office) = &self.post_office {
            office.set(targets);
        }
        self.liquidity.want(settings.least_receivable);
    }
}

/// Refuses an upstream that is the gateway itself.
pub(super) fn check_loop(config: &Config) -> Result<(), GatewayError> {
    let checked = config.check_loop();
    checked.map_err(|(_, text)| misconfigured(("upstream", text)))
}

/// The error of a configuration whose values do not go together, with the key to blame.
pub(super) fn misconfigured((key, text): (&str, String)) -> GatewayError {
    GatewayError::new(GatewayErrorKind::Configuration, format!("{key}: {text}"))
}

/// Compiles routes and reads certificates: all that can fail of a start or a reload.
pub(super) fn route_table(
    live: &Live,
    keys: KeyRing,
    node: &dyn Receive,
    before: Option<&RouteTable>,
    told: (&Metrics, &Notices),
    issued: Option<&Arc<Issued>>,
) -> Result<RouteTable, GatewayError> {
    let table = RouteTable::new(live, keys, node.network(), before, told)?;
    // A route that the node makes no invoice for would answer every buyer with 503.
    let sellable = table.snapshot.check_sellable(&node.limits());
    sellable.map_err(|error| {
        GatewayError::new(GatewayErrorKind::Configuration, error.to_string()).with_source(error)
    })?;
    let tls = live.tls.as_ref();
    let tls = tls.map(|tls| listen::server_tls(tls, issued.cloned()));
    let tls = tls.transpose()?;
    Ok(table.with_tls(tls))
}

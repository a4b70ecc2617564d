//! The parts of the world that a start needs, looked at without a start: upstreams, the authority of certificates,
//! and the node. Each look ends within [`LIMIT`].

use std::time::Duration;

use http::StatusCode;
use l402::{Msat, Network};
use l402_lightning::{Error, ErrorKind, InvoiceRequest, NodeForm, Receive};
use l402_server::{Access, Route};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::reload::route_table;
use crate::config::{Config, RouteConfig, UpstreamUrl, throwaway_keys};
use crate::metrics::Metrics;
use crate::notice::Notices;
use crate::upstream::{Upstream, resolve};

/// The longest time of one step.
const LIMIT: Duration = Duration::from_secs(10);

/// The longest time to connect to an upstream. A configuration may allow more.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The time for which the invoice of a look can be paid, if the node has no time of its own.
const EXPIRY: Duration = Duration::from_secs(60);

/// The weight of what a look has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingLevel {
    /// It is as it should be.
    Good,
    /// It works, and something should be changed.
    Warning,
    /// Nothing is sold, or not all of it.
    Fault,
}

/// One thing that a deep check has looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The key that names it, such as `route[1].upstream` or `node`.
    pub key: String,
    /// The weight.
    pub level: FindingLevel,
    /// The finding, one line.
    pub text: String,
    /// What helps; empty if nothing needs help.
    pub fix: String,
}

impl Finding {
    /// A finding that needs no help.
    #[must_use]
    pub fn good(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(FindingLevel::Good, key, text, "")
    }

    /// A finding of this weight, and what helps.
    #[must_use]
    pub fn new(
        level: FindingLevel,
        key: impl Into<String>,
        text: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            level,
            text: text.into(),
            fix: fix.into(),
        }
    }
}

impl Config {
    /// Connects to every upstream once, all at the same time, and makes the checks that the configuration
    /// names. Bounded by a few seconds.
    pub async fn check_upstreams(&self) -> Vec<Finding> {
        let mut looks = JoinSet::new();
        let limit = self.live.http.connect_timeout.min(CONNECT_LIMIT);
        let mut seen = Vec::new();
        for (index, route) in self.live.routes.iter().enumerate() {
            for url in route.upstreams() {
                let key = format!("route[{index}].upstream");
                // Its files have been read before; one that is gone since then is told of by them.
                let Ok(upstream) = Upstream::new(url, route, limit, &Notices::default()) else {
                    continue;
                };
                if seen.contains(&(url.clone(), route.upstream_ca.clone(), route.health.clone())) {
                    continue;
                }
                seen.push((url.clone(), route.upstream_ca.clone(), route.health.clone()));
                let order = seen.len();
                looks.spawn(async move { (order, of_upstream(key, &upstream, limit).await) });
            }
        }
        let mut found = looks.join_all().await;
        found.sort_by_key(|(order, _)| *order);
        found.into_iter().map(|(_, finding)| finding).collect()
    }

    /// Asks the authority that certificates come from, and resolves their names. Empty without `[tls.acme]`.
    pub async fn check_authority(&self) -> Vec<Finding> {
        let Some(acme) = &self.fixed.tls.acme else {
            return Vec::new();
        };
        let directory = acme.directory.as_str();
        let mut found = vec![of_directory(directory, acme.ca.clone()).await];
        for domain in &acme.domains {
            found.push(match resolve(domain, 443, LIMIT).await {
                Ok(addresses) => {
                    let ips: Vec<_> = addresses.iter().map(|it| it.ip().to_string()).collect();
                    let text = format!("{domain} leads to {}", ips.join(", "));
                    Finding::good("tls.acme.domains", text)
                }
                Err(fault) => {
                    let fix = "add a record A or AAAA with the address of this machine, such as \
                               203.0.113.5";
                    Finding::new(FindingLevel::Fault, "tls.acme.domains", fault.text, fix)
                }
            });
        }
        found
    }

    /// Asks the node of this form for its network, an invoice at the lowest price, and its liquidity. The
    /// invoice is paid by nobody and expires.
    pub async fn check_node(&self, node: &dyn Receive, form: &NodeForm) -> Vec<Finding> {
        let mut found = vec![self.of_network(node.network())];
        found.extend(self.of_prices(node));
        found.extend(self.of_invoice(node, form).await);
        found.push(self.of_liquidity(node).await);
        found
    }

    fn of_network(&self, network: Network) -> Finding {
        let text = format!("it is there, on {network}");
        let is_public = self.listen().iter().any(|it| !it.ip().is_loopback());
        if is_public && network != Network::Bitcoin {
            let fix = "name a node on the network bitcoin, if you sell for real money";
            return Finding::new(FindingLevel::Warning, "node", text, fix);
        }
        Finding::good("node", text)
    }

    /// Returns a fault if the node makes no invoice for a price.
    fn of_prices(&self, node: &dyn Receive) -> Option<Finding> {
        let fault = |text: String| {
            let fix =
                "change the price of that route, such as price = \"50 sat\", or take another node";
            Some(Finding::new(FindingLevel::Fault, "node", text, fix))
        };
        let keys = match throwaway_keys(&self.fixed.deployment) {
            Ok(keys) => keys,
            Err(text) => return fault(text),
        };
        let told = (&Metrics::default(), &Notices::default());
        let table = route_table(&self.live, keys, node, None, told, None);
        table.err().and_then(|error| fault(error.to_string()))
    }

    async fn of_invoice(&self, node: &dyn Receive, form: &NodeForm) -> Option<Finding> {
        let priced = self.live.routes.iter().filter_map(|it| it.route.sold());
        let cheapest = priced.min_by_key(|priced| priced.price)?;
        let request = InvoiceRequest::new(cheapest.price, EXPIRY, "l402 serve --check=deep");
        Some(match in_time(node.create_invoice(request)).await {
            Ok(made) if made.terms().amount == Some(cheapest.price) => {
                Finding::good("node", format!("it makes invoices ({})", cheapest.price))
            }
            Ok(_) => {
                let text = format!("its invoice for {} is over another amount", cheapest.price);
                let fix = "take another node, or a price that it knows, such as price = \"50 sat\"";
                Finding::new(FindingLevel::Fault, "node", text, fix)
            }
            Err(error) => {
                let text = format!("it makes no invoice: {error}");
                Finding::new(FindingLevel::Fault, "node", text, advice(&error, form))
            }
        })
    }

    async fn of_liquidity(&self, node: &dyn Receive) -> Finding {
        const KEY: &str = "liquidity";
        let known = match in_time(node.liquidity()).await {
            Ok(Some(known)) => known.receivable,
            Ok(None) => {
                let text = "the node does not tell how much it can receive";
                return Finding::good(KEY, text);
            }
            Err(error) => {
                let text = format!("the node does not tell how much it can receive: {error}");
                let fix = "look at its channels with its own tools";
                return Finding::new(FindingLevel::Warning, KEY, text, fix);
            }
        };
        let least = self.live.webhooks.least_receivable;
        let dearest = self.dearest().max(least.unwrap_or(Msat::ZERO));
        let text = format!("it can receive at most {known}");
        if known >= dearest {
            return Finding::good(KEY, text);
        }
        let fix = format!(
            "that is less than {dearest}, a price here or liquidity.least: buyers cannot pay; open a \
             channel to the node, or spend from it"
        );
        let is_nothing_sold = known < self.dearest();
        let level = match is_nothing_sold {
            true => FindingLevel::Fault,
            false => FindingLevel::Warning,
        };
        Finding::new(level, KEY, text, fix)
    }

    /// Returns the highest price.
    fn dearest(&self) -> Msat {
        let routes = self.live.routes.iter();
        let prices = routes.filter_map(|entry| match &entry.route.access {
            Access::Priced(priced) => Some(priced.price),
            Access::Free => None,
        });
        prices.max().unwrap_or_default()
    }
}

async fn of_upstream(key: String, upstream: &Upstream, limit: Duration) -> Finding {
    match upstream.probe(limit).await {
        Ok(()) => Finding::good(key, format!("{upstream} is there")),
        Err(fault) => {
            let text = format!("{upstream}: {}", fault.text);
            Finding::new(FindingLevel::Fault, key, text, fault.fix)
        }
    }
}

async fn of_directory(directory: &str, ca: Option<std::path::PathBuf>) -> Finding {
    const KEY: &str = "tls.acme.directory";
    let fault = |why: String| {
        let fix = "check the address and the way out of this machine, such as \
                   https://acme-v02.api.letsencrypt.org/directory";
        Finding::new(FindingLevel::Fault, KEY, format!("{directory}: {why}"), fix)
    };
    let Ok(url) = directory.parse::<UpstreamUrl>() else {
        return fault("not an address that can be asked".to_owned());
    };
    let path = url.base().to_owned();
    let mut route = RouteConfig::new(Route::free("/"), url.clone());
    route.upstream_ca = ca;
    let authority = match Upstream::new(&url, &route, CONNECT_LIMIT, &Notices::default()) {
        Ok(authority) => authority,
        Err(error) => return fault(error.to_string()),
    };
    match authority.status_of(&path, LIMIT).await {
        Ok(StatusCode::OK) => Finding::good(KEY, format!("{directory} answers")),
        Ok(status) => fault(format!("it answers {status}")),
        Err(error) => fault(error.to_string()),
    }
}

/// Returns what helps after an error of the node.
fn advice(error: &Error, form: &NodeForm) -> String {
    match error.kind() {
        ErrorKind::Unauthorized => form.if_unauthorized(false),
        ErrorKind::Timeout | ErrorKind::Unavailable => form.if_unreachable().to_owned(),
        _ => "look at the log of the node".to_owned(),
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = || {
        let text = format!("no answer within {} s", LIMIT.as_secs());
        Err(Error::new(ErrorKind::Timeout, text))
    };
    timeout(LIMIT, answer).await.unwrap_or_else(|_| late())
}

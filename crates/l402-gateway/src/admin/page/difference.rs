//! The difference between the settings that are served and those of the file.

use std::collections::BTreeMap;
use std::time::Duration;

use l402::{Msat, Policy};
use l402_server::Rate;

use crate::config::{Http, Live, RouteConfig};

/// A route as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RouteText {
    pub(super) path: String,
    pub(super) methods: String,
    pub(super) service: String,
    /// The price in millisatoshi; `None` if it is free.
    pub(super) price: Option<u64>,
    pub(super) policy: String,
    /// Its upstreams, at least one, in the order of the file.
    pub(super) upstreams: Vec<String>,
}

/// A change that a reload would make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RouteChange {
    Added(RouteText),
    Removed(RouteText),
    /// Served, and then.
    Changed(Box<(RouteText, RouteText)>),
    /// Something else than is shown of a route.
    Other(RouteText),
}

/// A setting that differs, with its name in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) key: &'static str,
    pub(super) served: String,
    pub(super) file: String,
}

/// All that a reload would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) routes: Vec<RouteChange>,
    pub(super) settings: Vec<Setting>,
    /// Keys that wait for a restart.
    pub(super) waiting: Vec<&'static str>,
}

impl Difference {
    /// Compares what is served with what the file says.
    pub(super) fn between(served: &Live, file: &Live, waiting: Vec<&'static str>) -> Self {
        Self {
            routes: routes(&served.routes, &file.routes),
            settings: settings(served, file),
            waiting,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.routes.is_empty() && self.settings.is_empty() && self.waiting.is_empty()
    }
}

impl RouteText {
    pub(super) fn of(config: &RouteConfig) -> Self {
        let sold = config.route.sold();
        let methods: Vec<&str> = config
            .route
            .methods
            .iter()
            .map(http::Method::as_str)
            .collect();
        Self {
            path: config.route.path.clone(),
            methods: methods.join(" "),
            service: sold.map_or_else(String::new, |sold| sold.service.to_string()),
            price: sold.map(|sold| sold.price.msat()),
            policy: sold.map_or_else(String::new, |sold| policy(sold.policy)),
            upstreams: config.upstreams().map(ToString::to_string).collect(),
        }
    }
}

/// Names what one payment buys.
fn policy(policy: Policy) -> String {
    match policy {
        Policy::Request => "one answer".to_owned(),
        Policy::Uses(uses) => super::figure::counted(u64::from(uses.get()), "answer"),
        Policy::Time(time) => super::figure::span(time.as_secs()),
        // One that a later version has added.
        other => other.to_string(),
    }
}

fn routes(served: &[RouteConfig], file: &[RouteConfig]) -> Vec<RouteChange> {
    // By path and methods, because several routes may have the same path.
    let key = |config: &RouteConfig| {
        let methods: Vec<String> = config
            .route
            .methods
            .iter()
            .map(ToString::to_string)
            .collect();
        (config.route.path.clone(), methods)
    };
    let mut before: BTreeMap<_, &RouteConfig> = served.iter().map(|it| (key(it), it)).collect();
    let mut changes = Vec::new();
    for new in file {
        let text = RouteText::of(new);
        match before.remove(&key(new)) {
            None => changes.push(RouteChange::Added(text)),
            Some(old) if old == new => {}
            Some(old) => {
                let old = RouteText::of(old);
                changes.push(if old == text {
                    RouteChange::Other(text)
                } else {
                    RouteChange::Changed(Box::new((old, text)))
                });
            }
        }
    }
    let removed = before
        .into_values()
        .map(|old| RouteChange::Removed(RouteText::of(old)));
    changes.extend(removed);
    changes
}

fn settings(served: &Live, file: &Live) -> Vec<Setting> {
    let pairs = limits(served).into_iter().zip(limits(file));
    let mut settings: Vec<Setting> = pairs
        .filter(|((_, served), (_, file))| served != file)
        .map(|((key, served), (_, file))| Setting { key, served, file })
        .collect();
    // Tables whose values are long, or may hold secrets: their name alone.
    let tables = [
        ("tls", served.tls != file.tls),
        ("publish", served.publish != file.publish),
        ("health", served.health != file.health),
        ("trusted_proxies", served.proxies != file.proxies),
        ("webhook", served.webhooks.targets != file.webhooks.targets),
    ];
    let changed = tables.into_iter().filter(|(_, changed)| *changed);
    settings.extend(changed.map(|(key, _)| Setting {
        key,
        served: "as it is".to_owned(),
        file: "changed".to_owned(),
    }));
    settings
}

/// Returns the settings that hold for all routes, each with its name in the file.
pub(super) fn limits(live: &Live) -> Vec<(&'static str, String)> {
    let challenges = &live.challenges;
    // Every field by its name and no `..`, so that one that is added has a line below.
    let Http {
        h2c,
        header_timeout,
        header_max_bytes,
        body_max_bytes,
        body_min_bytes_per_sec,
        body_idle_timeout,
        connect_timeout,
        upstream_timeout,
        connections_per_peer,
        max_streams,
        streams_per_peer,
        shutdown,
    } = &live.http;
    let hosts = if live.hosts.is_empty() {
        "any".to_owned()
    } else {
        live.hosts.join(", ")
    };
    vec![
        ("hosts", hosts),
        ("challenges.per_peer", rate(challenges.per_peer)),
        ("challenges.per_prefix", rate(challenges.per_prefix)),
        ("challenges.total", rate(challenges.total)),
        ("http.connections_per_peer", count(*connections_per_peer)),
        ("http.max_streams", count(*max_streams)),
        ("http.streams_per_peer", count(*streams_per_peer)),
        ("http.header_timeout_secs", secs(*header_timeout)),
        ("http.header_max_bytes", count(*header_max_bytes)),
        (
            "http.body_max_bytes",
            super::figure::thousands(*body_max_bytes),
        ),
        (
            "http.body_min_bytes_per_sec",
            count(*body_min_bytes_per_sec),
        ),
        ("http.body_idle_timeout_secs", secs(*body_idle_timeout)),
        ("http.connect_timeout_secs", secs(*connect_timeout)),
        ("http.upstream_timeout_secs", secs(*upstream_timeout)),
        ("http.shutdown_secs", secs(*shutdown)),
        ("http.h2c", h2c.to_string()),
        ("liquidity.least", least(live.webhooks.least_receivable)),
    ]
}

fn rate(rate: Option<Rate>) -> String {
    rate.map_or_else(
        || "off".to_owned(),
        |rate| format!("{} a second, {} at once", rate.per_second, rate.burst),
    )
}

fn least(least: Option<Msat>) -> String {
    least.map_or_else(
        || "not asked for".to_owned(),
        |least| format!("{} sat", super::figure::sat_text(least.msat())),
    )
}

fn count(number: u32) -> String {
    super::figure::thousands(number.into())
}

fn secs(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn live(text: &str) -> Live {
        Config::from_toml(text, "test.toml")
            .expect("a sound configuration")
            .live
    }

    fn route(path: &str, more: &str) -> String {
        format!("[[route]]\npath = \"{path}\"\nupstream = \"http://127.0.0.1:3000\"\n{more}\n")
    }

    #[test]
    fn a_difference_names_what_a_reload_changes() {
        let sold = |sat: u32| format!("price = \"{sat} sat\"\nservice = \"a\"");
        let served = live(
            &(route("/a", &sold(5)) + &route("/b", "free = true") + &route("/d", "free = true")),
        );
        let file = "[challenges]\nper_peer_per_second = 3\n".to_owned()
            + &route("/a", &sold(7))
            + &route("/c", "free = true")
            + &route("/d", "free = true\nmax_in_flight = 9");
        let difference = Difference::between(&served, &live(&file), vec!["listen"]);
        let kinds: Vec<_> = difference
            .routes
            .iter()
            .map(|change| match change {
                RouteChange::Added(it) => format!("+{}", it.path),
                RouteChange::Removed(it) => format!("-{}", it.path),
                RouteChange::Changed(both) => format!("{:?}>{:?}", both.0.price, both.1.price),
                RouteChange::Other(it) => format!("~{}", it.path),
            })
            .collect();
        assert_eq!(kinds, ["Some(5000)>Some(7000)", "+/c", "~/d", "-/b"]);
        let keys: Vec<_> = difference
            .settings
            .iter()
            .map(|setting| setting.key)
            .collect();
        assert_eq!(keys, ["challenges.per_peer"]);
        assert!(!difference.is_empty());
        assert!(Difference::between(&served, &served, Vec::new()).is_empty());
    }
}

//! Reads a [`Config`] from text.

use core::num::NonZeroU32;
use core::ops::Range;
use std::path::Path;
use std::time::Duration;

use l402_host::ListenAddress;
use l402_lightning::Node;
use l402_server::{ChallengeLimits, Rate};
use toml::de::DeTable;

use super::item::HostName;
use super::mistake::Mistakes;
use super::section::Section;
use super::{
    Config, ConfigError, Fixed, HealthSettings, Http, Live, Overrides, RouteConfig, admin, books,
    check, health, keys, ledger, log, page, proxies, publish, route, tls, trace, webhooks,
};

/// Reads and checks a file's text. Relative paths start at `folder`.
pub(super) fn read(
    text: &str,
    name: &str,
    folder: &Path,
    overrides: &Overrides,
) -> Result<Config, Vec<ConfigError>> {
    let mistakes = Mistakes::new(name, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        mistakes.add(
            error.span().unwrap_or_default(),
            "",
            one_line(error.message()),
        );
    }
    // After a mistake of syntax the parser guesses, and each guess would add mistakes of its own.
    if !errors.is_empty() {
        return Err(mistakes.into_errors());
    }
    let root = Section::new(document.get_ref(), String::new(), 0..0, &mistakes);
    let (mut config, spans) = configuration(&root, folder);
    // Before the check, so that the settings are checked as they will run.
    overrides.apply(&mut config);
    check_together(&root, &config, &spans, &mistakes);
    root.finish();
    if mistakes.is_empty() {
        Ok(config)
    } else {
        Err(mistakes.into_errors())
    }
}

/// Joins the lines of a message.
fn one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("; ")
}

/// The place of a route in the file.
struct RouteSpan {
    table: Range<usize>,
    upstream: Range<usize>,
}

/// Reads every key. A key that is wrong has been noted, and has its default in the result.
fn configuration(root: &Section<'_, '_>, folder: &Path) -> (Config, Vec<RouteSpan>) {
    // Read to the end even after a mistake, so that all of them show at once.
    let default = Fixed::default();
    // Before the routes, which take the keys from it that they do not have themselves.
    let health = health::read(root, &HealthSettings::default());
    let (routes, spans) = routes(root, folder, &health);
    let (challenges, invoices_ahead) = challenges(root);
    let hosts = root.list::<HostName>("hosts").unwrap_or_default();
    let (tls, fixed_tls) = tls::read(root, folder);
    let live = Live {
        hosts: hosts.into_iter().map(|host| host.0).collect(),
        tls,
        http: http(root),
        challenges,
        routes,
        publish: publish::read(root),
        page: page::read(root, folder),
        health,
        proxies: proxies::read(root),
        webhooks: webhooks::read(root, folder),
    };
    let fixed = Fixed {
        listen: root
            .list::<ListenAddress>("listen")
            .map_or(default.listen, |all| {
                all.into_iter().map(|it| it.0).collect()
            }),
        proxy_protocol: proxies::listeners(root),
        tls: fixed_tls,
        workers: usize::try_from(root.number("workers", 0, 0..=1024)).unwrap_or_default(),
        deployment: root
            .text("deployment")
            .map_or(default.deployment, str::to_owned),
        node: root
            .parsed("node")
            .map_or(default.node, |node: Node| node.with_base(folder)),
        danger_spending_node: danger_spending_node(root),
        invalid_credential_402: invalid_credential(root),
        lsat_line: root.flag("lsat_line", false),
        keys: keys::read(root, folder),
        ledger: ledger::read(root, folder),
        books: books::read(root),
        new_ledger: false,
        invoices_ahead,
        log: log::read(root, folder),
        admin: admin::read(root, folder),
        trace: trace::read(root, folder),
    };
    (Config { fixed, live }, spans)
}

fn routes(
    root: &Section<'_, '_>,
    folder: &Path,
    health: &HealthSettings,
) -> (Vec<RouteConfig>, Vec<RouteSpan>) {
    let sections = root.tables("route");
    // Nothing is sold by default, so a file without routes is a mistake, and not an empty gateway.
    if sections.is_empty() && !root.has("route") {
        root.wrong(
            "route",
            "there is none; write [[route]] with path, upstream and price",
        );
    }
    let read = sections.into_iter().filter_map(|section| {
        let span = RouteSpan {
            table: section.span(),
            upstream: section.span_of("upstream"),
        };
        route::read(section, folder, health).map(|route| (route, span))
    });
    read.unzip()
}

/// Reads whether a credential that could spend is accepted, under its name of today or of before.
fn danger_spending_node(root: &Section<'_, '_>) -> bool {
    let [today, before] = ["danger_spending_node", "danger_spending_macaroon"];
    // Both are read, so that neither counts as a key that nobody knows.
    let values = [today, before].map(|key| root.flag(key, false));
    if root.has(today) && root.has(before) && values[0] != values[1] {
        root.wrong(
            before,
            "says otherwise than danger_spending_node; write that one alone",
        );
    }
    values.contains(&true)
}

/// Reads the status for a bad credential, and returns true if it is 402 instead of 401.
fn invalid_credential(root: &Section<'_, '_>) -> bool {
    let status = root.number("invalid_credential", 401, 401..=402);
    status == 402
}

fn http(root: &Section<'_, '_>) -> Http {
    let default = Http::default();
    let Some(section) = root.table("http") else {
        return default;
    };
    // The defaults stand in `Http` alone; here are only the bounds.
    let small = |key, default: u32, range| {
        u32::try_from(section.number(key, default.into(), range)).unwrap_or(default)
    };
    let seconds = |key, default: Duration| {
        Duration::from_secs(section.number(key, default.as_secs(), 1..=86_400))
    };
    let http = Http {
        h2c: section.flag("h2c", default.h2c),
        header_timeout: seconds("header_timeout_secs", default.header_timeout),
        header_max_bytes: small("header_max_bytes", default.header_max_bytes, 4096..=65_536),
        body_max_bytes: section.number("body_max_bytes", default.body_max_bytes, 0..=1 << 60),
        body_min_bytes_per_sec: small(
            "body_min_bytes_per_sec",
            default.body_min_bytes_per_sec,
            0..=1 << 30,
        ),
        body_idle_timeout: seconds("body_idle_timeout_secs", default.body_idle_timeout),
        connect_timeout: seconds("connect_timeout_secs", default.connect_timeout),
        upstream_timeout: seconds("upstream_timeout_secs", default.upstream_timeout),
        connections_per_peer: small(
            "connections_per_peer",
            default.connections_per_peer,
            0..=1 << 20,
        ),
        max_streams: small("max_streams", default.max_streams, 1..=1000),
        streams_per_peer: small("streams_per_peer", default.streams_per_peer, 0..=1 << 20),
        shutdown: seconds("shutdown_secs", default.shutdown),
    };
    section.finish();
    http
}

/// Reads the limits on challenges, and the number of invoices that are kept ready for each price.
fn challenges(root: &Section<'_, '_>) -> (ChallengeLimits, usize) {
    let default = ChallengeLimits::default();
    let Some(section) = root.table("challenges") else {
        return (default, 0);
    };
    // A rate needs both of its parts: 0 for either switches the limit off.
    let rate = |per_second, burst, default: Option<Rate>| {
        let part = |key, default: Option<u32>| {
            rate_part(section.number(key, default.unwrap_or(0).into(), 0..=1_000_000))
        };
        let per_second = part(per_second, default.map(|rate| rate.per_second.get()));
        let burst = part(burst, default.map(|rate| rate.burst.get()));
        Some(Rate {
            per_second: per_second?,
            burst: burst?,
        })
    };
    let limits = ChallengeLimits {
        per_peer: rate("per_peer_per_second", "per_peer_burst", default.per_peer),
        per_prefix: rate(
            "per_prefix_per_second",
            "per_prefix_burst",
            default.per_prefix,
        ),
        total: rate("total_per_second", "total_burst", default.total),
    };
    let invoices_ahead = section.number("invoices_ahead", 0, 0..=250_000);
    section.finish();
    (limits, usize::try_from(invoices_ahead).unwrap_or_default())
}

/// Returns one part of a rate; `None` for 0, which switches the limit off.
fn rate_part(number: u64) -> Option<NonZeroU32> {
    u32::try_from(number).ok().and_then(NonZeroU32::new)
}

/// Notes the mistakes that no single key can tell, in a file that is sound otherwise.
fn check_together(
    root: &Section<'_, '_>,
    config: &Config,
    spans: &[RouteSpan],
    mistakes: &Mistakes<'_>,
) {
    if let Err((key, text)) = config.check_listeners() {
        root.wrong(key, text);
    }
    if let Err((index, text)) = config.check_loop() {
        let span = spans.get(index).map(|span| span.upstream.clone());
        mistakes.add(
            span.unwrap_or_default(),
            &format!("route[{index}].upstream"),
            text,
        );
    }
    if let Some((index, text)) = config.live.reserved_route() {
        let span = spans.get(index).map(|span| span.table.clone());
        let key = format!("route[{index}].path");
        mistakes.add(span.unwrap_or_default(), &key, text);
    }
    // A route with a mistake is missing in `config.routes`, so a check of the others could be wrong.
    if !mistakes.is_empty() {
        return;
    }
    if let Err(fault) = check::routes(config) {
        let blamed = |config: &RouteConfig| {
            let service = config.route.sold().map(|sold| sold.service.as_str());
            fault.path.as_ref() == Some(&config.route.path)
                || (service.is_some() && fault.service.as_deref() == service)
        };
        let index = config
            .live
            .routes
            .iter()
            .rposition(blamed)
            .unwrap_or_default();
        let span = spans.get(index).map(|span| span.table.clone());
        mistakes.add(
            span.unwrap_or_default(),
            &format!("route[{index}]"),
            fault.text,
        );
    }
}

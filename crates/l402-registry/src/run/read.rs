//! Reads and checks the configuration.

use std::path::Path;
use std::time::Duration;

use l402_host::{ListenAddress, named_path};
use url::Url;

use super::config::{LimitsConfig, ProbeConfig, RegistryConfig};
use super::section::{ConfigMistake, Mistakes, Section};

/// The largest limit.
const LIMIT_MAX: u64 = 1_000_000;

/// Reads every key. A key that is wrong has its default in the result, and a mistake beside it.
pub(super) fn read(
    text: &str,
    file: &str,
    folder: &Path,
    home: &Path,
) -> (RegistryConfig, Vec<ConfigMistake>) {
    let default = RegistryConfig::of_home(home);
    let mut mistakes = Mistakes {
        file: file.to_owned(),
        found: Vec::new(),
    };
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => {
            // Nothing can be read of a text that is no TOML: one mistake, and the defaults.
            let line = error.span().map(|span| line_of(text, span.start));
            let place = line
                .map(|line| format!("line {line}: "))
                .unwrap_or_default();
            let message = error.message().lines().collect::<Vec<_>>().join("; ");
            mistakes.add("", format!("{place}{message}"));
            return (default, mistakes.found);
        }
    };
    let mut root = Section::new("", table, &mut mistakes);
    let config = configuration(&mut root, folder, default);
    root.finish();
    (config, mistakes.found)
}

/// Returns the number of the line, from 1, that holds a byte.
fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn configuration(root: &mut Section<'_>, folder: &Path, default: RegistryConfig) -> RegistryConfig {
    let listen = root.list::<ListenAddress>("listen");
    let public_url = public_url(root);
    // Paths are relative to the file, as in the other configurations.
    let mut path = |key, default| match root.text(key) {
        Some(text) => named_path(folder, &text),
        None => default,
    };
    let database = path("database", default.database);
    let admin_token_file = path("admin_token_file", default.admin_token_file);
    let allow_addresses = root.list("allow_addresses").unwrap_or_default();
    let probe = probe(root);
    let limits = limits(root);
    RegistryConfig {
        listen: listen.map_or(default.listen, |all| {
            all.into_iter().map(|it| it.0).collect()
        }),
        public_url,
        database,
        admin_token_file,
        allow_addresses,
        probe,
        limits,
        paid: root.table("paid"),
        export: root.table("export"),
    }
}

fn public_url(root: &mut Section<'_>) -> Option<Url> {
    let url = root.parsed::<Url>("public_url")?;
    match check_public_url(&url) {
        Ok(()) => Some(url),
        Err(text) => {
            root.wrong("public_url", text);
            None
        }
    }
}

/// Refuses a public address below which pages and claims could not stand.
fn check_public_url(url: &Url) -> Result<(), &'static str> {
    let is_web = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let is_anonymous = url.username().is_empty() && url.password().is_none();
    (is_web && is_bare && is_anonymous)
        .then_some(())
        .ok_or("write scheme and host alone: https://registry.example/")
}

fn probe(root: &mut Section<'_>) -> ProbeConfig {
    let default = ProbeConfig::default();
    let Some(table) = root.table("probe") else {
        return default;
    };
    let mut section = Section::new("probe", table, root.mistakes);
    let interval = section.number("interval_secs", default.interval.as_secs(), 1..=86_400);
    let probe = ProbeConfig {
        enabled: section.flag("enabled", default.enabled),
        interval: Duration::from_secs(interval),
    };
    section.finish();
    probe
}

fn limits(root: &mut Section<'_>) -> LimitsConfig {
    let default = LimitsConfig::default();
    let Some(table) = root.table("limits") else {
        return default;
    };
    let mut section = Section::new("limits", table, root.mistakes);
    // Zero would switch off what the limit is for.
    let mut limit = |key, default: u32, most| {
        let number = section.number(key, default.into(), 1..=most);
        u32::try_from(number).unwrap_or(default)
    };
    let limits = LimitsConfig {
        submissions_per_hour: limit(
            "submissions_per_hour",
            default.submissions_per_hour,
            LIMIT_MAX,
        ),
        requests_per_second: limit(
            "requests_per_second",
            default.requests_per_second,
            LIMIT_MAX,
        ),
        requests_burst: limit("requests_burst", default.requests_burst, LIMIT_MAX),
        connections: limit("connections", default.connections, 65_536),
        connections_per_address: limit(
            "connections_per_address",
            default.connections_per_address,
            65_536,
        ),
    };
    section.finish();
    limits
}

/// Returns the mistakes that no single key can tell.
pub(super) fn check(config: &RegistryConfig, file: &str) -> Vec<ConfigMistake> {
    let mut mistakes = Mistakes {
        file: file.to_owned(),
        found: Vec::new(),
    };
    if config.listen.is_empty() {
        mistakes.add(
            "listen",
            "there is none; write listen = [\"127.0.0.1:8406\"]",
        );
    }
    for (index, address) in config.listen.iter().enumerate() {
        let earlier = config.listen.get(..index).unwrap_or_default();
        // Port 0 is a free one each time.
        if address.port() != 0 && earlier.contains(address) {
            mistakes.add(
                "listen",
                format!("{address} stands there twice; leave one out"),
            );
        }
    }
    match &config.public_url {
        None if !config.is_loopback() => mistakes.add(
            "public_url",
            "missing; others than this machine reach the listeners, so write the address by which \
             they do: public_url = \"https://registry.example/\"",
        ),
        None => {}
        Some(url) => {
            if let Err(text) = check_public_url(url) {
                mistakes.add("public_url", text);
            }
        }
    }
    if config.database == config.admin_token_file {
        mistakes.add(
            "admin_token_file",
            "the database has this name; choose another",
        );
    }
    mistakes.found
}

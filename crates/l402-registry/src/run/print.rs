//! Prints the configuration that is in effect.

use toml::{Table, Value};

use super::config::RegistryConfig;

/// Writes a configuration as TOML that [`RegistryConfig::read`] reads back.
pub(super) fn print(config: &RegistryConfig) -> String {
    let mut root = Table::new();
    let mut set = |key: &str, value: Value| root.insert(key.to_owned(), value);
    set(
        "listen",
        texts(config.listen.iter().map(ToString::to_string)),
    );
    if let Some(url) = &config.public_url {
        set("public_url", Value::String(url.to_string()));
    }
    let path = |path: &std::path::Path| Value::String(path.to_string_lossy().into_owned());
    set("database", path(&config.database));
    set("admin_token_file", path(&config.admin_token_file));
    let allowed = config.allow_addresses.iter();
    set("allow_addresses", texts(allowed.map(|it| it.text.clone())));
    set("probe", probe(config));
    set("limits", limits(config));
    for (key, table) in [("paid", &config.paid), ("export", &config.export)] {
        if let Some(table) = table {
            set(key, Value::Table(without_secrets(table)));
        }
    }
    // Texts, numbers and tables only, so writing cannot fail.
    toml::to_string(&root).unwrap_or_default()
}

/// Leaves out what may be a credential: the long form of a node or a wallet can hold its password, its name
/// cannot.
fn without_secrets(table: &Table) -> Table {
    let shown = table.iter().map(|(key, value)| {
        let is_long = value.as_str().is_some_and(|text| text.contains(':'));
        let hides = is_long && matches!(key.as_str(), "node" | "wallet");
        let value = match hides {
            true => Value::String("(not shown)".to_owned()),
            false => value.clone(),
        };
        (key.clone(), value)
    });
    shown.collect()
}

fn texts(all: impl Iterator<Item = String>) -> Value {
    Value::Array(all.map(Value::String).collect())
}

fn number(value: impl Into<u64>) -> Value {
    Value::Integer(i64::try_from(value.into()).unwrap_or(i64::MAX))
}

fn probe(config: &RegistryConfig) -> Value {
    let probe = &config.probe;
    Value::Table(Table::from_iter([
        ("enabled".to_owned(), Value::Boolean(probe.enabled)),
        ("interval_secs".to_owned(), number(probe.interval.as_secs())),
    ]))
}

fn limits(config: &RegistryConfig) -> Value {
    let limits = &config.limits;
    let rows = [
        ("submissions_per_hour", limits.submissions_per_hour),
        ("requests_per_second", limits.requests_per_second),
        ("requests_burst", limits.requests_burst),
        ("connections", limits.connections),
        ("connections_per_address", limits.connections_per_address),
    ];
    let rows = rows.map(|(key, value)| (key.to_owned(), number(value)));
    Value::Table(Table::from_iter(rows))
}

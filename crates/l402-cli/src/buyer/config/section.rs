//! The sections of the file: keys and values on one side, settings on the other.

use l402_client::{BudgetLimit, BudgetLimits};
use l402_host::is_loopback_host;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::document::{Key, Mistake, Value, boolean, entries, string};
use super::settings::{HookSettings, McpSettings, RegistrySettings, RegistryShape, VaultSettings};

/// The most registries. All of them are asked at once by one search.
const REGISTRIES_MAX: usize = 8;

/// The longest name of a registry, in bytes.
const REGISTRY_NAME_MAX: usize = 40;

pub(super) fn limits(table: &DeTable<'_>) -> Result<BudgetLimits, Mistake> {
    entries(table).try_fold(BudgetLimits::default(), |limits, (key, value)| {
        let Some(which) = BudgetLimit::from_name(key.name) else {
            return Err(key.unknown(&BudgetLimit::ALL.map(BudgetLimit::name).join(", ")));
        };
        let most = string(&key, value)?.parse();
        let most = most.map_err(|error: l402::AmountError| key.mistake(&error.to_string()))?;
        Ok(limits.with(which, Some(most)))
    })
}

pub(super) fn hook(hook: &Key<'_>, table: &DeTable<'_>) -> Result<HookSettings, Mistake> {
    let mut settings = Vec::new();
    for (key, value) in entries(table) {
        settings.push(match key.name {
            "command" => HookSettings::Command(command(&key, value)?),
            "url" => {
                let example = "\"https://policy.example/payments\"";
                HookSettings::Url(address(&key, string(&key, value)?, example)?)
            }
            _ => return Err(key.unknown("command, url")),
        });
    }
    match settings.len() {
        1 => Ok(settings.remove(0)),
        _ => Err(hook.mistake("name one of the two, command or url")),
    }
}

fn command(key: &Key<'_>, value: Value<'_>) -> Result<Vec<String>, Mistake> {
    let wrong =
        || key.mistake("write a list of texts, such as [\"/usr/local/bin/check\", \"--strict\"]");
    let DeValue::Array(items) = value.get_ref() else {
        return Err(wrong());
    };
    let words: Result<Vec<_>, _> = items.iter().map(|item| string(key, item)).collect();
    let words = words.map_err(|_| wrong())?;
    if words.first().is_none_or(|program| program.is_empty()) {
        return Err(wrong());
    }
    Ok(words.into_iter().map(str::to_owned).collect())
}

/// The text of the address is not repeated, for it may hold a secret.
fn address(key: &Key<'_>, text: &str, example: &str) -> Result<Url, Mistake> {
    let url: Url = text
        .parse()
        .map_err(|_| key.mistake(&format!("write an address, such as {example}")))?;
    let is_local = url.host_str().is_some_and(is_loopback_host);
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_local => Ok(url),
        _ => {
            let text = format!(
                "write an https address, such as {example}, or a plain one of this machine"
            );
            Err(key.mistake(&text))
        }
    }
}

pub(super) fn vault(table: &DeTable<'_>) -> Result<VaultSettings, Mistake> {
    let mut settings = VaultSettings::default();
    for (key, value) in entries(table) {
        match key.name {
            "enabled" => settings.enabled = boolean(&key, value)?,
            _ => return Err(key.unknown("enabled")),
        }
    }
    Ok(settings)
}

pub(super) fn mcp(table: &DeTable<'_>) -> Result<McpSettings, Mistake> {
    let mut settings = McpSettings::default();
    for (key, value) in entries(table) {
        match key.name {
            "danger_show_secrets" => settings.danger_show_secrets = boolean(&key, value)?,
            _ => return Err(key.unknown("danger_show_secrets")),
        }
    }
    Ok(settings)
}

pub(super) fn registries(
    tables: Vec<(Key<'_>, &DeTable<'_>)>,
) -> Result<Vec<RegistrySettings>, Mistake> {
    let mut all: Vec<RegistrySettings> = Vec::new();
    for (key, table) in tables {
        let settings = registry(&key, table)?;
        if all.iter().any(|other| other.name == settings.name) {
            return Err(key.mistake("another registry has this name"));
        }
        if all.len() == REGISTRIES_MAX {
            return Err(key.mistake(&format!("name at most {REGISTRIES_MAX} of them")));
        }
        all.push(settings);
    }
    Ok(all)
}

fn registry(registry: &Key<'_>, table: &DeTable<'_>) -> Result<RegistrySettings, Mistake> {
    let (mut name, mut url, mut shape) = (None, None, None);
    for (key, value) in entries(table) {
        let text = string(&key, value)?;
        match key.name {
            "name" => name = Some(registry_name(&key, text)?),
            "url" => url = Some(address(&key, text, "\"https://registry.example/api/v1\"")?),
            "shape" => shape = Some(registry_shape(&key, text)?),
            _ => return Err(key.unknown("name, url, shape")),
        }
    }
    match (name, url, shape) {
        (Some(name), Some(url), Some(shape)) => Ok(RegistrySettings { name, url, shape }),
        _ => Err(registry.mistake("write all three, name, url and shape")),
    }
}

fn registry_name(key: &Key<'_>, text: &str) -> Result<String, Mistake> {
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
    if text.is_empty() || text.len() > REGISTRY_NAME_MAX || !text.bytes().all(is_plain) {
        return Err(key.mistake(&format!(
            "write a name of a-z, 0-9, \".\" and \"-\", at most {REGISTRY_NAME_MAX} of them"
        )));
    }
    Ok(text.to_owned())
}

fn registry_shape(key: &Key<'_>, text: &str) -> Result<RegistryShape, Mistake> {
    let known = RegistryShape::ALL.into_iter();
    let found = known.clone().find(|(name, _)| *name == text);
    found.map(|(_, shape)| shape).ok_or_else(|| {
        let names: Vec<_> = known.map(|(name, _)| name).collect();
        key.mistake(&format!("write one of {}", names.join(", ")))
    })
}

//! A file as an operator may see it: without comments, and without what is secret or could be.

use serde_json::{Map, Value, json};
use toml::de::{DeTable, DeValue};
use url::Url;

/// What stands in the place of a secret.
const MASK: &str = "…";

/// Parts of names of keys whose values are secrets.
const SECRETS: [&str; 6] = [
    "secret",
    "token",
    "password",
    "macaroon",
    "authorization",
    "upstream_headers",
];

/// Returns the settings of a file. The values of keys that are named like a secret are masked, and of
/// each address all but scheme, host and port: a webhook's path and a node's query are secrets, too.
///
/// # Errors
/// The mistake, if the text is no TOML.
pub(crate) fn masked(text: &str) -> Result<Value, String> {
    let document = DeTable::parse(text).map_err(|error| error.message().to_owned())?;
    Ok(table(document.get_ref()))
}

fn table(table: &DeTable<'_>) -> Value {
    let entries = table.iter().map(|(key, value)| {
        let key = key.get_ref().to_string();
        let name = key.to_ascii_lowercase();
        // A flag or a number keeps no secret.
        let is_secret = SECRETS.iter().any(|secret| name.contains(secret));
        let value = plain(value.get_ref(), &name, is_secret);
        (key, value)
    });
    Value::Object(entries.collect::<Map<_, _>>())
}

fn plain(value: &DeValue<'_>, key: &str, is_secret: bool) -> Value {
    match value {
        DeValue::String(_) if is_secret => MASK.into(),
        DeValue::String(text) => address(text, key).into(),
        DeValue::Integer(number) => {
            let read = i64::from_str_radix(number.as_str(), number.radix());
            read.map_or_else(|_| number.as_str().into(), Value::from)
        }
        DeValue::Float(number) => number
            .as_str()
            .parse::<f64>()
            .map_or_else(|_| number.as_str().into(), |read| json!(read)),
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(items) => {
            let items = items
                .iter()
                .map(|item| plain(item.get_ref(), key, is_secret));
            Value::Array(items.collect())
        }
        // All of such a table is masked, since any of its values may be the secret.
        DeValue::Table(_) if is_secret => MASK.into(),
        DeValue::Table(inner) => table(inner),
    }
}

/// Returns a text; of an address, what tells nothing.
fn address(text: &str, key: &str) -> String {
    if !text.contains("://") {
        return text.to_owned();
    }
    let Ok(url) = text.parse::<Url>() else {
        return MASK.to_owned();
    };
    let host = url.host_str().unwrap_or_default();
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let shown = format!("{}://{host}{port}", url.scheme());
    let path = url.path();
    // Buyers see neither, and neither has room for a secret: an upstream takes no user and no query.
    if matches!(key, "upstream" | "cors_origins" | "homepage" | "reference")
        && url.query().is_none()
        && url.username().is_empty()
        && url.password().is_none()
    {
        return format!("{shown}{path}");
    }
    if matches!(path, "" | "/") && url.query().is_none() {
        return shown;
    }
    format!("{shown}/{MASK}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_left() {
        let text = "# node = \"lnd://a?macaroon=SECRET\"\nworkers = 2\n\
            node = \"nostr+walletconnect://ab12?relay=wss://r&secret=SECRET\"\n\
            [ledger]\nurl = \"postgres://l402:SECRET@db.example/l402\"\n\
            [webhooks]\nsecret = \"SECRET\"\nurls = [\"https://hooks.example/T0/SECRET\"]\n\
            [[route]]\nupstream = \"http://127.0.0.1:3000/base\"\nprice = \"50 sat\"\n\
            upstream_headers = { x-api-key = \"SECRET\" }\n";
        let shown = masked(text).unwrap();
        assert!(!shown.to_string().contains("SECRET"), "{shown}");
        assert_eq!(shown["workers"], 2);
        assert_eq!(shown["route"][0]["upstream"], "http://127.0.0.1:3000/base");
        assert_eq!(shown["route"][0]["price"], "50 sat");
        assert_eq!(shown["ledger"]["url"], "postgres://db.example/…");
        assert_eq!(shown["webhooks"]["urls"][0], "https://hooks.example/…");
    }
}

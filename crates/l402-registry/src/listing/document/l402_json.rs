//! `/.well-known/l402.json`, as l402apps and our gateway have it.

use serde_json::Value;

use super::entry::{Entry, endpoint, no_probe};
use super::read::Reading;
use crate::listing::field::{price, text, texts};
use crate::listing::{ClaimedPrice, Words};

/// Reads `endpoints`, or a list `pricing` of the same entries.
pub(super) fn read(document: &Value, reading: &mut Reading<'_>) {
    let list = document
        .get("endpoints")
        .or_else(|| document.get("pricing"));
    let provider = text(document, &["provider", "name"]);
    for entry in list.and_then(Value::as_array).into_iter().flatten() {
        if !reading.has_room() {
            break;
        }
        let name = text(entry, &["endpoint", "id", "name"]);
        reading.take(&name, service(entry, &provider));
    }
}

fn service(entry: &Value, provider: &str) -> Result<Entry, String> {
    let direction = text(entry, &["direction"]);
    if !direction.is_empty() && !direction.eq_ignore_ascii_case("charges") {
        return Err("it pays its callers, so that nothing is sold".to_owned());
    }
    // A variable cost has a number beside it, which is an example and no price.
    let is_variable = text(entry, &["costType"]).eq_ignore_ascii_case("variable");
    let cost = [
        ("price_msat", "msat"),
        ("cost", "sat"),
        ("price_sats", "sat"),
    ];
    Ok(Entry {
        endpoint: endpoint(entry, &["endpoint", "url", "path"])?,
        method: text(entry, &["method"]),
        words: Words {
            name: text(entry, &["name", "id"]),
            description: text(entry, &["description"]),
            category: Some(text(entry, &["category"])).filter(|name| !name.is_empty()),
            tags: texts(entry, "tags"),
            provider: provider.to_owned(),
            price: if is_variable {
                ClaimedPrice::default()
            } else {
                price(entry, &cost)
            },
            ..Words::default()
        },
        no_probe: no_probe(entry),
    })
}

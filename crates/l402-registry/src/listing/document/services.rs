//! `/.well-known/l402-services`, as 402index and our gateway have it, with the fields of two others.

use serde_json::Value;

use super::entry::{Entry, endpoint, no_probe};
use super::read::Reading;
use crate::listing::field::{amount, price, text, texts};
use crate::listing::{ClaimedPrice, RequestSchema, Words};

/// Reads `services`, or the `routes` of a manifest.
pub(super) fn read(document: &Value, reading: &mut Reading<'_>) {
    let list = document.get("services").or_else(|| document.get("routes"));
    let provider = match document.get("service") {
        Some(service) => text(service, &["operator", "name"]),
        None => text(document, &["provider", "name"]),
    };
    for entry in list.and_then(Value::as_array).into_iter().flatten() {
        if !reading.has_room() {
            break;
        }
        let name = text(entry, &["endpoint", "url", "path", "name", "id"]);
        reading.take(&name, service(entry, &provider));
    }
}

fn service(entry: &Value, provider: &str) -> Result<Entry, String> {
    let mut categories = texts(entry, "categories").into_iter();
    let category = text(entry, &["category"]);
    let category = Some(category).filter(|name| !name.is_empty());
    let mut tags = texts(entry, "tags");
    // A listing has one category, so the others become tags.
    let category = category.or_else(|| categories.next());
    tags.extend(categories);
    let own = text(entry, &["provider"]);
    Ok(Entry {
        endpoint: endpoint(entry, &["endpoint", "url", "path"])?,
        method: text(entry, &["method"]),
        words: Words {
            name: text(entry, &["name", "service", "id"]),
            description: text(entry, &["description"]),
            category,
            tags,
            provider: if own.is_empty() {
                provider.to_owned()
            } else {
                own
            },
            docs: Some(text(entry, &["docs"])).filter(|docs| !docs.is_empty()),
            price: service_price(entry),
            request_schema: ["request_schema", "request_body"]
                .iter()
                .find_map(|name| RequestSchema::of_fields(entry.get(*name)?)),
        },
        no_probe: no_probe(entry),
    })
}

/// Returns the price: flat as our gateway writes it, or within `pricing` or `price`.
fn service_price(entry: &Value) -> ClaimedPrice {
    const FLAT: [(&str, &str); 3] = [
        ("price_msat", "msat"),
        ("price_sats", "sat"),
        ("price_sat", "sat"),
    ];
    let flat = price(entry, &FLAT);
    if flat != ClaimedPrice::default() {
        return flat;
    }
    let Some(pricing) = entry.get("pricing").or_else(|| entry.get("price")) else {
        return flat;
    };
    let in_msat = price(pricing, &[("amount_msat", "msat")]);
    match amount(pricing, "amount") {
        Some(amount) if in_msat.price_msat.is_none() => {
            ClaimedPrice::read(&amount, &text(pricing, &["currency", "unit"]))
        }
        _ => in_msat,
    }
}

//! The APIs of registries: the question, and the services in the answer.

use serde_json::Value;
use url::Url;

use super::query::Query;
use super::service::{Health, Service};
use crate::buyer::{RegistrySettings, RegistryShape};

/// The longest address of a service, in bytes.
const URL_MAX: usize = 2048;

/// The most services that are read of one answer.
const SERVICES_MAX: usize = 200;

/// The methods that a service may be asked with. One without a method is asked with the first.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Returns the URL that asks a registry. Without words, it asks for the list.
pub(super) fn question(settings: &RegistrySettings, query: &Query) -> Url {
    let mut url = settings.url.clone();
    let has_words = !query.text.trim().is_empty();
    let path = match settings.shape {
        RegistryShape::Satring if has_words => "search",
        RegistryShape::Index402 | RegistryShape::L402 | RegistryShape::Satring => "services",
    };
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push(path);
    }
    let page = query.page().to_string();
    let mut pairs = url.query_pairs_mut();
    if has_words {
        pairs.append_pair("q", &query.text);
    }
    match settings.shape {
        RegistryShape::Index402 => {
            pairs
                .append_pair("protocol", "L402")
                .append_pair("limit", &page);
        }
        RegistryShape::L402 => {
            pairs.append_pair("limit", &page);
            // Ours knows the price that a buyer would really be asked for.
            if let Some(most) = query.max_price_sat {
                pairs.append_pair("max_price_sat", &most.to_string());
            }
        }
        RegistryShape::Satring => {
            pairs.append_pair("page_size", &page);
        }
    }
    // The search of satring knows no category; what it returns is held against it here.
    if let Some(category) = query.category.as_ref().filter(|_| path == "services") {
        match settings.shape {
            RegistryShape::L402 => pairs.append_pair("category", &category.to_lowercase()),
            RegistryShape::Index402 | RegistryShape::Satring => {
                pairs.append_pair("category", category)
            }
        };
    }
    drop(pairs);
    url
}

/// Returns the services of an answer that can be paid over Lightning and are not down; `None` if the answer
/// has another shape. An entry that cannot be read is left out.
pub(super) fn services(settings: &RegistrySettings, answer: &Value) -> Option<Vec<Service>> {
    let entries = answer.get("services")?.as_array()?;
    let read = match settings.shape {
        RegistryShape::Index402 => index402,
        RegistryShape::L402 => l402,
        RegistryShape::Satring => satring,
    };
    let services = entries.iter().take(SERVICES_MAX).filter_map(read);
    let services = services.map(|mut service| {
        service.registries = vec![settings.name.clone()];
        service
    });
    Some(services.collect())
}

fn index402(entry: &Value) -> Option<Service> {
    let is_paid_over_lightning = text(entry, "protocol").eq_ignore_ascii_case("L402");
    let health = match &*text(entry, "health_status") {
        "healthy" => Health::Healthy,
        "degraded" => Health::Degraded,
        "down" => return None,
        _ => Health::Unknown,
    };
    let category = Some(text(entry, "category")).filter(|it| !it.is_empty());
    is_paid_over_lightning.then_some(())?;
    service(entry, "price_sats", category, health)
}

/// The proofs of ownership that a registry of this program knows.
const OWNER_PROOFS: [&str; 3] = ["file", "dns", "node"];

/// Reads an entry of a registry of this program: state, price and owner are what it found itself.
fn l402(entry: &Value) -> Option<Service> {
    let health = match &*text(entry, "state") {
        "up" => Health::Healthy,
        "degraded" => Health::Degraded,
        "down" | "not_402" => return None,
        _ => Health::Unknown,
    };
    let category = Some(text(entry, "category")).filter(|it| !it.is_empty());
    let is_x402_alone = text(entry, "protocol") == "x402";
    let mut service = service(entry, "price_sats", category, health).filter(|_| !is_x402_alone)?;
    let observed = entry
        .pointer("/observed/price_msat")
        .and_then(Value::as_u64);
    if let Some(msat) = observed {
        service.price_sat = Some(msat.div_ceil(1000));
        service.is_price_observed = true;
    }
    let proof = entry.pointer("/owner/proof").and_then(Value::as_str);
    service.owner_proof = OWNER_PROOFS.into_iter().find(|known| Some(*known) == proof);
    Some(service)
}

fn satring(entry: &Value) -> Option<Service> {
    let protocol = text(entry, "protocol").to_uppercase();
    let has = |wanted: &str| protocol.split('+').any(|part| part.trim() == wanted);
    let is_lightning = text(entry, "mpp_method").eq_ignore_ascii_case("lightning");
    let is_paid_over_lightning = has("L402") || (has("MPP") && is_lightning);
    let health = match &*text(entry, "status") {
        "live" => Health::Healthy,
        "confirmed" => Health::Degraded,
        "down" | "purged" => return None,
        _ => Health::Unknown,
    };
    let categories = entry.get("categories").and_then(Value::as_array);
    let category = categories
        .and_then(|all| all.first())
        .map(|first| text(first, "slug"));
    is_paid_over_lightning.then_some(())?;
    service(entry, "pricing_sats", category, health)
}

fn service(
    entry: &Value,
    price: &str,
    category: Option<String>,
    health: Health,
) -> Option<Service> {
    let method = text(entry, "http_method").to_uppercase();
    let method = METHODS.into_iter().find(|known| *known == method);
    Some(Service {
        name: text(entry, "name"),
        description: text(entry, "description"),
        url: address(&text(entry, "url"))?,
        method: method.unwrap_or(METHODS[0]),
        price_sat: entry.get(price).and_then(whole_sat),
        is_price_observed: false,
        owner_proof: None,
        category,
        health,
        registries: Vec::new(),
    })
}

/// Returns a text of an entry, empty if there is none.
fn text(entry: &Value, key: &str) -> String {
    let text = entry.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// Returns the address of a service, if it is one that can be asked.
fn address(text: &str) -> Option<Url> {
    let mut url: Url = text.parse().ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    let is_http = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    url.set_fragment(None);
    (is_plain && is_http && url.as_str().len() <= URL_MAX).then_some(url)
}

/// Returns a price in sat, rounded up.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before"
)]
fn whole_sat(price: &Value) -> Option<u64> {
    if let Some(whole) = price.as_u64() {
        return Some(whole);
    }
    let price = price.as_f64()?.ceil();
    (0.0..=21e14).contains(&price).then_some(price as u64)
}

//! A service of 402index, of satring, or of our own export.

use serde_json::Value;

use crate::listing::field::{amount, price, text, texts};
use crate::listing::{
    CanonicalUrl, ClaimedPrice, NewListing, RequestSchema, Skipped, Words, WordsFrom, method,
};

/// Makes a listing of a service of another directory. What that directory says of its state and its owner is its
/// own word and left out.
///
/// # Errors
/// The entry and the reason why it is left out. The reason holds none of its text, so that equal reasons can be
/// counted.
pub(crate) fn imported(service: &Value) -> Result<NewListing, Skipped> {
    listing(service).map_err(|reason| {
        let name = text(service, &["url", "name", "id"]);
        Skipped::new(&name, reason)
    })
}

fn listing(service: &Value) -> Result<NewListing, String> {
    if !service.is_object() {
        return Err("it is no object".to_owned());
    }
    let url = text(service, &["url"]);
    if url.is_empty() {
        return Err("it has no `url`".to_owned());
    }
    // Directories list much that is not sold over Lightning. The reason tells which.
    let url = url.parse::<CanonicalUrl>();
    let url = url.map_err(|error| format!("its `url`: {error}"))?;
    if text(service, &["status"]) == "purged" {
        return Err("its directory has taken it out".to_owned());
    }
    if !is_of_lightning(service) {
        return Err("it is not paid over Lightning".to_owned());
    }
    let method = method(&text(service, &["http_method", "method"]));
    let method = method.ok_or("its method is none of GET, POST, PUT, PATCH, DELETE")?;
    Ok(NewListing {
        url,
        method: method.to_owned(),
        words: words_of(service).cleaned(),
        words_from: WordsFrom::Imported,
        no_probe: service.get("no_probe") == Some(&Value::Bool(true)),
    })
}

/// Returns true for L402, and for MPP over Lightning: `L402`, `MPP`, `x402`, or several with `+` between them.
/// A service without a protocol is believed.
fn is_of_lightning(service: &Value) -> bool {
    let protocol = text(service, &["protocol"]);
    let has = |wanted: &str| {
        let mut parts = protocol.split('+');
        parts.any(|part| part.trim().eq_ignore_ascii_case(wanted))
    };
    let network = text(service, &["mpp_method", "payment_network"]);
    let is_lightning = network.eq_ignore_ascii_case("lightning");
    protocol.is_empty() || has("L402") || has("LSAT") || (has("MPP") && is_lightning)
}

fn words_of(service: &Value) -> Words {
    // satring has a list of objects, 402index a text.
    let categories = service.get("categories").and_then(Value::as_array);
    let categories = categories.into_iter().flatten().take(20);
    let mut slugs = categories.map(|it| text(it, &["slug", "name"]));
    let category = text(service, &["category"]);
    let category = Some(category).filter(|name| !name.is_empty());
    let category = category.or_else(|| slugs.next());
    let mut tags = texts(service, "tags");
    tags.extend(slugs);
    Words {
        name: text(service, &["name"]),
        description: text(service, &["description"]),
        category,
        tags,
        provider: text(service, &["provider", "owner_name"]),
        docs: Some(text(service, &["docs", "docs_url"])).filter(|docs| !docs.is_empty()),
        price: claimed_price(service),
        request_schema: service
            .get("request_schema")
            .and_then(|schema| RequestSchema::read(schema, schema)),
    }
}

/// Returns the price that the directory says. Our own export has the claimed price apart from the observed one.
fn claimed_price(service: &Value) -> ClaimedPrice {
    if service.get("claimed_price_msat").is_some() {
        let other = text(service, &["claimed_price_other"]);
        return ClaimedPrice {
            price_msat: service.get("claimed_price_msat").and_then(Value::as_u64),
            other: Some(other).filter(|other| !other.is_empty()),
        };
    }
    let sat = price(service, &[("price_sats", "sat"), ("pricing_sats", "sat")]);
    // Zero stands for a price that the directory does not know.
    if sat.price_msat.is_some_and(|msat| msat > 0) {
        return sat;
    }
    let usd = ["price_usd", "pricing_usd"]
        .iter()
        .find_map(|name| amount(service, name));
    usd.map_or_else(ClaimedPrice::default, |usd| ClaimedPrice::read(&usd, "USD"))
}

//! `x-payment-info`: the price of an operation, in both of its forms.

use serde_json::Value;

use crate::listing::ClaimedPrice;
use crate::listing::field::{amount, text};

/// The methods and protocols of Lightning, as documents name them.
const LIGHTNING: [&str; 5] = [
    "lightning",
    "l402",
    "lsat",
    "mpp",
    "bitcoin-lightning-bolt11",
];

/// The most offers of an operation that are looked at.
const OFFERS_MAX: usize = 20;

/// Returns the price that an operation says.
///
/// # Errors
/// The reason why it is not listed: it is not sold over Lightning.
pub(super) fn claimed_price(info: &Value) -> Result<ClaimedPrice, String> {
    if info.get("price").is_some() || info.get("protocols").is_some() {
        return of_x402scan(info);
    }
    let single = std::slice::from_ref(info);
    let offers = info.get("offers").and_then(Value::as_array);
    let offers = offers.map_or(single, Vec::as_slice);
    of_mpp(&offers[..offers.len().min(OFFERS_MAX)])
}

/// `{intent, method, amount, currency}`: the amount is a whole number of the smallest unit (MPP,
/// draft-payment-discovery-00).
fn of_mpp(offers: &[Value]) -> Result<ClaimedPrice, String> {
    let is_lightning = |offer: &&Value| is_of_lightning(&text(offer, &["method"]));
    let is_charge = |offer: &&Value| text(offer, &["intent"]) != "session";
    let mut lightning = offers.iter().filter(is_lightning);
    let first = lightning.clone().next();
    let Some(offer) = lightning.find(is_charge).or(first) else {
        return Err("it has no offer of the method lightning".to_owned());
    };
    let Some(amount) = amount(offer, "amount") else {
        return Ok(ClaimedPrice::default());
    };
    // The smallest unit of bitcoin is the satoshi, unless the millisatoshi is named.
    Ok(match text(offer, &["currency"]).to_lowercase().as_str() {
        "" | "btc" | "bitcoin" | "xbt" => ClaimedPrice::read(&amount, "sat"),
        currency => ClaimedPrice::read(&amount, currency),
    })
}

/// `{protocols, price: {mode, currency, amount | min, max}}`: the amount is in the currency itself.
fn of_x402scan(info: &Value) -> Result<ClaimedPrice, String> {
    let protocols = info.get("protocols").and_then(Value::as_array);
    let is_lightning = |protocol: &Value| match protocol {
        Value::String(name) => is_of_lightning(name),
        Value::Object(named) => named.keys().any(|name| is_of_lightning(name)),
        _ => false,
    };
    if protocols.is_some_and(|all| !all.iter().any(is_lightning)) {
        return Err("none of its protocols is of Lightning".to_owned());
    }
    let Some(price) = info.get("price") else {
        return Ok(ClaimedPrice::default());
    };
    let currency = text(price, &["currency"]);
    if let Some(amount) = amount(price, "amount") {
        return Ok(ClaimedPrice::read(&amount, &currency));
    }
    Ok(match (amount(price, "min"), amount(price, "max")) {
        (Some(min), Some(max)) => ClaimedPrice {
            price_msat: None,
            other: Some(format!("{min} to {max} {currency}")),
        },
        _ => ClaimedPrice::default(),
    })
}

fn is_of_lightning(name: &str) -> bool {
    LIGHTNING
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

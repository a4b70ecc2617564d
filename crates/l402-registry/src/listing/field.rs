//! The fields of strangers' JSON, whatever shape they have.

use serde_json::Value;

use super::ClaimedPrice;

/// Returns the first of these fields that is a text and not empty.
pub(crate) fn text(value: &Value, names: &[&str]) -> String {
    let mut texts = names.iter().filter_map(|name| value.get(*name)?.as_str());
    texts
        .find(|text| !text.trim().is_empty())
        .unwrap_or_default()
        .to_owned()
}

/// Returns the texts of a list, at most 20.
pub(crate) fn texts(value: &Value, name: &str) -> Vec<String> {
    let list = value.get(name).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.take(20).map(str::to_owned).collect()
}

/// Returns a number as it is written, or the digits of a text.
pub(crate) fn amount(value: &Value, name: &str) -> Option<String> {
    match value.get(name)? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// Returns the price of the first field that has one; each name with its unit.
pub(crate) fn price(value: &Value, names: &[(&str, &str)]) -> ClaimedPrice {
    let mut prices = names.iter().filter_map(|(name, unit)| {
        let price = ClaimedPrice::read(&amount(value, name)?, unit);
        Some(price).filter(|price| *price != ClaimedPrice::default())
    });
    prices.next().unwrap_or_default()
}

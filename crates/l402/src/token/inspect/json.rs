//! Tokens in JSON: the V2 form of macaroons, and objects that are no macaroon.

use serde_json::{Map, Value};

use super::inspection::{Caveat, Format, Inspection, MAX_CAVEATS, escape, macaroon, payment_hash};
use crate::token::macaroon::base64;

type Object = Map<String, Value>;

/// Reads a JSON object of either kind.
pub(super) fn read(bytes: &[u8]) -> Option<Inspection> {
    // The reader refuses more than 128 levels, so that nesting cannot exhaust the stack (ATTACKS
    // T-14).
    let object: Object = serde_json::from_slice(bytes).ok()?;
    of_macaroon(&object).or_else(|| of_fields(&object))
}

/// Reads V2 JSON: `i`, `v` and `s` hold text, `i64`, `v64` and `s64` base64, `c` the caveats, `l`
/// the location. Some libraries also write `"v":2`.
fn of_macaroon(object: &Object) -> Option<Inspection> {
    let identifier = bytes(object, "i", "i64")?;
    let signature = bytes(object, "s", "s64")?;
    let empty = Vec::new();
    let caveats = object.get("c").map_or(Some(&empty), Value::as_array)?;
    let caveats: Option<Vec<_>> = caveats.iter().take(MAX_CAVEATS).map(caveat).collect();
    let location = text(object, "l").unwrap_or_default().as_bytes();
    Some(macaroon(
        Format::V2Json,
        location,
        &identifier,
        caveats?,
        &signature,
    ))
}

/// Reads a caveat of V2 JSON.
fn caveat(value: &Value) -> Option<Caveat> {
    let object = value.as_object()?;
    let third_party = object.contains_key("v") || object.contains_key("v64");
    Some(Caveat::new(&bytes(object, "i", "i64")?, third_party))
}

/// Returns the bytes of a field that holds text or, under another name, base64.
fn bytes(object: &Object, plain: &str, encoded: &str) -> Option<Vec<u8>> {
    match text(object, plain) {
        Some(text) => Some(text.as_bytes().to_vec()),
        None => base64::decode(text(object, encoded)?),
    }
}

/// Returns a field that holds text.
fn text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

/// Reads an object that is no macaroon. Its fields are shown as caveats.
fn of_fields(object: &Object) -> Option<Inspection> {
    if object.is_empty() {
        return None;
    }
    let identifier = text(object, "identifier")
        .map(of_hex_or_text)
        .unwrap_or_default();
    let named = text(object, "payment_hash").and_then(|hash| hash.parse().ok());
    // These four have their own places in the inspection.
    let hidden = ["caveats", "identifier", "location", "signature"];
    let fields = object
        .iter()
        .filter(|(name, _)| !hidden.contains(&name.as_str()));
    let fields = fields.map(|(name, value)| shown(name, value));
    let listed = object.get("caveats").map(listed).unwrap_or_default();
    Some(Inspection {
        format: Format::Json,
        location: escape(text(object, "location").unwrap_or_default().as_bytes()),
        identifier_hex: hex::encode(&identifier),
        payment_hash: named.or_else(|| payment_hash(&identifier)),
        caveats: fields.chain(listed).take(MAX_CAVEATS).collect(),
        signature_hex: text(object, "signature").map(|s| hex::encode(of_hex_or_text(s))),
    })
}

/// Returns the field `caveats`: a list item by item, an object field by field.
fn listed(caveats: &Value) -> Vec<Caveat> {
    match caveats {
        Value::Array(list) => list
            .iter()
            .map(|item| Caveat::new(&plain(item), false))
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| shown(name, value))
            .collect(),
        other => vec![shown("caveats", other)],
    }
}

/// Shows a field as `name=value`.
fn shown(name: &str, value: &Value) -> Caveat {
    Caveat::new(&[name.as_bytes(), b"=", &plain(value)].concat(), false)
}

/// Returns text without its quotes, and any other value as JSON.
fn plain(value: &Value) -> Vec<u8> {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
        .into_bytes()
}

/// Decodes hexadecimal, and takes any other text as it is.
fn of_hex_or_text(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap_or_else(|_| text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::inspect::inspect;

    fn texts(seen: &Inspection) -> Vec<&str> {
        seen.caveats
            .iter()
            .map(|caveat| caveat.text.as_str())
            .collect()
    }

    #[test]
    fn shows_the_fields_of_an_object() {
        let hash = "5c".repeat(32);
        let json = format!(
            r#"{{"identifier":"{hash}","expiry":1790000000,"service":"sms","capabilities":["a"],
                "caveats":["x=1",{{"y":2}}],"signature":"AB01"}}"#
        );
        for text in [
            json.clone(),
            base64::encode(json.as_bytes()),
            hex::encode(&json),
        ] {
            let seen = inspect(&text).unwrap();
            assert_eq!(seen.format, Format::Json);
            assert_eq!(seen.identifier_hex, hash);
            assert_eq!(seen.payment_hash, hash.parse().ok());
            let fields = [r#"capabilities=["a"]"#, "expiry=1790000000", "service=sms"];
            assert_eq!(texts(&seen), [&fields[..], &["x=1", r#"{"y":2}"#]].concat());
            assert_eq!(seen.signature_hex.as_deref(), Some("ab01"));
        }
    }

    #[test]
    fn a_macaroon_in_json_may_have_no_caveats_and_a_third_party() {
        let seen = inspect(r#"{"v":2,"i":"id","s":"sig"}"#).unwrap();
        assert_eq!((seen.format, texts(&seen)), (Format::V2Json, vec![]));
        let third = r#"{"i":"id","s64":"AAAA","c":[{"i":"user","v64":"AA","l":"https://x/"}]}"#;
        let seen = inspect(third).unwrap();
        assert!(seen.caveats[0].third_party);
        assert_eq!(seen.signature_hex.as_deref(), Some("000000"));
    }

    #[test]
    fn an_object_that_only_begins_like_a_macaroon_is_shown_field_by_field() {
        let seen = inspect(r#"{"i":"id","s":"sig","c":"none"}"#).unwrap();
        assert_eq!(seen.format, Format::Json);
        assert_eq!(texts(&seen), ["c=none", "i=id", "s=sig"]);
    }
}

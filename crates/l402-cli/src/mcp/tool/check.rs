//! Holds a value against a schema of ours: what the list of tools says is what a call is checked by.
//!
//! Only the keywords that [`schema`](super::schema) writes are known here; a test finds any other.

use serde_json::{Map, Number, Value};

use super::schema::{HASH_PATTERN, KEY_PATTERN};

/// The most characters of a name that is repeated in an error.
const NAME_CHARS: usize = 40;

/// Says what of a value does not fit a schema: the field, and the fix.
///
/// # Errors
/// The first fault that is found, for a model.
pub(super) fn check(schema: &Value, value: &Value, field: &str) -> Result<(), String> {
    if let Some(wanted) = schema.get("const").filter(|wanted| *wanted != value) {
        return Err(format!("{field} must be {wanted}"));
    }
    if let Some(all) = schema.get("enum").and_then(Value::as_array)
        && !all.contains(value)
    {
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        return Err(format!("{field} must be one of {}", all.join(", ")));
    }
    if !has_type(schema, value) {
        return Err(format!("{field} must be {}", types_in_words(schema)));
    }
    match value {
        Value::Number(number) => check_number(schema, number, field),
        Value::String(text) => check_text(schema, text, field),
        Value::Array(items) => items.iter().try_for_each(|item| match schema.get("items") {
            Some(of_item) => check(of_item, item, field),
            None => Ok(()),
        }),
        Value::Object(object) => check_object(schema, object, field),
        Value::Null | Value::Bool(_) => Ok(()),
    }
}

/// Returns the types that a schema names, none if it names none.
fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn has_type(schema: &Value, value: &Value) -> bool {
    let types = types(schema);
    types.is_empty()
        || types.iter().any(|name| match *name {
            "array" => value.is_array(),
            "boolean" => value.is_boolean(),
            "integer" => value.as_number().and_then(whole).is_some(),
            "null" => value.is_null(),
            "object" => value.is_object(),
            _ => value.is_string(),
        })
}

fn types_in_words(schema: &Value) -> String {
    let word = |name: &&str| match *name {
        "array" => "a list",
        "boolean" => "true or false",
        "integer" => "a whole number, without quotes and unit, such as 50",
        "null" => "null",
        "object" => "an object",
        _ => "a text",
    };
    let words: Vec<_> = types(schema).iter().map(word).collect();
    words.join(" or ")
}

/// Returns a number that is whole. One such as `50.0`, which JSON Schema counts as whole, is too.
pub(super) fn whole(number: &Number) -> Option<i128> {
    /// Up to here, every whole number has a form of its own in JSON as clients write it.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let exact = number.as_u64().map(i128::from);
    if let Some(whole) = exact.or(number.as_i64().map(i128::from)) {
        return Some(whole);
    }
    let float = number.as_f64()?;
    let is_whole = float.fract() == 0.0 && float.abs() < EXACT;
    // Written out and read again: a cast would round.
    is_whole
        .then(|| format!("{float:.0}").parse().ok())
        .flatten()
}

fn check_number(schema: &Value, number: &Number, field: &str) -> Result<(), String> {
    let bound = |name| schema.get(name).and_then(Value::as_i64).map(i128::from);
    let Some(number) = whole(number) else {
        // Whether a number has to be whole was checked before, with its type.
        return Ok(());
    };
    match (bound("minimum"), bound("maximum")) {
        (Some(least), _) if number < least => Err(format!("{field} must be at least {least}")),
        (_, Some(most)) if number > most => Err(format!("{field} must be at most {most}")),
        _ => Ok(()),
    }
}

fn check_text(schema: &Value, text: &str, field: &str) -> Result<(), String> {
    let bound = |name| schema.get(name).and_then(Value::as_u64);
    let length = text.chars().count() as u64;
    if bound("minLength").is_some_and(|least| length < least) {
        return Err(format!("{field} is empty"));
    }
    if let Some(most) = bound("maxLength").filter(|most| length > *most) {
        return Err(format!(
            "{field} has {length} characters; at most {most} are taken"
        ));
    }
    match schema.get("pattern").and_then(Value::as_str) {
        Some(HASH_PATTERN) if !is_hash(text) => Err(format!(
            "{field} must be a payment hash, 64 hexadecimal digits"
        )),
        Some(KEY_PATTERN) if !is_key(text) => Err(format!(
            "{field} must be 1 to 128 of the characters A-Z a-z 0-9 . _ : -"
        )),
        _ => Ok(()),
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_key(text: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(is_fit)
}

fn check_object(schema: &Value, object: &Map<String, Value>, field: &str) -> Result<(), String> {
    let inside = |name: &str| {
        // A model may have written a name of any length, and the error goes back to it.
        let name = l402::text::escape_within(name, NAME_CHARS);
        if field.is_empty() {
            name
        } else {
            format!("{field}.{name}")
        }
    };
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            return Err(format!("{} is missing", inside(name)));
        }
    }
    if let Some(most) = schema.get("maxProperties").and_then(Value::as_u64)
        && object.len() as u64 > most
    {
        return Err(format!(
            "{field} has {} entries; at most {most} are taken",
            object.len()
        ));
    }
    let known = schema.get("properties").and_then(Value::as_object);
    for (name, value) in object {
        match (
            known.and_then(|known| known.get(name)),
            schema.get("additionalProperties"),
        ) {
            (Some(schema), _) => check(schema, value, &inside(name))?,
            (None, Some(Value::Bool(false))) => {
                // With the names that there are, a model can correct the call at once.
                let known: Vec<_> = known
                    .into_iter()
                    .flatten()
                    .map(|it| it.0.as_str())
                    .collect();
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                return Err(format!("{} is no argument; known: {known}", inside(name)));
            }
            (None, Some(schema @ Value::Object(_))) => check(schema, value, &inside(name))?,
            (None, _) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::schema;
    use super::*;

    fn told(field: &str, value: Value) -> Result<(), String> {
        let mut input = schema::request();
        input["max_cost_sat"] = schema::max_cost();
        input["idempotency_key"] = schema::idempotency_key();
        let schema = schema::object(input, &["url"]);
        let mut object = json!({ "url": "https://api.example/" });
        object[field] = value;
        check(&schema, &object, "")
    }

    // ATTACKS A-05: wild arguments are errors that name the field and the fix.
    #[test]
    fn an_amount_is_a_whole_number_within_its_bounds() {
        for fine in [
            json!(1),
            json!(50),
            json!(50.0),
            json!(2_100_000_000_000_000_u64),
        ] {
            assert_eq!(told("max_cost_sat", fine.clone()), Ok(()), "{fine}");
        }
        let number = "max_cost_sat must be a whole number, without quotes and unit, such as 50";
        let long = "9".repeat(400);
        for bad in [
            json!(1e308),
            json!(-1e308),
            json!(0.5),
            json!("NaN"),
            json!("10 sats"),
            json!("10"),
            json!(long),
            json!(null),
            json!(true),
            json!([10]),
            json!({ "sat": 10 }),
        ] {
            assert_eq!(
                told("max_cost_sat", bad.clone()),
                Err(number.to_owned()),
                "{bad}"
            );
        }
        for (bad, why) in [
            (json!(-1), "must be at least 1"),
            (json!(0), "must be at least 1"),
            (json!(i64::MIN), "must be at least 1"),
            (json!(u64::MAX), "must be at most 2100000000000000"),
        ] {
            let error = told("max_cost_sat", bad.clone()).unwrap_err();
            assert_eq!(error, format!("max_cost_sat {why}"), "{bad}");
        }
        // What a parser makes of a number that has 400 digits.
        assert!(serde_json::from_str::<Value>(&long).is_err());
    }

    #[test]
    fn each_fault_names_its_field() {
        for (field, value, error) in [
            ("url", json!(""), "url is empty"),
            ("url", json!(7), "url must be a text"),
            (
                "url",
                json!("x".repeat(8193)),
                "url has 8193 characters; at most 8192 are taken",
            ),
            (
                "method",
                json!("get"),
                "method must be one of \"GET\", \"HEAD\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\"",
            ),
            ("headers", json!({ "a": 1 }), "headers.a must be a text"),
            ("headers", json!([]), "headers must be an object"),
            (
                "idempotency_key",
                json!("a b"),
                "idempotency_key must be 1 to 128 of the characters A-Z a-z 0-9 . _ : -",
            ),
            (
                "fast\u{202e}",
                json!(1),
                "fast\\u{202e} is no argument; known: body, headers, idempotency_key, max_cost_sat, method, url",
            ),
        ] {
            assert_eq!(told(field, value), Err(error.to_owned()), "{field}");
        }
        let many: Map<String, Value> = (0..33).map(|n| (format!("h{n}"), json!("x"))).collect();
        let error = told("headers", many.into()).unwrap_err();
        assert_eq!(error, "headers has 33 entries; at most 32 are taken");
        let missing = check(&schema::object(schema::request(), &["url"]), &json!({}), "");
        assert_eq!(missing, Err("url is missing".to_owned()));
    }

    #[test]
    fn a_key_is_short_and_a_hash_is_whole() {
        assert!(is_key("a-B.9_:"));
        for bad in ["", "a b", "ü", &"a".repeat(129)] {
            assert!(!is_key(bad), "{bad}");
        }
        assert!(is_hash(&"Ab".repeat(32)));
        for bad in ["", "ab", &"g".repeat(64), &"a".repeat(65)] {
            assert!(!is_hash(bad), "{bad}");
        }
    }
}

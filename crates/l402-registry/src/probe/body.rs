//! A request's body, built from the schema of a listing.

use serde_json::{Map, Number, Value, json};

use crate::listing::RequestSchema;

/// The deepest nesting that is built.
const DEPTH_MAX: usize = 6;

/// The longest body, in bytes. A larger one is replaced by an empty object.
const BODY_MAX: usize = 16 * 1024;

/// The most fields of one object, and the most items of one array.
const FIELDS_MAX: usize = 64;

/// Returns a JSON body that a schema asks for: the required fields, each with its default, its first
/// example or allowed value, or else a plain value of its type. An empty object without a schema.
pub(crate) fn body(schema: Option<&RequestSchema>) -> Vec<u8> {
    let built = schema.map(|schema| value(&schema.0, 0));
    let text = built.map(|value| value.to_string());
    text.filter(|text| text.len() <= BODY_MAX)
        .unwrap_or_else(|| "{}".to_owned())
        .into_bytes()
}

fn value(schema: &Value, depth: usize) -> Value {
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    if let Some(given) = given(schema) {
        return given.clone();
    }
    // Of alternatives the first, and of parts that all hold, the fields of each.
    for key in ["oneOf", "anyOf"] {
        let first = schema.get(key).and_then(|all| all.get(0));
        if let Some(first) = first {
            return value(first, depth + 1);
        }
    }
    match kind(schema) {
        "array" => array(schema, depth),
        "boolean" => Value::Bool(true),
        "integer" => number(schema, true),
        "null" => Value::Null,
        "number" => number(schema, false),
        "string" => string(schema),
        _ => object(schema, depth),
    }
}

/// Returns the value that the schema itself gives.
fn given(schema: &Value) -> Option<&Value> {
    let first = |key| schema.get(key).and_then(|all| all.get(0));
    schema
        .get("const")
        .or_else(|| schema.get("default"))
        .or_else(|| schema.get("example"))
        .or_else(|| first("examples"))
        .or_else(|| first("enum"))
}

fn kind(schema: &Value) -> &str {
    let named = schema.get("type");
    // A list of types, `["string", "null"]`: the first.
    let named = named.and_then(|named| named.as_str().or_else(|| named.get(0)?.as_str()));
    named.unwrap_or(if schema.get("items").is_some() {
        "array"
    } else {
        "object"
    })
}

fn object(schema: &Value, depth: usize) -> Value {
    let mut fields = Map::new();
    let parts = schema.get("allOf").and_then(Value::as_array);
    for part in parts.into_iter().flatten().take(FIELDS_MAX) {
        if let Value::Object(more) = value(part, depth + 1) {
            fields.extend(more);
        }
    }
    let required = schema.get("required").and_then(Value::as_array);
    let names = required.into_iter().flatten().filter_map(Value::as_str);
    for name in names.take(FIELDS_MAX) {
        let field = schema
            .get("properties")
            .and_then(|properties| properties.get(name));
        // A field whose type is not said is most likely a text.
        let field = field.map_or_else(|| json!("test"), |field| value(field, depth + 1));
        fields.insert(name.to_owned(), field);
    }
    Value::Object(fields)
}

fn array(schema: &Value, depth: usize) -> Value {
    let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1);
    let count = usize::try_from(least).unwrap_or(1).clamp(1, 4);
    let item = schema
        .get("items")
        .map_or_else(|| json!("test"), |item| value(item, depth + 1));
    Value::Array(vec![item; count])
}

fn number(schema: &Value, is_whole: bool) -> Value {
    let bound = |key| schema.get(key).and_then(Value::as_f64);
    let above = bound("exclusiveMinimum").map(|least| least + 1.0);
    let least = bound("minimum").or(above).unwrap_or(1.0);
    let most = bound("maximum").unwrap_or(f64::MAX);
    let picked = 1.0_f64.max(least).min(most);
    if is_whole || picked.fract() == 0.0 {
        // A text of digits is a whole number in JSON, too large for a machine or not.
        let whole = format!("{picked:.0}").parse::<i64>().unwrap_or(1);
        return Value::Number(whole.into());
    }
    Number::from_f64(picked).map_or_else(|| json!(1), Value::Number)
}

fn string(schema: &Value) -> Value {
    let text = match schema.get("format").and_then(Value::as_str) {
        Some("date") => "2026-01-01",
        Some("date-time") => "2026-01-01T00:00:00Z",
        Some("email") => "probe@example.com",
        Some("hostname") => "example.com",
        Some("ipv4") => "192.0.2.1",
        Some("uri" | "url") => "https://example.com/",
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        _ => "test",
    };
    let bound = |key| schema.get(key).and_then(Value::as_u64);
    let least = usize::try_from(bound("minLength").unwrap_or_default()).unwrap_or(BODY_MAX);
    let most = usize::try_from(bound("maxLength").unwrap_or(u64::MAX)).unwrap_or(BODY_MAX);
    let padding = "x".repeat(least.min(1024).saturating_sub(text.len()));
    let text: String = text.chars().chain(padding.chars()).take(most).collect();
    Value::String(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(schema: Value) -> Value {
        let schema = RequestSchema(schema);
        serde_json::from_slice(&body(Some(&schema))).unwrap()
    }

    #[test]
    fn required_fields_have_a_value_of_their_type() {
        let schema = json!({
            "type": "object",
            "required": ["prompt", "count", "ratio", "deep", "tags", "on", "model", "to", "any"],
            "properties": {
                "prompt": {"type": "string", "minLength": 6, "maxLength": 8},
                "count": {"type": "integer", "minimum": 3, "maximum": 9},
                "ratio": {"type": "number", "maximum": 0.5},
                "deep": {"type": "object", "required": ["a"], "properties": {"a": {"type": ["null", "string"]}}},
                "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
                "on": {"type": "boolean"},
                "model": {"enum": ["small", "large"]},
                "to": {"type": "string", "format": "email"},
                "unasked": {"type": "string"},
            },
        });
        let expected = json!({
            "prompt": "testxx", "count": 3, "ratio": 0.5, "deep": {"a": null}, "tags": ["test", "test"],
            "on": true, "model": "small", "to": "probe@example.com", "any": "test",
        });
        assert_eq!(built(schema), expected);
    }

    #[test]
    fn a_value_that_the_schema_gives_is_taken() {
        assert_eq!(built(json!({"default": {"q": 1}})), json!({"q": 1}));
        assert_eq!(built(json!({"examples": [{"q": 2}]})), json!({"q": 2}));
        let either = json!({"oneOf": [{"required": ["a"], "properties": {"a": {"const": 7}}}]});
        assert_eq!(built(either), json!({"a": 7}));
        let all = json!({"allOf": [{"required": ["a"]}, {"required": ["b"]}], "required": ["c"]});
        assert_eq!(built(all), json!({"a": "test", "b": "test", "c": "test"}));
    }

    #[test]
    fn no_schema_makes_a_body_without_bounds() {
        assert_eq!(body(None), b"{}");
        let mut deep = json!({"type": "string"});
        for _ in 0..100 {
            deep = json!({"type": "array", "items": deep, "minItems": 1_000_000});
        }
        assert!(body(Some(&RequestSchema(deep))).len() <= BODY_MAX);
        let long = json!({"type": "string", "minLength": u64::MAX, "format": 5});
        assert!(body(Some(&RequestSchema(long))).len() <= 2048);
        let large = json!({"default": "x".repeat(BODY_MAX)});
        assert_eq!(body(Some(&RequestSchema(large))), b"{}");
        for odd in [
            json!(null),
            json!([1]),
            json!("x"),
            json!({"required": 3, "properties": []}),
        ] {
            assert!(body(Some(&RequestSchema(odd))).len() < 100);
        }
        let numbers = json!({"type": "integer", "minimum": 1e300, "maximum": -1e300});
        assert!(built(numbers).is_number());
    }
}

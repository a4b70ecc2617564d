//! The shape of a request's body, from documents of strangers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The largest schema, in bytes of JSON.
const BYTES_MAX: usize = 16 * 1024;

/// The most levels of a schema.
const DEPTH_MAX: usize = 16;

/// The shape of a request's body: a JSON Schema of at most 16 KiB, without references to other documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestSchema(pub Value);

impl RequestSchema {
    /// Returns the schema with the references within `document` written out. `None` if it is no object, has
    /// references elsewhere or in a circle, or is too large.
    #[must_use]
    pub fn read(schema: &Value, document: &Value) -> Option<Self> {
        let mut left = BYTES_MAX;
        let schema = written_out(schema, document, DEPTH_MAX, &mut left)?;
        let bytes = serde_json::to_vec(&schema).ok()?.len();
        (schema.is_object() && bytes <= BYTES_MAX).then_some(Self(schema))
    }

    /// Returns the schema of `/.well-known/l402-services`: a JSON Schema, or an object of fields such as
    /// `{"text": {"type": "string", "required": true}}`.
    #[must_use]
    pub fn of_fields(fields: &Value) -> Option<Self> {
        let object = fields.as_object().filter(|object| !object.is_empty())?;
        // A field may have the name of a keyword: `properties` is one if there are schemas in it.
        let properties = object.get("properties").and_then(Value::as_object);
        let is_schema = object.get("type").is_some_and(Value::is_string)
            || properties.is_some_and(|all| all.values().all(Value::is_object))
            || object.contains_key("$schema");
        if is_schema {
            return Self::read(fields, fields);
        }
        let mut properties = Map::new();
        let mut required = Vec::new();
        for (name, field) in object {
            let mut field = match field {
                Value::Object(field) => field.clone(),
                Value::String(kind) => Map::from_iter([("type".to_owned(), kind.clone().into())]),
                _ => continue,
            };
            if field.remove("required") == Some(Value::Bool(true)) {
                required.push(Value::from(name.clone()));
            }
            properties.insert(name.clone(), Value::Object(field));
        }
        let schema = serde_json::json!({
            "type": "object", "properties": properties, "required": required,
        });
        Self::read(&schema, &schema)
    }
}

/// Returns a schema without references. `left` is the number of values that may still be written, so that
/// references to references to references end.
fn written_out(value: &Value, document: &Value, depth: usize, left: &mut usize) -> Option<Value> {
    *left = left.checked_sub(1)?;
    let depth = depth.checked_sub(1)?;
    match value {
        Value::Object(object) => {
            if let Some(reference) = object.get("$ref") {
                let target = resolve(document, reference.as_str()?)?;
                return written_out(target, document, depth, left);
            }
            let mut out = Map::new();
            for (name, value) in object {
                out.insert(name.clone(), written_out(value, document, depth, left)?);
            }
            Some(Value::Object(out))
        }
        Value::Array(values) => {
            let values = values.iter();
            let values: Option<Vec<_>> = values
                .map(|value| written_out(value, document, depth, left))
                .collect();
            values.map(Value::Array)
        }
        plain => Some(plain.clone()),
    }
}

/// Returns what a reference such as `#/components/schemas/Joke` names within a document; `None` if it names
/// another document.
pub(crate) fn resolve<'a>(document: &'a Value, reference: &str) -> Option<&'a Value> {
    document.pointer(reference.strip_prefix('#')?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn makes_a_schema_of_fields() {
        let fields = json!({"text": {"type": "string", "required": true}, "to": "string", "n": 1});
        let wanted = json!({
            "type": "object", "required": ["text"],
            "properties": {"text": {"type": "string"}, "to": {"type": "string"}},
        });
        assert_eq!(
            RequestSchema::of_fields(&fields),
            Some(RequestSchema(wanted))
        );
        let schema = json!({"type": "object", "properties": {"a": {}}});
        assert_eq!(
            RequestSchema::of_fields(&schema),
            Some(RequestSchema(schema))
        );
        assert_eq!(RequestSchema::of_fields(&json!({})), None);
        let field = json!({"type": "string", "required": false});
        let named = json!({"type": field, "properties": field});
        let schema = RequestSchema::of_fields(&named).expect("a schema");
        assert_eq!(schema.0["properties"]["properties"]["type"], "string");
        assert_eq!(schema.0["properties"]["type"]["type"], "string");
    }

    #[test]
    fn writes_references_out() {
        let document = json!({"components": {"schemas": {
            "A": {"type": "object", "properties": {"b": {"$ref": "#/components/schemas/B"}}},
            "B": {"type": "string"},
        }}});
        let schema = RequestSchema::read(&json!({"$ref": "#/components/schemas/A"}), &document);
        let wanted = json!({"type": "object", "properties": {"b": {"type": "string"}}});
        assert_eq!(schema, Some(RequestSchema(wanted)));
    }

    #[test]
    fn refuses_circles_other_documents_and_what_grows() {
        let circle = json!({"a": {"x": {"$ref": "#/a"}}});
        assert_eq!(RequestSchema::read(&circle["a"], &circle), None);
        let other = json!({"$ref": "https://other.example/schema.json"});
        assert_eq!(RequestSchema::read(&other, &other), None);
        // Ten steps of which each names the next one ten times.
        let mut bomb = Map::new();
        for step in 0..10 {
            let next = json!({"$ref": format!("#/s{}", step + 1)});
            bomb.insert(format!("s{step}"), Value::Array(vec![next; 10]));
        }
        bomb.insert("s10".to_owned(), json!("end"));
        let bomb = Value::Object(bomb);
        assert_eq!(RequestSchema::read(&bomb["s0"], &bomb), None);
        let large = json!({"description": "x".repeat(20_000)});
        assert_eq!(RequestSchema::read(&large, &large), None);
    }
}

//! The name, description and schema of a route in the documents that the gateway publishes.

use std::path::{Path, PathBuf};

use l402_host::named_path;
use serde_json::{Map, Number, Value};
use toml::de::DeValue;

use super::named_file::{named, read_within};
use super::prose::{line, paragraph};
use super::section::Section;

/// The largest schema, in bytes of JSON.
const MAX_SCHEMA: u64 = 64 * 1024;

/// The most tables and lists in one another, in a schema.
const MAX_DEPTH: usize = 32;

/// The place of a route in the documents that the gateway publishes, and its words there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Presentation {
    /// True to name the route, false to leave it out. `None` (the default) names it if it has a
    /// price.
    pub publish: Option<bool>,
    /// The name of the route. By default its memo.
    pub title: Option<String>,
    /// A description of at most 2,000 characters. By default the price in words.
    pub description: Option<String>,
    /// The JSON Schema of a request's body; of the query, for a route that takes no body.
    pub(crate) request_schema: Option<Map<String, Value>>,
    /// The file of the schema, if it has one.
    pub(crate) schema_file: Option<PathBuf>,
}

/// Reads the keys of a route. A relative path starts at `folder`.
pub(super) fn read(section: &Section<'_, '_>, folder: &Path) -> Presentation {
    let publish = section.flag("publish", true);
    let schema_file = section.value("request_schema").and_then(|value| {
        let file = value.get_ref().as_str()?;
        Some(named_path(folder, file))
    });
    Presentation {
        publish: section.has("publish").then_some(publish),
        title: line(section, "title"),
        description: paragraph(section, "description"),
        request_schema: schema(section, schema_file.as_deref()),
        schema_file,
    }
}

/// Reads `request_schema`: the name of a JSON file, or the schema itself as a table.
fn schema(section: &Section<'_, '_>, file: Option<&Path>) -> Option<Map<String, Value>> {
    let value = section.value("request_schema")?.get_ref();
    let read = match (file, value) {
        (Some(file), _) => read_file(file),
        (None, DeValue::Table(_)) => json(value, 0),
        _ => Err(
            "write the name of a JSON file, such as \"joke.schema.json\", or the schema as a table"
                .to_owned(),
        ),
    };
    let read = read.and_then(|value| match value {
        Value::Object(schema) if depth(&schema) <= MAX_DEPTH => Ok(schema),
        Value::Object(_) => Err(format!("has more than {MAX_DEPTH} levels")),
        _ => Err("not a JSON Schema: its outermost value must be an object".to_owned()),
    });
    read.map_err(|fix| section.wrong("request_schema", fix))
        .ok()
}

fn read_file(path: &Path) -> Result<Value, String> {
    let text = read_within(path, MAX_SCHEMA)?;
    serde_json::from_slice(&text).map_err(|error| named(path, &error))
}

/// Returns a value of TOML as JSON has it.
fn json(value: &DeValue<'_>, depth: usize) -> Result<Value, String> {
    // This recursion needs a bound itself: `schema` looks at the depth of its result only.
    if depth > MAX_DEPTH {
        return Err(format!("has more than {MAX_DEPTH} levels"));
    }
    let below = |value| json(value, depth + 1);
    Ok(match value {
        DeValue::String(text) => Value::String(text.clone().into_owned()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Integer(number) => {
            let read = i64::from_str_radix(number.as_str(), number.radix());
            Value::from(read.map_err(|_| "has a number that is too large")?)
        }
        DeValue::Float(number) => {
            let read = number.as_str().parse().ok().and_then(Number::from_f64);
            Value::Number(read.ok_or("has a number that JSON has no form for")?)
        }
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| below(item.get_ref()));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => {
            let entries = table.iter().map(|(key, value)| {
                let value = below(value.get_ref())?;
                Ok::<_, String>((key.get_ref().clone().into_owned(), value))
            });
            Value::Object(entries.collect::<Result<_, _>>()?)
        }
    })
}

/// Returns the number of objects and lists in one another.
fn depth(schema: &Map<String, Value>) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(of).max().unwrap_or_default(),
            Value::Object(entries) => 1 + entries.values().map(of).max().unwrap_or_default(),
            _ => 0,
        }
    }
    1 + schema.values().map(of).max().unwrap_or_default()
}

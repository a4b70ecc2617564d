//! Parameters in the paths of OpenAPI, filled with their examples.

use serde_json::Value;

use super::openapi::resolved;

/// The longest value of a parameter, in bytes.
const VALUE_MAX: usize = 200;

/// Returns a path such as `/jokes/{id}` with an example in the place of each parameter, which `holders`
/// describe, the nearer first.
///
/// # Errors
/// The reason why it is not listed: a parameter without an example.
pub(super) fn filled(path: &str, document: &Value, holders: &[&Value]) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after
            .split_once('}')
            .ok_or("its path has a brace without its end")?;
        // `{*rest}` is how routers write a parameter that takes several segments.
        let name = name.trim_start_matches('*');
        let parameter = parameter(name, document, holders);
        let example = parameter.and_then(|it| example(document, it)).ok_or(
            "a parameter of its path has no `example`; without one, no address can be asked",
        )?;
        out.push_str(before);
        push_escaped(&mut out, &example);
        rest = after;
    }
    if rest.contains('}') {
        return Err("its path has a brace without its begin".to_owned());
    }
    out.push_str(rest);
    Ok(out)
}

fn parameter<'a>(name: &str, document: &'a Value, holders: &[&'a Value]) -> Option<&'a Value> {
    let lists = holders
        .iter()
        .filter_map(|holder| holder.get("parameters")?.as_array());
    let mut parameters = lists.flatten().take(200).map(|it| resolved(document, it));
    parameters.find(|it| {
        let is_of_path = it.get("in").and_then(Value::as_str) == Some("path");
        is_of_path && it.get("name").and_then(Value::as_str) == Some(name)
    })
}

/// Returns the example, or the first value that the schema tells.
fn example(document: &Value, parameter: &Value) -> Option<String> {
    let null = Value::Null;
    let schema = resolved(document, parameter.get("schema").unwrap_or(&null));
    let named = parameter.get("examples").and_then(Value::as_object);
    let named = named
        .and_then(|all| all.values().next())
        .map(|first| resolved(document, first));
    let number = matches!(
        schema.get("type").and_then(Value::as_str),
        Some("integer" | "number")
    );
    [
        parameter.get("example"),
        named.and_then(|first| first.get("value")),
        schema.get("example"),
        schema.get("examples").and_then(|all| all.get(0)),
        schema.get("default"),
        schema.get("enum").and_then(|all| all.get(0)),
        schema.get("minimum"),
    ]
    .into_iter()
    .flatten()
    .find_map(plain)
    .or_else(|| number.then(|| "1".to_owned()))
}

fn plain(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        _ => return None,
    };
    ((1..=VALUE_MAX).contains(&text.len())).then_some(text)
}

/// Writes a value as one segment of a path.
fn push_escaped(out: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~' | b'.') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

//! The arguments of a call, from the spelling of the other wallet into ours.

use serde_json::{Map, Value, json};

use l402::text::escape_within;

use super::row::{Fate, Kind, Parameter, Row, Work};
use crate::mcp::tool::says_yes;

/// The longest name of an argument that is repeated, in characters.
const NAME_MAX: usize = 40;

/// The words about arguments with which a model says yes.
const NO_APPROVAL: &str =
    "is ignored: no argument approves a payment; a person does, with `l402 approve` or on the page";

/// The argument that every paying tool takes besides its own.
const KEY: &str = "idempotency_key";

/// The arguments of a call in our spelling.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    /// The arguments that the default tool, or the work, is called with.
    pub(super) ours: Map<String, Value>,
    /// The remarks of the result on arguments that changed nothing.
    pub(super) notes: Vec<String>,
}

/// Reads the arguments of a call.
///
/// # Errors
/// A text that names the argument and says what to write.
pub(super) fn read(row: &Row, given: &Map<String, Value>) -> Result<Arguments, String> {
    let mut read = Arguments::default();
    for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        if let Some(parameter) = row.parameters.iter().find(|it| it.name == name) {
            take(parameter, value, &mut read)?;
        } else if name == KEY && pays(row) {
            read.ours.insert(KEY.to_owned(), value.clone());
        } else if says_yes(name) {
            read.notes.push(format!("{name} {NO_APPROVAL}"));
        } else {
            return Err(unknown(row, name));
        }
    }
    // What is missing is refused, or has the number that the other wallet takes then.
    for parameter in row.parameters {
        let is_given = given.get(parameter.name).is_some_and(|it| !it.is_null());
        match parameter.fate {
            _ if is_given => {}
            _ if parameter.is_required => {
                return Err(format!(
                    "{} is missing: write {}",
                    parameter.name,
                    form(parameter.kind)
                ));
            }
            Fate::Or(to, number) => {
                read.ours.insert(to.to_owned(), json!(number));
            }
            _ => {}
        }
    }
    name_the_body(row, &mut read.ours);
    Ok(read)
}

fn pays(row: &Row) -> bool {
    matches!(
        row.work,
        Work::Tool("l402_fetch" | "pay_invoice") | Work::PayAddress
    )
}

fn take(parameter: &Parameter, value: &Value, read: &mut Arguments) -> Result<(), String> {
    let name = parameter.name;
    match parameter.fate {
        Fate::Refused(words) => return Err(format!("{name} is not taken: {words}")),
        Fate::Ignored(words) => read.notes.push(format!("{name} is ignored: {words}")),
        Fate::To(to) | Fate::Or(to, _) => {
            let value = checked(parameter.kind, value);
            let value = value.ok_or_else(|| format!("{name}: write {}", form(parameter.kind)))?;
            read.ours.insert(to.to_owned(), value);
        }
    }
    Ok(())
}

/// Returns a value as the default tools take it, or `None` if it is not of its kind.
fn checked(kind: Kind, value: &Value) -> Option<Value> {
    match kind {
        Kind::Text(most) => {
            let text = value.as_str()?;
            (text.len() <= most).then(|| json!(text))
        }
        Kind::Whole(least, most) => {
            let number = value.as_u64()?;
            (least..=most).contains(&number).then(|| json!(number))
        }
        Kind::Choice(texts) => {
            let text = value.as_str()?.to_ascii_uppercase();
            texts.contains(&text.as_str()).then(|| json!(text))
        }
        Kind::Texts => match value {
            Value::Object(_) => Some(value.clone()),
            Value::String(text) => {
                let object: Map<String, Value> = serde_json::from_str(text).ok()?;
                Some(Value::Object(object))
            }
            _ => None,
        },
        Kind::Any => Some(value.clone()),
    }
}

/// Returns what to write for a kind.
fn form(kind: Kind) -> String {
    match kind {
        Kind::Text(most) => format!("a text of at most {most} bytes"),
        Kind::Whole(least, most) => format!("a whole number from {least} to {most}"),
        Kind::Choice(texts) => format!("one of {}", texts.join(", ")),
        Kind::Texts => "an object of texts".to_owned(),
        Kind::Any => "a value".to_owned(),
    }
}

fn unknown(row: &Row, name: &str) -> String {
    let name = escape_within(name, NAME_MAX);
    let known: Vec<_> = row.parameters.iter().map(|it| it.name).collect();
    match known.as_slice() {
        [] => format!("there is no argument {name}: call it without any"),
        _ => format!(
            "there is no argument {name}; there are {}",
            known.join(", ")
        ),
    }
}

/// Says what a body is if the tool has no parameter for headers: JSON if it reads as that.
fn name_the_body(row: &Row, ours: &mut Map<String, Value>) {
    let has_headers = row
        .parameters
        .iter()
        .any(|it| matches!(it.kind, Kind::Texts));
    let Some(body) = ours.get("body").and_then(Value::as_str) else {
        return;
    };
    if has_headers || body.is_empty() {
        return;
    }
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok();
    let media_type = if is_json {
        "application/json"
    } else {
        "text/plain; charset=utf-8"
    };
    ours.insert("headers".to_owned(), json!({ "content-type": media_type }));
}

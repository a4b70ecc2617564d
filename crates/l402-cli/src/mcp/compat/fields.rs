//! The result of a default tool, in the keys of the other wallet.

use l402::UnixTime;
use serde_json::{Map, Value, json};
use url::Url;

use super::row::{Field, Source};

/// A result in the keys of the other wallet.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) object: Map<String, Value>,
    /// The keys that hold words of strangers.
    pub(super) untrusted: Vec<&'static str>,
}

/// The things that values come from.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    /// The result of the default tool.
    pub(super) result: &'a Value,
    /// The arguments, as they were given.
    pub(super) arguments: &'a Map<String, Value>,
    /// The one line of the default tool.
    pub(super) line: &'a str,
}

/// Returns the keys with their values. A key without a value is left out.
pub(super) fn read(fields: &'static [Field], from: Sources<'_>) -> Fields {
    let mut read = Fields::default();
    for Field(key, source) in fields {
        let Some(value) = value(source, from).filter(|it| !it.is_null()) else {
            continue;
        };
        if matches!(source, Source::Stranger(_)) {
            read.untrusted.push(key);
        }
        put(&mut read.object, key, value);
    }
    read
}

/// Puts a value below a key whose dots lead into objects.
fn put(object: &mut Map<String, Value>, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            object.insert(key.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = object.entry(first).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

fn value(source: &'static Source, from: Sources<'_>) -> Option<Value> {
    let at = |path: &str| from.result.pointer(path).filter(|it| !it.is_null());
    let text = |path: &str| at(path).and_then(Value::as_str);
    // `?` leaves a key out whose value is missing, or is not of the kind that the table expects.
    Some(match source {
        Source::At(path) => at(path)?.clone(),
        Source::Sat(path) => sat(at(path)?.as_u64()?),
        Source::IsOneOf(path, texts) => json!(texts.contains(&text(path)?)),
        Source::Is(path) => json!(at(path).is_some()),
        Source::Unix(path) => json!(UnixTime::from_rfc3339(text(path)?).ok()?.secs()),
        Source::Stranger(path) => at(path)?.get("text")?.clone(),
        Source::Host(path) => json!(Url::parse(text(path)?).ok()?.host_str()?),
        Source::Total(path) => {
            let part = |name: &str| at(path)?.get(name)?.as_u64();
            sat(part("amount_msat")?.checked_add(part("fee_msat")?)?)
        }
        Source::Limit(which, number) => {
            let limits = at("/limits")?.as_array()?;
            let limit = limits.iter().find(|it| it["which"] == **which)?;
            sat(limit.get(number)?.as_u64()?)
        }
        Source::Word(path, words) => {
            let ours = text(path)?;
            let theirs = words.iter().find(|(word, _)| *word == ours);
            json!(theirs.map_or(ours, |(_, theirs)| theirs))
        }
        Source::Each(path, fields) => {
            let entries = at(path)?.as_array()?.iter();
            entries
                .map(|result| Value::Object(read(fields, Sources { result, ..from }).object))
                .collect()
        }
        Source::One(fields) => json!([read(fields, from).object]),
        Source::Count(path) => json!(at(path)?.as_array()?.len()),
        Source::Argument(name) => from.arguments.get(*name)?.clone(),
        Source::Text(text) => json!(text),
        Source::Fixed(is) => json!(is),
        Source::Number(number) => json!(number),
        Source::Version => json!(env!("CARGO_PKG_VERSION")),
        Source::Line => json!(from.line),
    })
}

/// Returns an amount in msat as sat, rounded up.
fn sat(msat: u64) -> Value {
    json!(msat.div_ceil(1000))
}

//! Keys and values of the file, and the mistakes in them with their place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A mistake, and the byte of the text at which it stands.
pub(super) struct Mistake {
    pub(super) at: usize,
    pub(super) text: String,
}

/// A key with its place in the text.
pub(super) struct Key<'a> {
    pub(super) name: &'a str,
    span: Range<usize>,
}

impl Key<'_> {
    pub(super) fn mistake(&self, text: &str) -> Mistake {
        Mistake {
            at: self.span.start,
            text: format!("{}: {text}", l402::text::escape(self.name)),
        }
    }

    pub(super) fn unknown(&self, known: &str) -> Mistake {
        self.mistake(&format!("there is no such key; there are {known}"))
    }
}

pub(super) type Value<'a> = &'a Spanned<DeValue<'a>>;

pub(super) fn entries<'a>(table: &'a DeTable<'a>) -> impl Iterator<Item = (Key<'a>, Value<'a>)> {
    table.iter().map(|(key, value)| {
        let (name, span) = (key.get_ref().as_ref(), key.span());
        (Key { name, span }, value)
    })
}

pub(super) fn table<'a>(key: &Key<'_>, value: Value<'a>) -> Result<&'a DeTable<'a>, Mistake> {
    match value.get_ref() {
        DeValue::Table(table) => Ok(table),
        _ => Err(key.mistake("write a table, such as [limits]")),
    }
}

/// Returns the tables of a key that may stand several times, each with the place of its own beginning.
pub(super) fn tables<'a>(
    key: &Key<'a>,
    value: Value<'a>,
) -> Result<Vec<(Key<'a>, &'a DeTable<'a>)>, Mistake> {
    let wrong = || key.mistake(&format!("write a table, such as [[{}]]", key.name));
    let DeValue::Array(items) = value.get_ref() else {
        return Err(wrong());
    };
    let tables = items.iter().map(|item| match item.get_ref() {
        DeValue::Table(table) => {
            let (name, span) = (key.name, item.span());
            Ok((Key { name, span }, table))
        }
        _ => Err(wrong()),
    });
    tables.collect()
}

pub(super) fn string<'a>(key: &Key<'_>, value: Value<'a>) -> Result<&'a str, Mistake> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text),
        _ => Err(key.mistake("write a text in quotation marks")),
    }
}

pub(super) fn boolean(key: &Key<'_>, value: Value<'_>) -> Result<bool, Mistake> {
    match value.get_ref() {
        DeValue::Boolean(is_on) => Ok(*is_on),
        _ => Err(key.mistake("write true or false")),
    }
}

//! One table of the file. Each key is asked for once; a key that was not asked for is a mistake.
//!
//! A typed deserialiser stops at the first mistake. This one reads on, so that all mistakes of a
//! file can be fixed at once.

use core::cell::RefCell;
use core::fmt::Display;
use core::ops::{Range, RangeInclusive};
use core::str::FromStr;

use l402::UnixTime;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::Mistakes;

/// A table that is being read.
pub(super) struct Section<'a, 'i> {
    table: &'a DeTable<'i>,
    /// The text before each key in messages, such as `route[1].`.
    prefix: String,
    /// The place of the table's header, for keys that are missing.
    span: Range<usize>,
    /// The keys that have been asked for.
    known: RefCell<Vec<&'static str>>,
    mistakes: &'a Mistakes<'a>,
}

impl<'a, 'i> Section<'a, 'i> {
    pub(super) fn new(
        table: &'a DeTable<'i>,
        prefix: String,
        span: Range<usize>,
        mistakes: &'a Mistakes<'a>,
    ) -> Self {
        Self {
            table,
            prefix,
            span,
            known: RefCell::default(),
            mistakes,
        }
    }

    /// Returns the place of the table in the file.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Returns the place of a key's value, or that of the table if the key is missing.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or(self.span(), Spanned::span)
    }

    /// Returns the full name of a key, for messages.
    pub(super) fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Notes a mistake at the key's value, or at the table if the key is missing.
    pub(super) fn wrong(&self, key: &str, text: impl Into<String>) {
        self.mistakes.add(self.span_of(key), &self.path(key), text);
    }

    /// Returns a key's value, and marks the key as known.
    pub(super) fn value(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.known.borrow_mut().push(key);
        self.table.get(key)
    }

    /// Returns true if the table has the key. Does not mark it as known.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Returns true if the key's value is a list. Does not mark the key as known.
    pub(super) fn is_list(&self, key: &str) -> bool {
        let value = self.table.get(key);
        value.is_some_and(|value| value.get_ref().as_array().is_some())
    }

    /// Reads a text; `None` if it is missing or wrong.
    pub(super) fn text(&self, key: &'static str) -> Option<&'a str> {
        let value = self.value(key)?.get_ref();
        if value.as_str().is_none() {
            self.wrong(
                key,
                format!("is {}; write a text in quotes", article(value)),
            );
        }
        value.as_str()
    }

    /// Reads a text that `T` parses. A number without quotes is parsed, too, because the message of
    /// `T` may say more than that the quotes are missing (`50` has no unit either).
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, key: &'static str) -> Option<T> {
        let value = self.value(key)?.get_ref();
        let bare = match value {
            DeValue::Integer(number) => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => self.text(key)?,
        };
        match bare.parse() {
            Ok(read) if value.is_str() => return Some(read),
            Ok(_) => self.wrong(key, format!("write it in quotes: \"{bare}\"")),
            Err(error) => self.wrong(key, error.to_string()),
        }
        None
    }

    /// Reads a point in time, with or without quotes; `None` if it is missing or wrong.
    pub(super) fn time(&self, key: &'static str) -> Option<UnixTime> {
        let value = self.value(key)?.get_ref();
        let text = match value.as_datetime() {
            Some(time) => time.to_string(),
            None => self.text(key)?.to_owned(),
        };
        let time = UnixTime::from_rfc3339(&text);
        time.map_err(|error| self.wrong(key, error.to_string()))
            .ok()
    }

    /// Reads `true` or `false`; returns `default` if the key is missing or wrong.
    pub(super) fn flag(&self, key: &'static str, default: bool) -> bool {
        let Some(value) = self.value(key) else {
            return default;
        };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong(
                key,
                format!("is {}; write true or false", article(value.get_ref())),
            );
            default
        })
    }

    /// Reads a whole number within `range`; returns `default` if the key is missing or wrong.
    pub(super) fn number(
        &self,
        key: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> u64 {
        let Some(value) = self.value(key) else {
            return default;
        };
        let number = value.get_ref().as_integer();
        let read = number.and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
        read.filter(|number| range.contains(number))
            .unwrap_or_else(|| {
                let (least, most) = (range.start(), range.end());
                self.wrong(key, format!("write a whole number from {least} to {most}"));
                default
            })
    }

    /// Reads a list of texts, each parsed as a `T`; `None` if the key is missing or one of them is
    /// wrong.
    pub(super) fn list<T: FromStr<Err: Display>>(&self, key: &'static str) -> Option<Vec<T>> {
        let value = self.value(key)?;
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(key, "write a list of texts: [\"…\"]");
            return None;
        };
        // Collected in two steps, since a failing `collect` would stop at the first mistake.
        let read: Vec<Option<T>> = items.iter().map(|item| self.item(key, item)).collect();
        read.into_iter().collect()
    }

    fn item<T: FromStr<Err: Display>>(&self, key: &str, item: &Spanned<DeValue<'i>>) -> Option<T> {
        let text = item
            .get_ref()
            .as_str()
            .ok_or("write a text in quotes".to_owned());
        let read = text.and_then(|text| {
            text.parse()
                .map_err(|error: T::Err| format!("{text:?}: {error}"))
        });
        read.map_err(|error| self.mistakes.add(item.span(), &self.path(key), error))
            .ok()
    }

    /// Returns a table within this one; `None` if the file has none.
    pub(super) fn table(&self, key: &'static str) -> Option<Section<'a, 'i>> {
        let value = self.value(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(key, format!("write a table: [{key}]"));
            return None;
        };
        let prefix = format!("{}.", self.path(key));
        Some(Section::new(table, prefix, value.span(), self.mistakes))
    }

    /// Returns the tables that are written `[[key]]`.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Section<'a, 'i>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let items = value
            .get_ref()
            .as_array()
            .into_iter()
            .flat_map(|array| array.iter());
        let sections = items.enumerate().filter_map(|(index, item)| {
            let prefix = format!("{}[{index}].", self.path(key));
            let table = item.get_ref().as_table()?;
            Some(Section::new(table, prefix, item.span(), self.mistakes))
        });
        let sections: Vec<_> = sections.collect();
        if sections.is_empty() {
            self.wrong(key, format!("write each as a table of its own: [[{key}]]"));
        }
        sections
    }

    /// Returns every key with its value, for tables with keys of the operator's choice.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Spanned<DeValue<'i>>)> {
        self.table
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), value))
    }

    /// Notes every key that was not asked for as unknown.
    pub(super) fn finish(self) {
        let known = self.known.into_inner();
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let path = format!("{}{name}", self.prefix);
                self.mistakes.add(key.span(), &path, unknown(name, &known));
            }
        }
    }
}

/// Returns the kind of a value with its article, such as `an integer`.
fn article(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    let an = kind.starts_with(['a', 'i', 'o']);
    format!("{} {kind}", if an { "an" } else { "a" })
}

/// Returns the message on an unknown key, with the key that was probably meant.
fn unknown(name: &str, known: &[&'static str]) -> String {
    let near = known.iter().map(|key| (distance(name, key), key)).min();
    match near {
        Some((distance, key)) if distance <= 2 || key.starts_with(name) => {
            format!("unknown key; did you mean {key}?")
        }
        _ => format!("unknown key; this table has {}", known.join(", ")),
    }
}

/// Returns the number of bytes to insert, remove or change (Levenshtein distance).
fn distance(a: &str, b: &str) -> usize {
    // One row of the table is enough: each cell needs its left, upper and diagonal neighbour.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

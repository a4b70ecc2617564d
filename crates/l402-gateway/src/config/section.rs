//! One table of the file: each key is asked for once, what nobody asked for is a mistake.
//!
//! A typed deserialiser stops at the first mistake; this reads on, so that a file is mended in
//! one go.

use core::cell::RefCell;
use core::fmt::Display;
use core::ops::{Range, RangeInclusive};
use core::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::Mistakes;

pub(super) struct Section<'a, 'i> {
    table: &'a DeTable<'i>,
    /// What stands before each key in messages: `route[1].`.
    prefix: String,
    /// The header of the table, for keys that are missing.
    span: Range<usize>,
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

    /// Where the table stands in the file.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Where a key's value stands; the table, where there is none.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or(self.span(), Spanned::span)
    }

    pub(super) fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Notes a mistake at the key's value, or at the table where the key is absent.
    pub(super) fn wrong(&self, key: &str, text: impl Into<String>) {
        self.mistakes.add(self.span_of(key), &self.path(key), text);
    }

    pub(super) fn value(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.known.borrow_mut().push(key);
        self.table.get(key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

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

    /// A text that `T` reads. A number without quotes is shown to `T` too, whose message says
    /// what is missing.
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

    /// A list of texts, each read as a `T`; `None` where one cannot be.
    pub(super) fn list<T: FromStr<Err: Display>>(&self, key: &'static str) -> Option<Vec<T>> {
        let value = self.value(key)?;
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(key, "write a list of texts: [\"…\"]");
            return None;
        };
        // All are read before any is missed: each mistake is noted.
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

    /// A table within this one; empty where the file has none.
    pub(super) fn table(&self, key: &'static str) -> Option<Section<'a, 'i>> {
        let value = self.value(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(key, format!("write a table: [{key}]"));
            return None;
        };
        let prefix = format!("{}.", self.path(key));
        Some(Section::new(table, prefix, value.span(), self.mistakes))
    }

    /// Tables written `[[key]]`.
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

    /// Every key of this table with its value, for tables whose keys are free.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Spanned<DeValue<'i>>)> {
        self.table
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), value))
    }

    /// Reports what nobody asked for.
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

fn article(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    let an = kind.starts_with(['a', 'i', 'o']);
    format!("{} {kind}", if an { "an" } else { "a" })
}

fn unknown(name: &str, known: &[&'static str]) -> String {
    let near = known.iter().map(|key| (distance(name, key), key)).min();
    match near {
        Some((distance, key)) if distance <= 2 || key.starts_with(name) => {
            format!("unknown key; did you mean {key}?")
        }
        _ => format!("unknown key; this table has {}", known.join(", ")),
    }
}

/// How many letters are to be put in, taken out or changed.
fn distance(a: &str, b: &str) -> usize {
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

//! One table of a configuration, read key by key, and the mistakes that were found in it.

use core::fmt;
use core::ops::RangeInclusive;

use toml::{Table, Value};

/// A mistake in a configuration: the file, the key with its tables, and the fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigMistake {
    /// The file, as the caller named it.
    pub file: String,
    /// `probe.interval_secs`. Empty if no key is to blame.
    pub key: String,
    /// What is wrong, and what to write.
    pub text: String,
}

impl fmt::Display for ConfigMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            return write!(f, "{}: {}", self.file, self.text);
        }
        write!(f, "{}: {}: {}", self.file, self.key, self.text)
    }
}

impl std::error::Error for ConfigMistake {}

/// The mistakes of one file.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    pub(super) file: String,
    pub(super) found: Vec<ConfigMistake>,
}

impl Mistakes {
    pub(super) fn add(&mut self, key: &str, text: impl Into<String>) {
        self.found.push(ConfigMistake {
            file: self.file.clone(),
            key: key.to_owned(),
            text: text.into(),
        });
    }
}

/// A table whose keys are taken out as they are read: what is left in the end is unknown.
pub(super) struct Section<'a> {
    name: &'static str,
    table: Table,
    known: Vec<&'static str>,
    pub(super) mistakes: &'a mut Mistakes,
}

impl<'a> Section<'a> {
    pub(super) fn new(name: &'static str, table: Table, mistakes: &'a mut Mistakes) -> Self {
        Self {
            name,
            table,
            known: Vec::new(),
            mistakes,
        }
    }

    /// Notes a mistake at a key of this table.
    pub(super) fn wrong(&mut self, key: &str, text: impl Into<String>) {
        let name = self.full(key);
        self.mistakes.add(&name, text);
    }

    fn full(&self, key: &str) -> String {
        match self.name {
            "" => key.to_owned(),
            table => format!("{table}.{key}"),
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    /// Reads a text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            other => {
                self.wrong_type(key, "a text in quotes", &other);
                None
            }
        }
    }

    /// Reads a value from its text.
    pub(super) fn parsed<T>(&mut self, key: &'static str) -> Option<T>
    where
        T: core::str::FromStr<Err: fmt::Display>,
    {
        let text = self.text(key)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(key, format!("{text:?}: {error}"));
                None
            }
        }
    }

    /// Reads a list of values from their texts. One text alone is a list of one.
    pub(super) fn list<T>(&mut self, key: &'static str) -> Option<Vec<T>>
    where
        T: core::str::FromStr<Err: fmt::Display>,
    {
        let values = match self.take(key)? {
            Value::Array(values) => values,
            one => vec![one],
        };
        let mut list = Vec::new();
        for value in values {
            match value {
                Value::String(text) => match text.parse() {
                    Ok(value) => list.push(value),
                    Err(error) => self.wrong(key, format!("{text:?}: {error}")),
                },
                other => self.wrong_type(key, "a list of texts in quotes", &other),
            }
        }
        Some(list)
    }

    /// Reads a whole number within bounds.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        default: u64,
        bounds: RangeInclusive<u64>,
    ) -> u64 {
        let value = match self.take(key) {
            None => return default,
            Some(value) => value,
        };
        let number = value.as_integer().and_then(|it| u64::try_from(it).ok());
        match number.filter(|number| bounds.contains(number)) {
            Some(number) => number,
            None => {
                let (least, most) = bounds.into_inner();
                let wanted = format!("a whole number from {least} to {most}");
                self.wrong_type(key, &wanted, &value);
                default
            }
        }
    }

    /// Reads `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        match self.take(key) {
            None => default,
            Some(Value::Boolean(flag)) => flag,
            Some(other) => {
                self.wrong_type(key, "true or false", &other);
                default
            }
        }
    }

    /// Reads a table below this one.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Table> {
        match self.take(key)? {
            Value::Table(table) => Some(table),
            other => {
                self.wrong_type(key, &format!("a table: [{key}]"), &other);
                None
            }
        }
    }

    fn wrong_type(&mut self, key: &str, wanted: &str, found: &Value) {
        self.wrong(key, format!("write {wanted}; found {found}"));
    }

    /// Notes every key that was not read.
    pub(super) fn finish(mut self) {
        let known = self.known.join(", ");
        let unknown: Vec<String> = self.table.keys().cloned().collect();
        for key in unknown {
            self.wrong(&key, format!("no such key; there are {known}"));
        }
    }
}

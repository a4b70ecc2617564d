//! A mistake in a configuration, and its place.

use core::fmt;
use core::ops::Range;
use std::cell::RefCell;

/// A mistake in a configuration: file, line, column, key, and the fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    file: String,
    /// Line and column, from 1; `None` for the file as a whole, and for the command line.
    place: Option<(usize, usize)>,
    key: String,
    text: String,
}

impl ConfigError {
    /// Returns a mistake of the file as a whole.
    pub(super) fn whole(file: &str, text: String) -> Self {
        Self {
            file: file.to_owned(),
            place: None,
            key: String::new(),
            text,
        }
    }

    /// Returns a mistake in a file that a key names.
    pub(crate) fn named_file(file: &str, key: &str, text: String) -> Self {
        Self {
            file: file.to_owned(),
            place: None,
            key: key.to_owned(),
            text,
        }
    }

    /// Returns a mistake in a flag of the command line.
    pub(super) fn flag(flag: &str, text: String) -> Self {
        Self {
            file: "command line".to_owned(),
            place: None,
            key: flag.to_owned(),
            text,
        }
    }

    /// The file as the caller named it, or `command line`.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, from 1; `None` for the file as a whole, and for the command line.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.place.map(|(line, _)| line)
    }

    /// The column in characters, from 1; `None` whenever [`ConfigError::line`] is.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.place.map(|(_, column)| column)
    }

    /// The key with its tables, such as `route[1].price`. Empty if no key is to blame.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The text with the fix, without the place.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// Writes one line, such as `l402.toml:12:9: route[1].price: the unit is missing; …`.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.text)
    }
}

impl std::error::Error for ConfigError {}

/// The text that is read, and the mistakes found in it so far. Behind a `RefCell`, because every
/// section of the text adds to them.
#[derive(Debug)]
pub(super) struct Mistakes<'a> {
    name: &'a str,
    text: &'a str,
    found: RefCell<Vec<ConfigError>>,
}

impl<'a> Mistakes<'a> {
    pub(super) fn new(name: &'a str, text: &'a str) -> Self {
        Self {
            name,
            text,
            found: RefCell::default(),
        }
    }

    /// Adds a mistake at these bytes of the text.
    pub(super) fn add(&self, span: Range<usize>, key: &str, text: impl Into<String>) {
        self.found.borrow_mut().push(ConfigError {
            file: self.name.to_owned(),
            place: Some(place(self.text, span.start)),
            key: key.to_owned(),
            text: text.into(),
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// Returns all mistakes in the order of the file.
    pub(super) fn into_errors(self) -> Vec<ConfigError> {
        let mut found = self.found.into_inner();
        // They were found in the order in which the code reads keys.
        found.sort_by_key(|mistake| mistake.place);
        found
    }
}

/// Returns line and column of a byte, from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

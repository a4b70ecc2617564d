//! Changes of single values in the text of a file: everything else stays as it is, comments included.

use core::fmt;
use core::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The table of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EditTable {
    /// A table of the file, such as `[http]`.
    Named(&'static str),
    /// A route, by its place in the file.
    Route(usize),
}

/// One value that is to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) table: EditTable,
    pub(crate) key: &'static str,
    pub(crate) value: EditValue,
}

/// A value as a file holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EditValue {
    Number(u64),
    Text(String),
}

impl fmt::Display for EditValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            // TOML knows the escapes of Rust's `Debug` for what prices and their like consist of.
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

impl EditValue {
    fn is(&self, value: &DeValue<'_>) -> bool {
        match self {
            Self::Number(number) => value.as_integer().is_some_and(|found| {
                u64::from_str_radix(found.as_str(), found.radix()) == Ok(*number)
            }),
            Self::Text(text) => value.as_str() == Some(text),
        }
    }
}

/// Returns the text with a value set.
///
/// # Errors
/// A text for people, if the value cannot be set without a person's help.
pub(crate) fn edit(text: &str, edit: &Edit) -> Result<String, String> {
    let (place, new) = {
        let document = parse(text)?;
        match place(text, document.get_ref(), edit)? {
            Place::Value(span) => (span, edit.value.to_string()),
            Place::After(at) => (at..at, format!("{} = {}\n", edit.key, edit.value)),
            Place::NewTable(name) => {
                let new = format!("\n[{name}]\n{} = {}\n", edit.key, edit.value);
                (text.len()..text.len(), new)
            }
        }
    };
    let before = text.get(..place.start).unwrap_or_default();
    let after = text.get(place.end..).unwrap_or_default();
    // A last line without its end would run into what is put after it.
    let gap = if place.is_empty() && !before.is_empty() && !before.ends_with('\n') {
        "\n"
    } else {
        ""
    };
    let edited = format!("{before}{gap}{new}{after}");
    let document = parse(&edited)?;
    let found = table(document.get_ref(), edit.table).and_then(|table| table.get(edit.key));
    if found.is_some_and(|value| edit.value.is(value.get_ref())) {
        drop(document);
        return Ok(edited);
    }
    Err(by_hand(edit))
}

/// The place of a value.
enum Place {
    /// The value is there.
    Value(Range<usize>),
    /// The table is there, and its header ends here.
    After(usize),
    NewTable(&'static str),
}

fn place(text: &str, document: &DeTable<'_>, edit: &Edit) -> Result<Place, String> {
    let Some(found) = value(document, edit.table) else {
        return match edit.table {
            EditTable::Named(name) if document.get(name).is_none() => Ok(Place::NewTable(name)),
            _ => Err(by_hand(edit)),
        };
    };
    let table = found.get_ref().as_table().ok_or_else(|| by_hand(edit))?;
    if let Some(value) = table.get(edit.key) {
        return Ok(Place::Value(value.span()));
    }
    // A table that is written in one line, or by keys with dots, has no header.
    let header = text.get(found.span().start..).unwrap_or_default();
    if !header.starts_with('[') {
        return Err(by_hand(edit));
    }
    let line = header.find('\n').map_or(header.len(), |end| end + 1);
    Ok(Place::After(found.span().start + line))
}

fn value<'a, 'i>(document: &'a DeTable<'i>, at: EditTable) -> Option<&'a Spanned<DeValue<'i>>> {
    match at {
        EditTable::Named(name) => document.get(name),
        EditTable::Route(index) => document.get("route")?.get_ref().as_array()?.get(index),
    }
}

fn table<'a, 'i>(document: &'a DeTable<'i>, at: EditTable) -> Option<&'a DeTable<'i>> {
    value(document, at)?.get_ref().as_table()
}

fn parse(text: &str) -> Result<Spanned<DeTable<'_>>, String> {
    DeTable::parse(text).map_err(|error| error.message().to_owned())
}

fn by_hand(edit: &Edit) -> String {
    let table = match edit.table {
        EditTable::Named(name) => name.to_owned(),
        EditTable::Route(index) => format!("route[{index}]"),
    };
    format!(
        "{table}.{} is written in a way that only a person can change: edit the file",
        edit.key
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, table: EditTable, key: &'static str, value: EditValue) -> String {
        let one = Edit { table, key, value };
        edit(text, &one).unwrap_or_else(|error| error)
    }

    #[test]
    fn a_value_changes_and_nothing_else_does() {
        let text = "# mine\nhosts = []\n\n[http] # limits\nh2c = true # why not\n\n\
                    # jokes\n[[route]]\npath = \"/a\" # one\nprice = \"50 sat\" # cheap\n\
                    [[route]]\nprice = '9 sat'\npath = \"/b\"";
        let price = |sat: &str| EditValue::Text(format!("{sat} sat"));
        let dearer = set(text, EditTable::Route(0), "price", price("70"));
        assert_eq!(dearer, text.replace("50 sat", "70 sat"));
        let dearer = set(text, EditTable::Route(1), "price", price("70"));
        assert_eq!(dearer, text.replace("'9 sat'", "\"70 sat\""));
        let http = EditTable::Named("http");
        let limited = set(text, http, "streams_per_peer", EditValue::Number(7));
        let header = "[http] # limits\n";
        let with = format!("{header}streams_per_peer = 7\n");
        assert_eq!(limited, text.replace(header, &with));
        let challenges = EditTable::Named("challenges");
        let limited = set(text, challenges, "total_burst", EditValue::Number(7));
        assert_eq!(
            limited,
            format!("{text}\n\n[challenges]\ntotal_burst = 7\n")
        );
    }

    #[test]
    fn a_text_that_only_a_person_can_change_is_left_alone() {
        let dotted = "http.h2c = true\n";
        let http = EditTable::Named("http");
        let refused = set(dotted, http, "streams_per_peer", EditValue::Number(7));
        assert!(refused.contains("a person"), "{refused}");
        let one_line = "http = { h2c = true, streams_per_peer = 3 }\n";
        let limited = set(one_line, http, "streams_per_peer", EditValue::Number(7));
        assert_eq!(limited, one_line.replace('3', "7"));
        let refused = set("", EditTable::Route(0), "price", EditValue::Number(7));
        assert!(refused.contains("route[0].price"), "{refused}");
    }
}

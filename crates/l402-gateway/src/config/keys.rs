//! The tables `[[keys]]`: the files of the master keys, by number.

use std::path::{Path, PathBuf};

use l402::{KeyNumber, UnixTime};
use l402_host::named_path;

use super::section::Section;

/// A master key as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyEntry {
    /// The number in its tokens. Not 0.
    pub(crate) number: KeyNumber,
    /// `None` for `master.key` in the home folder.
    pub(crate) file: Option<PathBuf>,
    /// From then on its tokens have expired.
    pub(crate) until: Option<UnixTime>,
}

impl KeyEntry {
    /// The key that is there without any entry.
    pub(crate) const DEFAULT: Self = Self {
        number: KeyNumber(1),
        file: None,
        until: None,
    };
}

/// Reads the tables, or the one table `[keys]`. Returns the keys in the order of their numbers, at
/// least one.
pub(super) fn read(root: &Section<'_, '_>, folder: &Path) -> Vec<KeyEntry> {
    let is_table = root
        .value("keys")
        .is_some_and(|value| value.get_ref().is_table());
    let sections = if is_table {
        root.table("keys").into_iter().collect()
    } else if root.has("keys") {
        root.tables("keys")
    } else {
        return vec![KeyEntry::DEFAULT];
    };
    let mut keys: Vec<KeyEntry> = Vec::new();
    for section in sections {
        let number = u16::try_from(section.number("number", 1, 1..=u16::MAX.into()));
        let number = KeyNumber(number.unwrap_or(1));
        if keys.iter().any(|key| key.number == number) {
            section.wrong("number", format!("{} stands there twice", number.0));
        }
        let file = section.text("file").map(|file| named_path(folder, file));
        // A `file` that is no text has been noted as wrong already.
        if file.is_none() && number != KeyNumber(1) && !section.has("file") {
            section.wrong(
                "file",
                "missing; only number 1 has a file without it, master.key in the home folder: file = \"second.key\"",
            );
        }
        let until = section.time("until");
        keys.push(KeyEntry {
            number,
            file,
            until,
        });
        section.finish();
    }
    keys.sort_by_key(|key| key.number);
    keys
}

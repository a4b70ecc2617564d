//! The report of an import.

use std::collections::BTreeMap;

use crate::listing::Skipped;

/// The most entries that a report shows one by one.
const SHOWN_MAX: usize = 20;

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The number of entries that were read.
    pub read: u64,
    /// The number of new listings.
    pub new: u64,
    /// The number of entries that were listed already.
    pub known: u64,
    /// The number of entries that were left out.
    pub skipped: u64,
    /// The reasons for that, each with its number.
    pub reasons: BTreeMap<String, u64>,
    /// The first 20 entries that were left out.
    pub shown: Vec<Skipped>,
    /// The fault at which the reading ended, if it ended early. What came before it was imported.
    pub fault: Option<String>,
}

impl Imported {
    /// Counts an entry that was left out.
    pub(crate) fn skip(&mut self, entry: Skipped) {
        self.skipped += 1;
        *self.reasons.entry(entry.reason.clone()).or_default() += 1;
        if self.shown.len() < SHOWN_MAX {
            self.shown.push(entry);
        }
    }
}

//! The table `[books]`: what is written down of sales.

use super::section::Section;

/// The days that entries are kept by default: two years.
const KEEP_DAYS: u64 = 730;

/// The settings of the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BooksSettings {
    /// False writes nothing: `l402 sales` then tells nothing, and receipts say what was bought alone.
    pub(crate) enabled: bool,
    /// The age in days at which an entry goes, if its payment has ended: 1 to 36,500.
    pub(crate) keep_days: u64,
}

impl Default for BooksSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            keep_days: KEEP_DAYS,
        }
    }
}

/// Reads the table.
pub(super) fn read(root: &Section<'_, '_>) -> BooksSettings {
    let default = BooksSettings::default();
    let Some(section) = root.table("books") else {
        return default;
    };
    let settings = BooksSettings {
        enabled: section.flag("enabled", default.enabled),
        keep_days: section.number("keep_days", default.keep_days, 1..=36_500),
    };
    section.finish();
    settings
}

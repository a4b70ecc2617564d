//! The list of payments: a page of text, or all of it as JSON, read and written part by part.

use l402_client::{Cursor, Entry, EntryQuery, Journal};
use serde_json::{Value, json};

use super::find::short;
use crate::error::CliError;
use crate::text::output::{Output, print, tell};
use crate::text::plain::escape_short;
use crate::text::when;

/// The rows that a person is shown: a screen or two.
const ROWS_SHOWN: u32 = 50;

/// The rows that are in memory at once.
const PART: u32 = 1000;

/// The number of rows that is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RowCount {
    All,
    /// As suits the reader.
    Default,
    Most(u32),
}

impl RowCount {
    /// Returns the most rows to show. A program gets all of them unless it says how many: it would
    /// take a part for the whole, and add it up.
    pub(super) fn most(self, shown: u32, is_json: bool) -> u32 {
        match self {
            Self::Most(limit) => limit,
            Self::Default if !is_json => shown,
            Self::All | Self::Default => u32::MAX,
        }
    }
}

/// Prints the entries, the newest first, and says if they are not all.
pub(crate) fn list(
    journal: &Journal,
    query: &EntryQuery,
    wanted: RowCount,
    out: Output,
) -> Result<(), CliError> {
    let most = wanted.most(ROWS_SHOWN, out.is_json());
    let printed = Parts::of(out).print_all(journal, query, most)?;
    if printed < most {
        return Ok(());
    }
    let found = journal.count(query)?;
    // Also where a program reads stdout: an array has no place for it, and a person may watch.
    if u64::from(printed) < found {
        tell(&format!(
            "the newest {printed} of {found} are shown; --all shows the others"
        ));
    }
    Ok(())
}

/// The printed form of the list, part by part.
enum Parts {
    Json,
    Text,
}

impl Parts {
    fn of(out: Output) -> Self {
        if out.is_json() {
            Self::Json
        } else {
            Self::Text
        }
    }

    /// Prints at most `most` entries, and returns their number.
    fn print_all(&self, journal: &Journal, query: &EntryQuery, most: u32) -> Result<u32, CliError> {
        let (mut printed, mut from): (u32, Option<Cursor>) = (0, None);
        loop {
            let page = journal.page(query, PART.min(most.saturating_sub(printed)), from)?;
            print(&self.part(&page.entries, printed == 0))?;
            printed = printed.saturating_add(u32::try_from(page.entries.len()).unwrap_or(u32::MAX));
            from = page.next.filter(|_| printed < most);
            if from.is_none() {
                break;
            }
        }
        print(&self.end(printed == 0))?;
        Ok(printed)
    }

    fn part(&self, entries: &[Entry], is_first: bool) -> String {
        let mut text = String::new();
        for (at, entry) in entries.iter().enumerate() {
            match self {
                Self::Json if is_first && at == 0 => text += "[",
                Self::Json => text += ",",
                Self::Text if is_first && at == 0 => text += &title(),
                Self::Text => {}
            }
            text += &match self {
                Self::Json => row(entry).to_string(),
                Self::Text => line(entry),
            };
        }
        text
    }

    fn end(&self, is_empty: bool) -> String {
        let text = match (self, is_empty) {
            (Self::Json, true) => "[]\n",
            (Self::Json, false) => "]\n",
            (Self::Text, true) => "nothing of this kind is in the journal\n",
            (Self::Text, false) => "",
        };
        text.to_owned()
    }
}

/// Returns one entry for a program.
pub(super) fn row(entry: &Entry) -> Value {
    json!({
        "payment_hash": entry.payment_hash.to_string(),
        "url": format!("{}{}", entry.origin, entry.path),
        "origin": entry.origin,
        "path": entry.path,
        "state": entry.state.name(),
        "amount_msat": entry.amount.msat(),
        "fee_msat": entry.fee.msat(),
        "paid_msat": entry.moved().msat(),
        "created": entry.created.secs(),
        "updated": entry.updated.secs(),
        "note": entry.note,
    })
}

fn title() -> String {
    format!(
        "{:<20}  {:<13}  {:>10}  {:>8}  {:<12}  {}\n",
        "when (UTC)", "state", "amount", "fee", "payment", "what"
    )
}

fn line(entry: &Entry) -> String {
    format!(
        "{:<20}  {:<13}  {:>10}  {:>8}  {}  {}\n",
        when::utc(entry.created),
        entry.state.name(),
        entry.amount.to_string(),
        entry.fee.to_string(),
        short(&entry.payment_hash),
        place(entry),
    )
}

/// Returns the place of a purchase, escaped and cut to a line.
pub(super) fn place(entry: &Entry) -> String {
    escape_short(&format!("{}{}", entry.origin, entry.path), 80)
}

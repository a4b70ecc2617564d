//! Payments added up by day and by origin, with bars for people.

use l402::Msat;
use l402_client::{EntryQuery, Journal};
use serde_json::json;

use super::list::RowCount;
use crate::error::CliError;
use crate::text::output::Output;
use crate::text::output::style::{self, paint};
use crate::text::plain::escape_short;
use crate::text::when;

/// The days and the origins that a person is shown.
const ROWS_SHOWN: u32 = 31;

/// The length of the longest bar, in characters.
const BAR: u64 = 30;

/// Prints the sums.
pub(crate) fn totals(
    journal: &Journal,
    query: &EntryQuery,
    wanted: RowCount,
    out: Output,
) -> Result<(), CliError> {
    let most = wanted.most(ROWS_SHOWN, out.is_json());
    let (purchases, moved) = journal.total(query)?;
    let days: Vec<Row> = journal
        .totals_by_day(query, most)?
        .into_iter()
        .map(|it| (when::day(it.day), it.purchases, it.moved))
        .collect();
    let origins: Vec<Row> = journal
        .totals_by_origin(query, most)?
        .into_iter()
        .map(|it| (it.origin, it.purchases, it.moved))
        .collect();
    // The names carry the unit, and are those of the list.
    let json = |rows: &[Row], name: &str| {
        let row = |(key, purchases, moved): &Row| json!({ name: key, "purchases": purchases, "paid_msat": moved.msat() });
        rows.iter().map(row).collect::<Vec<_>>()
    };
    let value = json!({
        "purchases": purchases,
        "paid_msat": moved.msat(),
        "days": json(&days, "day"),
        "origins": json(&origins, "origin"),
    });
    out.result(&value, || {
        let sum = format!("{moved} in {purchases} purchases, fees included");
        let mut text = format!("{}\n", paint(style::TITLE, &sum));
        if purchases > 0 {
            text += &bars("day (UTC)", &days);
            text += &bars("origin", &origins);
        }
        text
    })
}

/// A key, the number of its purchases, and their sum.
type Row = (String, u64, Msat);

fn bars(title: &str, rows: &[Row]) -> String {
    let most = rows.iter().map(|(_, _, moved)| moved.msat()).max();
    let most = most.unwrap_or_default().max(1);
    let mut text = format!("\n{title:<32}  {:>14}  {:>9}\n", "paid", "purchases");
    for (key, purchases, moved) in rows {
        let bar = "▇".repeat(bar_length(moved.msat(), most));
        text += &format!(
            "{:<32}  {:>14}  {purchases:>9}  {}\n",
            escape_short(key, 31),
            moved.to_string(),
            paint(style::MONEY, &bar)
        );
    }
    text
}

/// Returns the length of a bar: what is not nothing is seen.
fn bar_length(part: u64, most: u64) -> usize {
    let length = u128::from(part) * u128::from(BAR) / u128::from(most);
    let length = usize::try_from(length).unwrap_or_default();
    length.max(usize::from(part > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        for (part, length) in [(0, 0), (1, 1), (500, 15), (1000, 30)] {
            assert_eq!(bar_length(part, 1000), length, "{part}");
        }
        assert_eq!(bar_length(u64::MAX, u64::MAX), 30);
        let rows = [("a\u{7}".to_owned(), 1, Msat::from_sat(5))];
        assert!(bars("origin", &rows).contains("a\\u{7}"));
    }
}

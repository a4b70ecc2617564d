//! What an operator has opened in so many words is no way around.

use crate::table::Row;

/// Returns true if the pattern of a route spells out the sold path, or more than that: `/paid/{*rest}`
/// beside a priced `/paid`. An upstream that serves one for the other does as it was told.
pub(crate) fn is_exempt(row: &Row, sold: &str) -> bool {
    let literal = row.literal_at_upstream().to_ascii_lowercase();
    let sold = sold.trim_end_matches('/').to_ascii_lowercase();
    let sold = sold.strip_suffix("/index.html").unwrap_or(&sold);
    literal
        .strip_prefix(sold)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
}

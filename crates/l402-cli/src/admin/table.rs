//! Tables of the rows of an answer.

use serde_json::Value;

use crate::text::plain::escape;

/// The form of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    /// A number.
    Count,
    /// Millisatoshi, shown as sat.
    Sat,
    Time,
    /// True or false.
    Flag,
}

/// One column: its title, the name of its value, and its form.
pub(super) type Column = (&'static str, &'static str, Form);

/// Returns a value as it is shown in a column.
pub(super) fn cell(value: &Value, form: Form) -> String {
    match (form, value) {
        (_, Value::Null) => "-".to_owned(),
        (Form::Flag, Value::Bool(true)) => "yes".to_owned(),
        (Form::Flag, Value::Bool(false)) => "no".to_owned(),
        (Form::Sat, value) => value.as_u64().map_or_else(|| "-".to_owned(), sat),
        (Form::Time, Value::String(time)) => escape(&time.replace('T', " ").replace('Z', "")),
        (_, Value::String(text)) => escape(text),
        (_, Value::Array(values)) => {
            let all = values.iter().map(|value| cell(value, form));
            all.collect::<Vec<_>>().join(", ")
        }
        // An upstream, which has a state beside its address.
        (_, Value::Object(fields)) if fields.contains_key("address") => {
            let down = if fields["up"] == false { " (down)" } else { "" };
            cell(&fields["address"], form) + down
        }
        (_, value) => escape(&value.to_string()),
    }
}

/// Writes millisatoshi as sat.
fn sat(msat: u64) -> String {
    match msat % 1000 {
        0 => (msat / 1000).to_string(),
        part => format!("{}.{part:03}", msat / 1000),
    }
}

/// Returns the rows of an answer as a table, or `none` if there is no row.
pub(super) fn table(rows: &Value, columns: &[Column], none: &str) -> String {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        return format!("{none}\n");
    }
    let titles = columns.iter().map(|(title, ..)| (*title).to_owned());
    let mut lines: Vec<Vec<String>> = vec![titles.collect()];
    for row in rows {
        let cells = columns.iter().map(|(_, key, form)| cell(&row[*key], *form));
        lines.push(cells.collect());
    }
    let widths: Vec<usize> = (0..columns.len())
        .map(|column| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).zip(columns);
        let cells = cells.map(|((cell, width), (.., form))| match form {
            Form::Count | Form::Sat => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        // The last column is padded, too, and spaces at the end of a line are of no use.
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_aligns_numbers_and_escapes_texts() {
        let rows = json!([
            { "route": "/a\u{7}", "price_msat": 50_000, "free": false },
            { "route": "/long", "price_msat": 1_500, "free": true },
        ]);
        let columns = [
            ("route", "route", Form::Text),
            ("sat", "price_msat", Form::Sat),
            ("free", "free", Form::Flag),
        ];
        let shown = table(&rows, &columns, "none");
        let expected = "route     sat  free\n/a\\u{7}   50  no\n/long     1.500  yes\n";
        let words =
            |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        assert_eq!(words(&shown), words(expected));
        let ends: Vec<_> = shown.lines().map(|line| line.find("  ")).collect();
        assert!(ends.iter().all(Option::is_some), "{shown}");
        assert_eq!(table(&json!([]), &columns, "none"), "none\n");
    }
}

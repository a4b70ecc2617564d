//! Sales, as JSON, as CSV and as a table.

use std::fmt::Write as _;

use l402_server::books::{SalesRow, Totals};
use serde_json::{Value, json};

use super::columns::{aligned, field, sat};

/// The sums of a time by some key.
#[derive(Debug)]
pub(crate) struct Sales {
    /// The name of the key: `route`, `service`, `day` or `hour`.
    pub(crate) by: &'static str,
    pub(crate) rows: Vec<SalesRow>,
}

/// The names of the columns after the key. Programs read them.
const COLUMNS: [&str; 7] = [
    "payments",
    "uses",
    "given_back",
    "sold_msat",
    "spent_msat",
    "unspent_msat",
    "expired_msat",
];

fn values(totals: &Totals) -> [u64; 7] {
    // What nobody knows the use of is in a row of its own, and was received all the same.
    [
        totals.all_payments(),
        totals.uses,
        totals.given_back,
        totals.received(),
        totals.spent,
        totals.unspent,
        totals.expired,
    ]
}

/// Returns sales for machines.
pub(crate) fn list(sales: &Sales) -> Value {
    let rows = sales.rows.iter().map(|row| {
        let mut entry = json!({ sales.by: row.key });
        for (name, value) in COLUMNS.into_iter().zip(values(&row.totals)) {
            entry[name] = json!(value);
        }
        entry
    });
    json!({ "by": sales.by, "sales": rows.collect::<Vec<_>>() })
}

/// Returns sales as CSV (RFC 4180), with a header.
pub(crate) fn csv(sales: &Sales) -> String {
    let mut text = format!("{},{}\r\n", sales.by, COLUMNS.join(","));
    for row in &sales.rows {
        let values = values(&row.totals).map(|value| value.to_string());
        let _ = write!(text, "{},{}\r\n", field(&row.key), values.join(","));
    }
    text
}

/// Returns sales for people: a table in satoshi, with the sum below.
pub(crate) fn table(sales: &Sales) -> String {
    if sales.rows.is_empty() {
        return "nothing was sold in this time\n".to_owned();
    }
    let heads = [
        "", "payments", "uses", "sold sat", "spent", "unspent", "expired",
    ];
    let mut lines = vec![heads.map(str::to_owned)];
    sales
        .rows
        .iter()
        .for_each(|row| lines.push(line(&row.key, values(&row.totals))));
    if sales.rows.len() > 1 {
        let mut sums = [0_u64; 7];
        for row in &sales.rows {
            for (sum, value) in sums.iter_mut().zip(values(&row.totals)) {
                *sum = sum.saturating_add(value);
            }
        }
        lines.push(line("in all", sums));
    }
    aligned(&lines)
}

fn line(key: &str, values: [u64; 7]) -> [String; 7] {
    let [payments, uses, _, sold, spent, unspent, expired] = values;
    [
        crate::text::plain::escape(key),
        payments.to_string(),
        uses.to_string(),
        sat(sold),
        sat(spent),
        sat(unspent),
        sat(expired),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sales() -> Sales {
        let totals = Totals {
            payments: 2,
            uses: 1,
            sold: 3001,
            spent: 1500,
            unspent: 1501,
            ..Totals::default()
        };
        let row = |key: &str| SalesRow {
            key: key.to_owned(),
            totals,
        };
        let rows = vec![row("/a,\"b\""), row("=SUM(A1)")];
        Sales { by: "route", rows }
    }

    #[test]
    fn a_key_with_commas_and_quotes_stays_one_field_and_no_formula() {
        let text = csv(&sales());
        let lines: Vec<_> = text.split("\r\n").collect();
        assert!(lines[0].starts_with("route,payments,uses,given_back,sold_msat"));
        assert_eq!(lines[1], "\"/a,\"\"b\"\"\",2,1,0,3001,1500,1501,0");
        assert_eq!(lines[2], "'=SUM(A1),2,1,0,3001,1500,1501,0");
    }

    #[test]
    fn people_see_satoshi_to_the_millisatoshi_and_the_sum() {
        let text = table(&sales());
        let last = text.lines().last().unwrap();
        let cells: Vec<_> = last.split_whitespace().collect();
        assert_eq!(
            cells,
            ["in", "all", "4", "2", "6.002", "3.000", "3.002", "0.000"]
        );
    }
}

//! The export as a table. Every text of a stranger could be a formula to a spreadsheet.

use std::io::{self, Write};

use csv::{QuoteStyle, Writer, WriterBuilder};

use crate::listing::{Listing, ServiceJson};

/// The head of the table.
const HEAD: [&str; 26] = [
    "id",
    "url",
    "http_method",
    "name",
    "description",
    "category",
    "tags",
    "provider",
    "docs",
    "state",
    "reason",
    "protocol",
    "observed_price_msat",
    "claimed_price_msat",
    "claimed_price_other",
    "price_differs",
    "network",
    "node",
    "clients",
    "latency_ms",
    "uptime_30d",
    "last_checked",
    "registered_at",
    "owner_proof",
    "reviews",
    "reviews_average",
];

/// Writes the head of the table.
pub(crate) fn write_csv_head(out: &mut impl Write) -> io::Result<()> {
    let mut table = table(out);
    table.write_record(HEAD)?;
    table.flush()
}

/// Writes services, one a row.
pub(crate) fn write_csv(out: &mut impl Write, listings: &[Listing]) -> io::Result<()> {
    let mut table = table(out);
    for listing in listings {
        let cells = cells(ServiceJson::of(listing));
        table.write_record(cells.map(guarded))?;
    }
    table.flush()
}

fn table<W: Write>(out: W) -> Writer<W> {
    WriterBuilder::new()
        .quote_style(QuoteStyle::Necessary)
        .from_writer(out)
}

fn cells(service: ServiceJson) -> [String; HEAD.len()] {
    // In the order of `HEAD`.
    let observed = service.observed;
    let seen = observed.as_ref();
    let reason = service
        .reason
        .map(|reason| format!("{}: {}", reason.code, reason.text));
    [
        service.id,
        service.url,
        service.http_method,
        service.name,
        service.description,
        service.category.unwrap_or_default(),
        service.tags.join(" "),
        service.provider.unwrap_or_default(),
        service.docs.unwrap_or_default(),
        service.state,
        reason.unwrap_or_default(),
        service.protocol,
        shown(seen.and_then(|seen| seen.price_msat)),
        shown(service.claimed_price_msat),
        service.claimed_price_other.unwrap_or_default(),
        service.price_differs.to_string(),
        shown(seen.and_then(|seen| seen.network.clone())),
        shown(seen.and_then(|seen| seen.node.clone())),
        seen.map(|seen| seen.clients.join(", ")).unwrap_or_default(),
        shown(service.latency_p50_ms),
        shown(service.uptime_30d),
        shown(service.last_checked),
        service.registered_at,
        shown(service.owner.map(|owner| owner.proof)),
        service.reviews.count.to_string(),
        shown(service.reviews.average),
    ]
}

fn shown(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Puts an apostrophe before what a spreadsheet would calculate, in its wide forms too. Such a cell is a text.
fn guarded(cell: String) -> String {
    let is_formula =
        cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if is_formula { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    // ATTACKS G-06: a cell is never a formula.
    #[test]
    fn a_cell_that_a_spreadsheet_would_calculate_is_a_text() {
        for text in [
            "=cmd()", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n=x", "＝1",
        ] {
            assert_eq!(guarded(text.to_owned()), format!("'{text}"));
        }
        for text in ["", "a=b", "https://a.example/", "'quoted"] {
            assert_eq!(guarded(text.to_owned()), text);
        }
    }
}

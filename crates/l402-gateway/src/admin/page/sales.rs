//! The page of sales: over time, and by route, service, day or hour.

use l402::UnixTime;
use l402_server::books::{By, SalesRow, Totals};
use maud::{Markup, html};

use super::figure;
use super::layout::{choice, heading};
use super::overview::{self, Known, Span, route_name};

/// The rows that are shown.
const SHOWN: usize = 200;

/// Reads the parameter `by`.
pub(super) fn key_of(text: Option<&str>) -> By {
    let named = |by: &By| text == Some(by.name());
    By::ALL.into_iter().find(named).unwrap_or(By::Route)
}

/// Returns the name of a key at the head of a column.
const fn title(by: By) -> &'static str {
    match by {
        By::Service => "Service",
        By::Day => "Day",
        By::Hour => "Hour",
        // A key that the library adds before it is known here is shown by nobody.
        _ => "Route",
    }
}

/// Everything that the page shows.
pub(super) struct SalesPage {
    pub(super) now: UnixTime,
    pub(super) span: Span,
    pub(super) by: By,
    pub(super) earned: Known,
    pub(super) rows: Result<Vec<SalesRow>, String>,
}

impl SalesPage {
    /// Returns the page without its frame.
    pub(super) fn content(&self) -> Markup {
        html! {
            (heading("Sales", &self.spans()))
            @match &self.earned {
                Ok(earned) => section.card aria-labelledby="over-time" {
                    h2 #over-time { "Revenue over " (self.span.title()) }
                    (overview::bars(earned, self.span, self.now))
                },
                Err(why) => p.note.fair role="status" { (figure::line(why, 400)) },
            }
            @match &self.rows {
                Ok(rows) => { (sums(rows)) (self.table(rows)) }
                Err(why) => p.note.fair role="status" { (figure::line(why, 400)) },
            }
        }
    }

    fn spans(&self) -> Markup {
        let by = self.by.name();
        let query = |span: Span| format!("?span={}&by={by}", span.name());
        let queries = [Span::Day, Span::Week, Span::Month].map(|span| (query(span), span.name()));
        let all: Vec<_> = queries
            .iter()
            .map(|(query, name)| (&**query, *name))
            .collect();
        choice("Time shown", "/sales", &all, self.span.name())
    }

    fn keys(&self) -> Markup {
        let query = |by: By| format!("?span={}&by={}", self.span.name(), by.name());
        let queries = By::ALL.map(|by| (query(by), title(by)));
        let all: Vec<_> = queries
            .iter()
            .map(|(query, name)| (&**query, *name))
            .collect();
        choice("Sum up by", "/sales", &all, title(self.by))
    }

    fn table(&self, rows: &[SalesRow]) -> Markup {
        html! {
            section.card aria-labelledby="by" {
                div.cardhead { h2 #by { "By " (self.by.name()) } (self.keys()) }
                @if rows.is_empty() { p.empty { "Nothing was sold in " (self.span.title()) "." } }
                @else { (self.rows(rows)) }
                p.hint {
                    "A payment counts at the time when it arrived. Of what was sold, the part that was used is spent; the "
                    "remainder is unspent until its token ends, and expired after that."
                }
            }
        }
    }

    fn rows(&self, rows: &[SalesRow]) -> Markup {
        html! {
            div.scroll tabindex="0" role="group" aria-labelledby="by" {
                table {
                    thead {
                        tr {
                            th scope="col" { (title(self.by)) }
                            @for name in ["Payments", "Answers", "Given back", "Sold", "Spent", "Unspent", "Expired"] {
                                th.num scope="col" { (name) }
                            }
                        }
                    }
                    tbody {
                        @for row in rows.iter().take(SHOWN) {
                            tr {
                                th scope="row" { (self.key_name(&row.key)) }
                                @let totals = &row.totals;
                                td.num { (figure::thousands(totals.all_payments())) }
                                td.num { (figure::thousands(totals.uses)) }
                                td.num { (figure::thousands(totals.given_back)) }
                                td.num { (figure::sat(totals.received())) }
                                @for msat in [totals.spent, totals.unspent, totals.expired] { td.num { (figure::sat_text(msat)) } }
                            }
                        }
                    }
                }
            }
        }
    }

    fn key_name(&self, key: &str) -> Markup {
        match (self.by, UnixTime::from_rfc3339(key)) {
            (By::Day, Ok(day)) => html! { time datetime=(key) { (figure::day(day)) } },
            (By::Hour, Ok(hour)) => figure::when(hour),
            _ => route_name(key),
        }
    }
}

/// The sums of all rows.
fn sums(rows: &[SalesRow]) -> Markup {
    let sum = |of: fn(&Totals) -> u64| {
        rows.iter()
            .fold(0_u64, |sum, row| sum.saturating_add(of(&row.totals)))
    };
    let (payments, uses) = (sum(|it| it.payments), sum(|it| it.uses));
    html! {
        dl.card.figures {
            div { dt { "Sold" } dd.hero { (figure::sat(sum(|it| it.sold))) } dd.more { (figure::counted(payments, "payment")) } }
            div { dt { "Spent" } dd { (figure::sat(sum(|it| it.spent))) } dd.more { (figure::counted(uses, "answer")) } }
            div {
                dt { "Not served" }
                dd { (figure::sat(sum(|it| it.unspent.saturating_add(it.expired)))) }
                dd.more { a href="/payments?state=unserved" { "never used" } }
            }
        }
    }
}

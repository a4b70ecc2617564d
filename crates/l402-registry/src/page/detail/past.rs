//! Charts of price, uptime and latency, each with its numbers as a table.

use std::time::Duration;

use l402::UnixTime;
use maud::{Markup, html};

use crate::listing::Listing;
use crate::page::chart::{Column, Line, columns};
use crate::page::phrase::{date, line, millis, minute, percent, price};
use crate::page::row::state_word;
use crate::store::{History, Point};

const HOUR: u64 = 3600;
const DAY: u64 = 86_400;

/// The rows of the table of prices: the newest changes.
const CHANGES: usize = 40;

/// A part of the time: begin, probes, probes that found it up, and the median of the latencies.
struct Part {
    at: UnixTime,
    probes: u64,
    up: u64,
    latencies: Vec<u32>,
}

impl Part {
    fn permille(&self) -> Option<u16> {
        (self.up * 1000)
            .checked_div(self.probes)
            .and_then(|it| u16::try_from(it).ok())
    }

    fn latency(&self) -> Option<u32> {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}

/// The time of the charts of uptime and latency, in parts of a day, or of an hour for a young listing.
struct Parts {
    parts: Vec<Part>,
    step: u64,
}

/// Returns the section.
pub(super) fn section(listing: &Listing, history: &History, now: UnixTime) -> Markup {
    let parts = parts(history, now);
    html! {
        section.past {
            h2 { "Over time" }
            @if history.points.is_empty() && history.hours.is_empty() { p.none { "No history yet." } }
            @if !history.points.is_empty() { (prices(listing, &history.points, now)) }
            @if !history.hours.is_empty() {
                (uptime(&parts))
                (latency(&parts, now))
            }
        }
    }
}

fn parts(history: &History, now: UnixTime) -> Parts {
    // Two days have a column an hour; after that a column is a day, since there is room for no more.
    let first = history.hours.first().map_or(now, |hour| hour.0);
    let step = if now.since(first) <= Duration::from_secs(2 * DAY) {
        HOUR
    } else {
        DAY
    };
    let count = if step == DAY { 30 } else { 48 };
    let last = now.secs() / step;
    let mut parts: Vec<Part> = (last.saturating_sub(count - 1)..=last)
        .map(|at| Part {
            at: UnixTime::from_secs(at * step),
            probes: 0,
            up: 0,
            latencies: Vec::new(),
        })
        .collect();
    for (at, probes, up, latency) in &history.hours {
        let at = at.secs() / step;
        if let Some(part) = parts.iter_mut().find(|part| part.at.secs() / step == at) {
            part.probes += u64::from(*probes);
            part.up += u64::from(*up);
            part.latencies.extend(*latency);
        }
    }
    Parts { parts, step }
}

impl Parts {
    fn name(&self) -> &'static str {
        if self.step == DAY { "day" } else { "hour" }
    }

    fn label(&self, at: UnixTime) -> String {
        if self.step == DAY {
            date(at)
        } else {
            minute(at)
        }
    }

    fn ends(&self) -> (String, String) {
        let end = |part: Option<&Part>| part.map(|part| self.label(part.at)).unwrap_or_default();
        (end(self.parts.first()), end(self.parts.last()))
    }
}

/// The frame of a chart: its heading, scale, ends, and table.
fn figure(
    title: &str,
    top: &str,
    bottom: &str,
    ends: (String, String),
    chart: &Markup,
    table: &Markup,
) -> Markup {
    html! {
        figure {
            figcaption { h3 { (title) } }
            div.plot {
                div.scale aria-hidden="true" { span { (top) } span { (bottom) } }
                (chart)
            }
            p.ends aria-hidden="true" { span { (ends.0) } span { (ends.1) } }
            details.numbers { summary { "Numbers" span.vh { " of the chart: " (title) } } (table) }
        }
    }
}

fn prices(listing: &Listing, points: &[Point], now: UnixTime) -> Markup {
    let from = points.first().map_or(now, |point| point.at);
    // A claimed price is drawn only if it differs: two lines on one another tell nothing.
    let said = listing
        .words
        .price
        .msat()
        .filter(|_| listing.is_price_wrong());
    let seen = || points.iter().filter_map(|point| point.price);
    let highest = seen().chain(said).max().map_or(0, |it| it.msat());
    let top = round_up(highest);
    let chart = Line {
        id: "price",
        title: "Price of the invoice over time",
        description: price_words(points),
        from,
        to: now,
        values: points
            .iter()
            .map(|point| (point.at, point.price.map(|it| it.msat())))
            .collect(),
        top,
        is_stepped: true,
        said: said.map(|it| it.msat()),
    }
    .draw();
    let table = html! {
        table {
            thead { tr { th scope="col" { "From" } th scope="col" { "Price" } th scope="col" { "State" } } }
            tbody {
                @for point in points.iter().rev().take(CHANGES) {
                    tr {
                        td { (minute(point.at)) }
                        td { @match point.price { Some(it) => (price(it)), None => "–" } }
                        td {
                            (state_word(point.state))
                            @if let Some(reason) = &point.reason { " " code { (line(reason, 40)) } }
                        }
                    }
                }
            }
        }
    };
    html! {
        (figure("Price", &price(l402::Msat::new(top)), "0", (date(from), "now".to_owned()), &chart, &table))
        @if let Some(said) = said { p.key-claimed { "The dashed line is what is said: " (price(said)) "." } }
    }
}

fn price_words(points: &[Point]) -> String {
    let seen: Vec<_> = points.iter().filter_map(|point| point.price).collect();
    match (seen.iter().min(), seen.iter().max(), seen.last()) {
        (Some(low), Some(high), Some(last)) if low != high => {
            format!(
                "Between {} and {}; now {}.",
                price(*low),
                price(*high),
                price(*last)
            )
        }
        (_, _, Some(last)) => format!("Always {}.", price(*last)),
        _ => "No price was seen.".to_owned(),
    }
}

fn uptime(parts: &Parts) -> Markup {
    let shown: Vec<Column> = parts
        .parts
        .iter()
        .map(|part| {
            let permille = part.permille();
            let text = permille.map_or_else(|| "not checked".to_owned(), percent);
            Column {
                permille,
                label: format!("{}: {text}", parts.label(part.at)),
            }
        })
        .collect();
    // The picture in words, for readers who do not see it.
    let known: Vec<u16> = shown.iter().filter_map(|column| column.permille).collect();
    let worst = known.iter().min().copied().map(percent).unwrap_or_default();
    let whole = known.iter().filter(|permille| **permille == 1000).count();
    let description = format!(
        "One column a {name}. Of {} with checks, {whole} had no failure; the worst had {worst}.",
        known.len(),
        name = parts.name(),
    );
    let chart = columns("uptime", "Uptime", &description, &shown);
    let table = html! {
        table {
            thead { tr { th scope="col" { (parts.name()) } th scope="col" { "Checks" } th scope="col" { "Up" } } }
            tbody {
                @for part in parts.parts.iter().filter(|part| part.probes > 0) {
                    tr {
                        td { (parts.label(part.at)) }
                        td { (part.probes) }
                        td { @if let Some(permille) = part.permille() { (percent(permille)) } }
                    }
                }
            }
        }
    };
    figure(
        &format!("Uptime, by {}", parts.name()),
        "100 %",
        "0",
        parts.ends(),
        &chart,
        &table,
    )
}

fn latency(parts: &Parts, now: UnixTime) -> Markup {
    let values: Vec<(UnixTime, Option<u64>)> = parts
        .parts
        .iter()
        .map(|part| (part.at, part.latency().map(u64::from)))
        .collect();
    // Nothing is drawn of a service that has never answered.
    let known: Vec<u64> = values.iter().filter_map(|value| value.1).collect();
    let (Some(low), Some(high)) = (known.iter().min(), known.iter().max()) else {
        return html! {};
    };
    let text = |value: u64| millis(u32::try_from(value).unwrap_or(u32::MAX));
    let top = round_up(*high);
    let chart = Line {
        id: "latency",
        title: "Time to the 402, the median",
        description: format!("Between {} and {}.", text(*low), text(*high)),
        from: parts.parts.first().map_or(now, |part| part.at),
        to: parts.parts.last().map_or(now, |part| part.at),
        values: values.clone(),
        top,
        is_stepped: false,
        said: None,
    }
    .draw();
    let table = html! {
        table {
            thead { tr { th scope="col" { (parts.name()) } th scope="col" { "Median" } } }
            tbody {
                @for (at, value) in values.iter().filter_map(|(at, value)| value.map(|value| (at, value))) {
                    tr { td { (parts.label(*at)) } td { (text(value)) } }
                }
            }
        }
    };
    figure(
        "Time to the 402",
        &text(top),
        "0",
        parts.ends(),
        &chart,
        &table,
    )
}

/// Returns the next round number above a value, with some room above the line.
fn round_up(value: u64) -> u64 {
    let wanted = u128::from(value.saturating_add(value / 10).max(1));
    // Wide enough that nothing saturates: a unit that no longer grows would never reach the value.
    let mut unit: u128 = 1;
    loop {
        for step in [10, 12, 15, 20, 30, 40, 60, 80] {
            let round = (unit * step).div_ceil(10);
            if round >= wanted {
                return u64::try_from(round).unwrap_or(u64::MAX);
            }
        }
        unit *= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_of_a_scale_is_round_and_above_the_line() {
        let tops = [0, 9, 10, 50_000, 95_000, 480].map(round_up);
        assert_eq!(tops, [1, 10, 12, 60_000, 120_000, 600]);
        assert_eq!(round_up(u64::MAX), u64::MAX);
        assert_eq!(round_up(l402::Msat::MAX.msat()), 3_000_000_000_000_000_000);
    }

    #[test]
    fn a_young_listing_is_shown_by_the_hour() {
        let now = UnixTime::from_secs(1_790_000_000);
        let hour = |back: u64| {
            (
                UnixTime::from_secs((now.secs() / HOUR - back) * HOUR),
                4,
                3,
                Some(120),
            )
        };
        let young = parts(
            &History {
                hours: vec![hour(5), hour(0)],
                ..History::default()
            },
            now,
        );
        assert_eq!((young.step, young.parts.len()), (HOUR, 48));
        assert_eq!(young.parts[47].permille(), Some(750));
        let old = parts(
            &History {
                hours: vec![hour(24 * 12), hour(25), hour(24)],
                ..History::default()
            },
            now,
        );
        assert_eq!((old.step, old.parts.len()), (DAY, 30));
        assert_eq!(old.parts.iter().map(|part| part.probes).sum::<u64>(), 12);
    }
}

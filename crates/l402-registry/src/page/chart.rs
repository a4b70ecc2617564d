//! Charts as inline SVG: shapes alone, stretched to the width of the page. Every number stands beside
//! them as text, and once more in a table.
//!
//! A chart has a title and a description for readers who do not see it. Nothing of a stranger's text is
//! in one.

use std::fmt::Write as _;

use l402::UnixTime;
use maud::{Markup, html};

/// The size of the drawing. The page stretches it, and lines keep their width.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;

/// A line over time.
pub(super) struct Line<'a> {
    /// A word for the ids in the document.
    pub(super) id: &'a str,
    /// The title for readers who do not see the chart.
    pub(super) title: &'a str,
    /// The description: what the line does, in words.
    pub(super) description: String,
    /// Begin and end of the time.
    pub(super) from: UnixTime,
    pub(super) to: UnixTime,
    /// The values, the oldest first. `None` leaves a gap.
    pub(super) values: Vec<(UnixTime, Option<u64>)>,
    /// The value that is drawn at the top.
    pub(super) top: u64,
    /// True if a value holds until the next one begins; else the line goes straight between them.
    pub(super) is_stepped: bool,
    /// A value that is drawn as a dashed line across.
    pub(super) said: Option<u64>,
}

impl Line<'_> {
    /// Draws the line.
    pub(super) fn draw(&self) -> Markup {
        let path = self.path();
        html! {
            svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                aria-labelledby={ (self.id) "-t " (self.id) "-d" } {
                title id={ (self.id) "-t" } { (self.title) }
                desc id={ (self.id) "-d" } { (self.description) }
                @for y in [0.5, HEIGHT / 2.0, HEIGHT - 0.5] {
                    line.grid x1="0" x2=(WIDTH) y1=(y) y2=(y) {}
                }
                @if let Some(said) = self.said {
                    @let y = self.y(said);
                    line.claimed x1="0" x2=(WIDTH) y1=(number(y)) y2=(number(y)) {}
                }
                path.line d=(path) {}
            }
        }
    }

    fn path(&self) -> String {
        let mut path = String::new();
        let mut before: Option<f64> = None;
        for (at, value) in &self.values {
            let (x, y) = (self.x(*at), value.map(|value| self.y(value)));
            // A gap ends the line where it begins.
            if let (Some(before), true) = (before, self.is_stepped || y.is_none()) {
                let _ = write!(path, "L{} {}", number(x), number(before));
            }
            if let Some(y) = y {
                let command = if before.is_some() { 'L' } else { 'M' };
                let _ = write!(path, "{command}{} {}", number(x), number(y));
            }
            before = y;
        }
        if let (Some(before), true) = (before, self.is_stepped) {
            let _ = write!(path, "L{} {}", number(WIDTH), number(before));
        }
        path
    }

    fn x(&self, at: UnixTime) -> f64 {
        let all = self.to.since(self.from).as_secs_f64().max(1.0);
        (at.since(self.from).as_secs_f64() / all).min(1.0) * WIDTH
    }

    fn y(&self, value: u64) -> f64 {
        HEIGHT - share(value, self.top) * (HEIGHT - 4.0) - 2.0
    }
}

/// A column of a chart of uptime.
pub(super) struct Column {
    /// The part that was up, in permille; `None` without probes.
    pub(super) permille: Option<u16>,
    /// The text that a pointer shows.
    pub(super) label: String,
}

/// Draws columns of uptime, the oldest at the left.
pub(super) fn columns(id: &str, title: &str, description: &str, columns: &[Column]) -> Markup {
    let step = WIDTH / f64::from(u32::try_from(columns.len().max(1)).unwrap_or(1));
    html! {
        svg.chart.cols viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img"
            aria-labelledby={ (id) "-t " (id) "-d" } {
            title id={ (id) "-t" } { (title) }
            desc id={ (id) "-d" } { (description) }
            @for (at, column) in (0_u32..).zip(columns) {
                @let x = f64::from(at) * step + step * 0.12;
                @let height = height(column.permille);
                rect class=(grade(column.permille)) x=(number(x)) y=(number(HEIGHT - height))
                    width=(number(step * 0.76)) height=(number(height)) {
                    title { (column.label) }
                }
            }
        }
    }
}

/// Returns a column's height: never so low that it is not seen, and a stub without probes.
fn height(permille: Option<u16>) -> f64 {
    match permille {
        Some(permille) => (f64::from(permille) / 1000.0 * HEIGHT).max(6.0),
        None => 6.0,
    }
}

/// Returns the class of a column's colour.
fn grade(permille: Option<u16>) -> &'static str {
    match permille {
        None => "c-none",
        Some(990..) => "c-up",
        Some(900..) => "c-mid",
        Some(_) => "c-low",
    }
}

fn share(value: u64, top: u64) -> f64 {
    if top == 0 {
        return 0.0;
    }
    // Both are below 2^53: no price and no latency comes near.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a drawing is a few hundred pixels high"
    )]
    let share = value as f64 / top as f64;
    share.clamp(0.0, 1.0)
}

/// Returns a coordinate with one decimal at most.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[(u64, Option<u64>)], is_stepped: bool) -> String {
        let values = values
            .iter()
            .map(|(at, value)| (UnixTime::from_secs(*at), *value));
        Line {
            id: "price",
            title: "Price",
            description: "It is 50 sat.".to_owned(),
            from: UnixTime::from_secs(0),
            to: UnixTime::from_secs(600),
            values: values.collect(),
            top: 100,
            is_stepped,
            said: Some(10),
        }
        .draw()
        .into_string()
    }

    #[test]
    fn a_price_holds_until_it_changes() {
        let svg = line(&[(0, Some(100)), (300, Some(50))], true);
        assert!(svg.contains(r#"d="M0 2L300 2L300 60L600 60""#), "{svg}");
        assert!(svg.contains(r#"<title id="price-t">Price</title>"#));
        assert!(svg.contains("It is 50 sat.") && svg.contains("claimed"));
    }

    #[test]
    fn a_gap_is_no_line() {
        let svg = line(
            &[
                (0, Some(100)),
                (100, None),
                (300, Some(50)),
                (600, Some(50)),
            ],
            false,
        );
        assert!(svg.contains(r#"d="M0 2L100 2M300 60L600 60""#), "{svg}");
    }

    #[test]
    fn odd_values_stay_within_the_drawing() {
        assert_eq!(line(&[], true).matches("d=\"\"").count(), 1);
        let svg = line(&[(9_000, Some(u64::MAX))], true);
        assert!(svg.contains(r#"d="M600 2L600 2""#), "{svg}");
        assert_eq!(share(5, 0), 0.0);
        let columns = columns(
            "u",
            "t",
            "d",
            &[Column {
                permille: None,
                label: "-".into(),
            }],
        );
        assert!(columns.into_string().contains("c-none"));
    }
}

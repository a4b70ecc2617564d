//! Charts as inline SVG: shapes alone, stretched to the width of the page. Every number stands beside
//! them as text, and once more in a table.
//!
//! A chart has a title and a description for readers who do not see it.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::figure;

/// The size of the drawing. The page stretches it, and lines keep their width.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 160.0;

/// A bar of a chart.
pub(super) struct Bar {
    /// The time that it stands for.
    pub(super) label: String,
    /// Its height.
    pub(super) value: u64,
    /// The value as text, with its unit.
    pub(super) text: String,
    /// True for a time that has not ended yet.
    pub(super) is_open: bool,
}

/// A bar chart over time, with its scale, its ends and a table of the same numbers.
pub(super) struct Bars<'a> {
    /// The first part of the ids in the document.
    pub(super) id: &'a str,
    /// The title for readers who do not see the chart.
    pub(super) title: &'a str,
    /// The sum in words.
    pub(super) description: String,
    /// The heading of the column of times, and that of values.
    pub(super) columns: (&'a str, &'a str),
    /// The bars, the oldest first.
    pub(super) bars: Vec<Bar>,
    /// Makes the text of a value on the scale.
    pub(super) scale: fn(u64) -> String,
}

impl Bars<'_> {
    /// Draws the chart with all that belongs to it.
    pub(super) fn draw(&self) -> Markup {
        let top = top(self.bars.iter().map(|bar| bar.value).max().unwrap_or(0));
        html! {
            figure.figure {
                div.plot {
                    div.scale aria-hidden="true" {
                        @for value in [top, top / 2, 0] { span { ((self.scale)(value)) } }
                    }
                    (self.svg(top))
                }
                div.ends aria-hidden="true" {
                    @for label in self.ends() { span { (label) } }
                }
                (self.table())
            }
        }
    }

    fn svg(&self, top: u64) -> Markup {
        let count = u32::try_from(self.bars.len().max(1)).unwrap_or(1);
        let step = WIDTH / f64::from(count);
        html! {
            svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                aria-labelledby={ (self.id) "-t " (self.id) "-d" } {
                title id={ (self.id) "-t" } { (self.title) }
                desc id={ (self.id) "-d" } { (self.description) }
                @for y in [0.5, HEIGHT / 2.0, HEIGHT - 0.5] {
                    line.grid x1="0" x2=(WIDTH) y1=(y) y2=(y) {}
                }
                @for (at, bar) in (0_u32..).zip(&self.bars) {
                    @let x = f64::from(at) * step;
                    @let height = height(bar.value, top);
                    g.bar {
                        title { (bar.label) ": " (bar.text) }
                        // The whole column answers to the pointer, however low its bar is.
                        rect.hit x=(number(x)) y="0" width=(number(step)) height=(HEIGHT) {}
                        rect.fill.open[bar.is_open] x=(number(x + step * 0.14)) y=(number(HEIGHT - height))
                            width=(number(step * 0.72)) height=(number(height)) {}
                    }
                }
            }
        }
    }

    /// Returns some labels that stand at equal distances.
    fn ends(&self) -> Vec<&str> {
        let last = self.bars.len().saturating_sub(1);
        let mut places = vec![0, last / 3, last * 2 / 3, last];
        places.dedup();
        let labels = places.into_iter().filter_map(|at| self.bars.get(at));
        labels.map(|bar| &*bar.label).collect()
    }

    fn table(&self) -> Markup {
        html! {
            details.numbers {
                summary { "Numbers" }
                div.scroll tabindex="0" role="group" aria-label={ (self.title) ", as a table" } {
                    table {
                        thead { tr { th scope="col" { (self.columns.0) } th.num scope="col" { (self.columns.1) } } }
                        tbody {
                            @for bar in self.bars.iter().rev() {
                                tr { th scope="row" { (bar.label) } td.num { (bar.text) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Draws the part that `value` is of `most`, beside its number.
pub(super) fn share(value: u64, most: u64) -> Markup {
    let width = ratio(value, most) * 100.0;
    html! {
        svg.share viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            rect.track width="100" height="6" {}
            rect.fill width=(number(width)) height="6" {}
        }
    }
}

/// Returns the path of a line through values at equal distances, the oldest first, within 120 × 32.
pub(super) fn spark(values: &[f64]) -> String {
    let top = values.iter().copied().fold(1.0, f64::max);
    let last = u32::try_from(values.len().saturating_sub(1)).unwrap_or(0);
    let step = 120.0 / f64::from(last.max(1));
    let mut path = String::new();
    for (at, value) in (0_u32..).zip(values) {
        let command = if at == 0 { 'M' } else { 'L' };
        let y = 30.0 - value / top * 28.0;
        // A text takes everything.
        let _ = write!(
            path,
            "{command}{} {}",
            number(f64::from(at) * step),
            number(y)
        );
    }
    path
}

/// Returns a round number that is not below `most`, whose half is round, too.
fn top(most: u64) -> u64 {
    let mut unit: u64 = 2;
    loop {
        for factor in 1..=5 {
            let candidate = unit.saturating_mul(factor);
            if candidate >= most {
                return candidate;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// Returns the height of a bar. One that is not nothing is never so low that nobody sees it.
fn height(value: u64, top: u64) -> f64 {
    if value == 0 {
        return 0.0;
    }
    (ratio(value, top) * (HEIGHT - 1.0)).max(2.0)
}

fn ratio(value: u64, top: u64) -> f64 {
    if top == 0 {
        return 0.0;
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a drawing is a few hundred pixels high"
    )]
    let ratio = value as f64 / top as f64;
    ratio.clamp(0.0, 1.0)
}

/// Returns a coordinate with one decimal at most.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Returns an amount on a scale, in satoshi: `50k` for 50,000.
pub(super) fn sat_scale(msat: u64) -> String {
    match msat / 1000 {
        sat @ 1_000_000.. => format!("{}M", tenths(sat, 1_000_000)),
        sat @ 10_000.. => format!("{}k", tenths(sat, 1_000)),
        _ => figure::sat_text(msat),
    }
}

fn tenths(sat: u64, unit: u64) -> String {
    let (whole, tenth) = (sat / unit, sat % unit * 10 / unit);
    match tenth {
        0 => figure::thousands(whole),
        _ => format!("{}.{tenth}", figure::thousands(whole)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(values: &[u64]) -> String {
        let bars = values.iter().map(|value| Bar {
            label: format!("day {value}"),
            value: *value,
            text: format!("{value} sat <b>"),
            is_open: false,
        });
        Bars {
            id: "b",
            title: "Revenue",
            description: "A sum.".to_owned(),
            columns: ("Day", "Revenue"),
            bars: bars.collect(),
            scale: sat_scale,
        }
        .draw()
        .into_string()
    }

    #[test]
    fn bars_stay_within_the_drawing_and_stand_in_a_table() {
        let svg = bars(&[0, 50, 100]);
        assert!(svg.contains(r#"height="159""#), "{svg}");
        assert!(svg.contains(r#"<title id="b-t">Revenue</title>"#) && svg.contains("A sum."));
        assert_eq!(svg.matches(r#"<th scope="row">"#).count(), 3);
        assert!(!svg.contains("<b>") && !svg.contains("style="), "{svg}");
        assert!(bars(&[u64::MAX]).contains("day"));
        assert!(bars(&[]).contains("Numbers"));
    }

    #[test]
    fn the_scale_ends_at_a_round_number() {
        assert_eq!(top(0), 2);
        assert_eq!(top(3), 4);
        assert_eq!(top(101), 200);
        assert_eq!(top(52_000_000), 60_000_000);
        assert_eq!(top(u64::MAX), u64::MAX);
        assert_eq!(sat_scale(50_000_000), "50k");
        assert_eq!(sat_scale(2_500_000_000), "2.5M");
        assert_eq!(sat_scale(500_000), "500");
    }

    #[test]
    fn a_line_needs_no_values() {
        assert_eq!(spark(&[]), "");
        assert_eq!(spark(&[0.0, 2.0]), "M0 30L120 2");
    }
}

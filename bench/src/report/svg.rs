//! Bar charts, readable on light and on dark pages.

use std::fmt::Write as _;

use super::rows::{Row, Verdict, ratio};

const WIDTH: f64 = 860.0;
/// Where bars begin, and where they end at the latest.
const LEFT: f64 = 330.0;
const RIGHT: f64 = 790.0;
const TOP: f64 = 56.0;
const ROW: f64 = 44.0;
const BAR: f64 = 16.0;
const BOTTOM: f64 = 34.0;

const STYLE: &str = "<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 16px; font-weight: 600; }
.small { font-size: 11px; fill: #59636e; }
.bar { fill: #0969da; } .missed { fill: #bc4c00; } .other { fill: #8c959f; }
.whisker { stroke: #1f2328; stroke-width: 1.5; }
.goal { stroke: #1a7f37; stroke-width: 3; }
.one { stroke: #8c959f; stroke-dasharray: 3 3; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; } .small { fill: #9198a1; }
.bar { fill: #4493f8; } .missed { fill: #db6d28; } .other { fill: #656c76; }
.whisker { stroke: #f0f6fc; } .goal { stroke: #3fb950; } .one { stroke: #656c76; }
}
</style>
";

/// From ratios to places.
#[derive(Clone, Copy, Debug)]
enum Scale {
    Linear {
        most: f64,
    },
    /// For ratios of which some are a hundred times others; bars begin at 1.
    Logarithmic {
        least: f64,
        most: f64,
    },
}

impl Scale {
    fn of(rows: &[Row]) -> Self {
        let ends = rows.iter().flat_map(|row| {
            let goal = row.goal.map_or(1.0, |goal| goal.reach);
            [row.rate.least, row.rate.most, goal, 1.0]
        });
        let (mut least, mut most) = (1.0_f64, 1.0_f64);
        for end in ends.filter(|end| end.is_finite() && *end > 0.0) {
            (least, most) = (least.min(end), most.max(end));
        }
        if most / least > 50.0 {
            let (least, most) = (least / 1.5, most * 1.5);
            Self::Logarithmic { least, most }
        } else {
            Self::Linear { most: most * 1.08 }
        }
    }

    fn x(self, ratio: f64) -> f64 {
        let share = match self {
            Self::Linear { most } => ratio / most,
            Self::Logarithmic { least, most } => (ratio / least).ln() / (most / least).ln(),
        };
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    /// Where bars begin.
    fn foot(self) -> f64 {
        match self {
            Self::Linear { .. } => LEFT,
            Self::Logarithmic { .. } => self.x(1.0),
        }
    }
}

/// A chart of these rows.
pub(crate) fn chart(title: &str, rows: &[Row]) -> String {
    let scale = Scale::of(rows);
    let end = TOP + ROW * rows.len() as f64;
    let height = end + BOTTOM;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n<title>{}</title>\n{STYLE}",
        escape(title)
    );
    let _ = writeln!(
        svg,
        "<text class=\"title\" x=\"12\" y=\"26\">{}</text>",
        escape(title)
    );
    let one = scale.x(1.0);
    let _ = writeln!(
        svg,
        "<line class=\"one\" x1=\"{one:.1}\" y1=\"{TOP}\" x2=\"{one:.1}\" y2=\"{end}\"/>\n\
         <text class=\"small\" x=\"{one:.1}\" y=\"{:.1}\" text-anchor=\"middle\">1</text>",
        TOP - 6.0
    );
    for (index, row) in rows.iter().enumerate() {
        bar(&mut svg, row, TOP + ROW * index as f64, scale);
    }
    let _ = writeln!(
        svg,
        "<text class=\"small\" x=\"12\" y=\"{:.1}\">{}</text>\n</svg>",
        end + 20.0,
        legend(scale)
    );
    svg
}

fn legend(scale: Scale) -> &'static str {
    match scale {
        Scale::Linear { .. } => {
            "Ratio of rates: median as bar, least and most of the rounds as whisker, goal in green."
        }
        Scale::Logarithmic { .. } => {
            "Ratio of rates, logarithmic: median as bar from 1, least and most as whisker, goal in \
             green."
        }
    }
}

fn bar(svg: &mut String, row: &Row, top: f64, scale: Scale) {
    let middle = top + ROW / 2.0;
    let (foot, tip) = (scale.foot(), scale.x(row.rate.median));
    let (start, width) = (foot.min(tip), (tip - foot).abs().max(1.0));
    let class = match row.verdict() {
        None => "other",
        Some(Verdict::Missed) => "missed",
        Some(_) => "bar",
    };
    let _ = writeln!(
        svg,
        "<text x=\"12\" y=\"{:.1}\">{}</text>\n\
         <text class=\"small\" x=\"12\" y=\"{:.1}\">beside {}</text>\n\
         <rect class=\"{class}\" x=\"{start:.1}\" y=\"{:.1}\" width=\"{width:.1}\" \
         height=\"{BAR}\" rx=\"2\"/>",
        middle - 2.0,
        escape(row.of),
        middle + 13.0,
        escape(row.to),
        middle - BAR / 2.0,
    );
    whisker(
        svg,
        (scale.x(row.rate.least), scale.x(row.rate.most)),
        middle,
    );
    let mut right = scale.x(row.rate.most).max(tip).max(foot);
    if let Some(goal) = row.goal {
        let x = scale.x(goal.reach);
        vertical(svg, "goal", x, (middle - 13.0, middle + 13.0));
        if (x - right).abs() < 40.0 {
            right = right.max(x);
        }
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        right + 8.0,
        middle + 4.5,
        ratio(row.rate.median)
    );
}

fn whisker(svg: &mut String, (least, most): (f64, f64), y: f64) {
    let _ = writeln!(
        svg,
        "<line class=\"whisker\" x1=\"{least:.1}\" y1=\"{y:.1}\" x2=\"{most:.1}\" y2=\"{y:.1}\"/>"
    );
    for x in [least, most] {
        vertical(svg, "whisker", x, (y - 4.0, y + 4.0));
    }
}

fn vertical(svg: &mut String, class: &str, x: f64, (top, bottom): (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>"
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Group;
    use crate::report::rows::rows;
    use crate::report::rows::tests::results;

    #[test]
    fn each_row_has_a_bar_a_goal_and_a_name() {
        let svg = chart("A & B", &rows(&results(), Group::Paid));
        assert_eq!(svg.matches("<rect").count(), 2);
        assert_eq!(svg.matches("class=\"goal\"").count(), 2);
        assert!(svg.contains("<title>A &amp; B</title>"), "{svg}");
        assert!(svg.contains(">l402, paid, one token<"), "{svg}");
        assert!(svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn a_goal_that_is_missed_has_another_colour() {
        let mut rows = rows(&results(), Group::Paid);
        rows.truncate(1);
        assert!(chart("", &rows).contains("<rect class=\"bar\""));
        rows[0].rate.median = 0.1;
        assert!(chart("", &rows).contains("<rect class=\"missed\""));
    }

    #[test]
    fn far_apart_ratios_are_drawn_on_a_logarithmic_scale() {
        let mut rows = rows(&results(), Group::Paid);
        assert!(matches!(Scale::of(&rows), Scale::Linear { .. }));
        rows[0].rate.least = 0.01;
        let scale = Scale::of(&rows);
        assert!(matches!(scale, Scale::Logarithmic { .. }));
        assert!(scale.x(0.01) < scale.x(0.1) && scale.x(0.1) < scale.foot());
        assert!(scale.x(1e9) <= RIGHT && scale.x(0.0) >= LEFT);
    }
}

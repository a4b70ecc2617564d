//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write as _};

use super::histogram::BOUNDS;
use super::{Family, HistogramTotals, Kind};

/// The content type of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A text of metrics under construction. Each family is written once, with all its samples.
#[derive(Debug, Default)]
pub(crate) struct Text {
    text: String,
}

/// The samples of one family.
#[derive(Debug)]
pub(crate) struct Samples<'a> {
    text: &'a mut String,
    family: &'static Family,
}

impl Text {
    /// Begins a family.
    pub(crate) fn family(&mut self, family: &'static Family) -> Samples<'_> {
        let Family {
            name, kind, help, ..
        } = family;
        line(&mut self.text, &[&"# HELP ", name, &" ", help]);
        line(&mut self.text, &[&"# TYPE ", name, &" ", &kind.name()]);
        Samples {
            text: &mut self.text,
            family,
        }
    }

    /// Writes a family without labels.
    pub(crate) fn one(&mut self, family: &'static Family, value: impl Display) {
        self.family(family).add(&[], value);
    }

    pub(crate) fn into_string(self) -> String {
        self.text
    }
}

impl Samples<'_> {
    /// Writes a sample. `labels` are the values in the order of the family's names.
    pub(crate) fn add(&mut self, labels: &[&str], value: impl Display) {
        self.sample("", labels, None, &value);
    }

    /// Writes the samples of a histogram.
    pub(crate) fn histogram(&mut self, labels: &[&str], totals: &HistogramTotals) {
        debug_assert_eq!(self.family.kind, Kind::Histogram, "{}", self.family.name);
        let bounds = BOUNDS.iter().map(|(_, text)| *text).chain(["+Inf"]);
        let mut below = 0;
        for (count, bound) in totals.buckets.iter().zip(bounds) {
            below += count;
            self.sample("_bucket", labels, Some(bound), &below);
        }
        self.sample("_sum", labels, None, &Seconds(totals.sum_nanos));
        self.sample("_count", labels, None, &below);
    }

    fn sample(&mut self, suffix: &str, labels: &[&str], le: Option<&str>, value: &dyn Display) {
        let names = self.family.labels;
        debug_assert_eq!(names.len(), labels.len(), "{}", self.family.name);
        self.text.push_str(self.family.name);
        self.text.push_str(suffix);
        let labels = names.iter().copied().zip(labels.iter().copied());
        let mut before = '{';
        for (name, value) in labels.chain(le.map(|bound| ("le", bound))) {
            self.text.push(before);
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(value, self.text);
            self.text.push('"');
            before = ',';
        }
        if before == ',' {
            self.text.push('}');
        }
        line(self.text, &[&" ", value]);
    }
}

/// Appends texts and a line break.
fn line(text: &mut String, parts: &[&dyn Display]) {
    for part in parts {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{part}");
    }
    text.push('\n');
}

/// Appends the value of a label, escaped.
fn escape(value: &str, text: &mut String) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

/// A time in nanoseconds, written in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seconds(pub(crate) u64);

impl Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, part) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        write!(f, "{whole}.{part:09}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::{Histogram, NODE_CALL_SECONDS, REQUESTS};

    #[test]
    fn labels_are_escaped_and_buckets_add_up() {
        let mut text = Text::default();
        text.family(&REQUESTS).add(&["/a\"b\\c\nd", "served"], 7);
        let histogram = Histogram::default();
        histogram.record(Duration::from_millis(3));
        histogram.record(Duration::from_secs(90));
        let mut totals = HistogramTotals::default();
        totals.add(&histogram);
        text.family(&NODE_CALL_SECONDS)
            .histogram(&["lookup"], &totals);
        let text = text.into_string();
        let has = |line: &str| text.lines().any(|found| found == line);
        assert!(
            has(r#"l402_requests_total{route="/a\"b\\c\nd",outcome="served"} 7"#),
            "{text}"
        );
        for line in [
            "# TYPE l402_node_call_seconds histogram",
            r#"l402_node_call_seconds_bucket{call="lookup",le="0.0025"} 0"#,
            r#"l402_node_call_seconds_bucket{call="lookup",le="0.005"} 1"#,
            r#"l402_node_call_seconds_bucket{call="lookup",le="60"} 1"#,
            r#"l402_node_call_seconds_bucket{call="lookup",le="+Inf"} 2"#,
            r#"l402_node_call_seconds_sum{call="lookup"} 90.003000000"#,
            r#"l402_node_call_seconds_count{call="lookup"} 2"#,
        ] {
            assert!(has(line), "{line}: {text}");
        }
    }
}

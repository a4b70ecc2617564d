//! The numbers that change every moment, as the same texts for the page and for its script.

use std::time::Duration;

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::{chart, figure};
use crate::Counters;
use crate::metrics::Quantiles;

/// Two percentiles of a latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Latency {
    /// Half of the requests took no longer.
    pub(super) p50: Duration,
    /// 95 of 100 took no longer.
    pub(super) p95: Duration,
}

impl Latency {
    /// Returns both percentiles; `None` if nothing was measured.
    pub(super) fn of(measured: &Quantiles) -> Option<Self> {
        let (p50, p95) = measured.p50.zip(measured.p95)?;
        Some(Self { p50, p95 })
    }
}

/// The numbers of this moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    /// Requests a second; `None` before there are two samples.
    pub(super) rate: Option<f64>,
    /// The rates of the last minutes, the oldest first.
    pub(super) rates: Vec<f64>,
    pub(super) counters: Counters,
    /// The time that the gateway itself takes, and that of its upstreams.
    pub(super) gateway: Option<Latency>,
    pub(super) upstream: Option<Latency>,
}

impl Live {
    /// Returns each number as text, under the name that the page gives its place.
    fn texts(&self) -> [(&'static str, String); 10] {
        let counters = &self.counters;
        let served = counters.spent + counters.uncounted;
        [
            ("rate", figure::rate(self.rate)),
            ("spark", chart::spark(&self.rates)),
            (
                "conversion",
                figure::percent(counters.settlements, counters.offered),
            ),
            ("offered", figure::thousands(counters.offered)),
            ("paid", figure::thousands(counters.settlements)),
            ("served", figure::thousands(served)),
            ("gateway50", latency(self.gateway, |it| it.p50)),
            ("gateway95", latency(self.gateway, |it| it.p95)),
            ("upstream50", latency(self.upstream, |it| it.p50)),
            ("upstream95", latency(self.upstream, |it| it.p95)),
        ]
    }

    /// Returns the texts for the script.
    pub(super) fn json(&self) -> String {
        let texts = self.texts().into_iter();
        let map: Map<String, Value> = texts
            .map(|(name, text)| (name.to_owned(), text.into()))
            .collect();
        Value::Object(map).to_string()
    }

    /// Shows a number in a place that the script refreshes.
    fn place(&self, name: &str) -> Markup {
        let text = self.texts().into_iter().find(|(own, _)| *own == name);
        html! { span data-live=(name) { (text.map(|(_, text)| text).unwrap_or_default()) } }
    }

    /// Shows all of them.
    pub(super) fn card(&self) -> Markup {
        html! {
            section.card aria-labelledby="now" {
                div.cardhead {
                    h2 #now { "Right now" }
                    span.pulse { "live" }
                }
                (self.traffic())
                dl.live {
                    div {
                        dt { "402 → paid" }
                        dd { (self.place("conversion")) }
                        dd.more { (self.place("paid")) " of " (self.place("offered")) " invoices since the start" }
                    }
                    div { dt { "Paid answers" } dd { (self.place("served")) } dd.more { "since the start" } }
                    (self.latency("Gateway adds", "gateway50", "gateway95"))
                    (self.latency("Upstreams take", "upstream50", "upstream95"))
                }
            }
        }
    }

    fn traffic(&self) -> Markup {
        html! {
            div.traffic {
                dl.rate {
                    dt { "Requests a second" }
                    dd { (self.place("rate")) }
                    dd.more { "over the last 10 s" }
                }
                svg.spark viewBox="0 0 120 32" preserveAspectRatio="none" role="img"
                    aria-label="Requests a second, over the last 5 minutes" {
                    path data-live="spark" d=(chart::spark(&self.rates)) {}
                }
            }
        }
    }

    fn latency(&self, name: &str, p50: &str, p95: &str) -> Markup {
        html! {
            div {
                dt { (name) }
                dd { (self.place(p50)) }
                dd.more { "95 of 100: " (self.place(p95)) }
            }
        }
    }
}

fn latency(of: Option<Latency>, which: impl Fn(Latency) -> Duration) -> String {
    of.map_or_else(|| "–".to_owned(), |it| figure::duration(which(it)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_gets_what_the_page_shows() {
        let live = Live {
            rate: Some(12.34),
            counters: Counters {
                offered: 1_000,
                settlements: 421,
                ..Counters::default()
            },
            gateway: Some(Latency {
                p50: Duration::from_micros(310),
                p95: Duration::from_millis(2),
            }),
            ..Live::default()
        };
        let texts: Value = serde_json::from_str(&live.json()).unwrap();
        let page = live.card().into_string();
        for (name, text) in [
            ("rate", "12"),
            ("conversion", "42 %"),
            ("offered", "1,000"),
            ("gateway50", "310 µs"),
            ("upstream95", "–"),
        ] {
            assert_eq!(texts[name], text);
            assert!(
                page.contains(&format!(r#"data-live="{name}">{text}<"#)),
                "{name} {page}"
            );
        }
    }
}

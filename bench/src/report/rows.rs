//! Comparisons with their figures.

use crate::plan::{COMPARISONS, Comparison, Goal, Group};
use crate::results::{Measurement, Results};
use crate::stats::Spread;

/// A core that is in use for so much of the time has no room left.
const LOADED: f64 = 0.95;

/// One comparison over all rounds.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) of: &'static str,
    pub(crate) to: &'static str,
    pub(crate) rate: Spread,
    /// Of the server's core, for one answer; `None` where no process is counted.
    pub(crate) cpu: Option<Spread>,
    pub(crate) p50: Spread,
    pub(crate) p99: Spread,
    pub(crate) goal: Option<Goal>,
    /// The load generator's core was in use all the time, and the server's was not.
    pub(crate) load_bound: bool,
}

/// Whether a goal was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All that is aimed at.
    Met,
    /// Enough, and less than is aimed at.
    Enough,
    Missed,
}

impl Row {
    /// By the median; `None` without a goal.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let goal = self.goal?;
        Some(match self.rate.median {
            rate if rate >= goal.reach => Verdict::Met,
            rate if rate >= goal.least => Verdict::Enough,
            _ => Verdict::Missed,
        })
    }
}

/// The rows of a group, as far as both sides were measured.
pub(crate) fn rows(results: &Results, group: Group) -> Vec<Row> {
    let of_group = COMPARISONS.iter().filter(|one| one.group == group);
    of_group.filter_map(|one| row(results, one)).collect()
}

fn row(results: &Results, comparison: &Comparison) -> Option<Row> {
    let Comparison { group, of, to, .. } = *comparison;
    let pairs: Vec<(&Measurement, &Measurement)> = results
        .of(group, of)
        .filter_map(|one| {
            let mut others = results.of(group, to);
            let other = others.find(|other| other.round == one.round)?;
            Some((one, other))
        })
        .collect();
    let spread = |figure: fn(&Measurement) -> f64| {
        Spread::of(pairs.iter().map(|(one, other)| figure(one) / figure(other)))
    };
    let cpu = pairs
        .iter()
        .map(|(one, other)| Some(one.cpu_micros? / other.cpu_micros?));
    let cpu: Option<Vec<f64>> = cpu.collect();
    let load_busy = Spread::of(pairs.iter().map(|(one, _)| one.load_busy))?;
    let server_busy = Spread::of(pairs.iter().map(|(one, _)| server_busy(one)))?;
    Some(Row {
        of,
        to,
        rate: spread(|one| one.per_second)?,
        cpu: cpu.and_then(Spread::of),
        p50: spread(|one| one.p50_micros)?,
        p99: spread(|one| one.p99_micros)?,
        goal: comparison.goal,
        load_bound: load_busy.median > LOADED && server_busy.median < LOADED,
    })
}

/// The share of its core that the server used; 0 where no process is counted.
fn server_busy(one: &Measurement) -> f64 {
    one.cpu_micros.unwrap_or_default() * one.per_second / 1e6
}

/// A ratio with as many digits as it bears.
pub(crate) fn ratio(value: f64) -> String {
    match value {
        value if value < 0.1 => format!("{value:.3}"),
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::plan;

    fn measured(scenario: &str, round: u32, per_second: f64) -> Measurement {
        Measurement {
            group: Group::Paid,
            scenario: scenario.to_owned(),
            round,
            connections: 64,
            answers: 1000,
            per_second,
            cpu_micros: (scenario != plan::FREE).then_some(1e6 / per_second),
            p50_micros: 10.0,
            p99_micros: 20.0,
            load_busy: 0.5,
            others_busy: 0.01,
        }
    }

    /// Two rounds: paid at 0.8 and 1.0 of nginx.
    pub(crate) fn results() -> Results {
        let mut results = Results::default();
        for (round, paid) in [(1, 80.0), (2, 100.0)] {
            results.measurements.push(measured(plan::PAID, round, paid));
            results
                .measurements
                .push(measured(plan::NGINX, round, 100.0));
            results
                .measurements
                .push(measured(plan::FREE, round, 100.0));
        }
        results
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        let rows = rows(&results(), Group::Paid);
        let [nginx, free] = rows.as_slice() else {
            panic!("{rows:?}");
        };
        assert_eq!((nginx.of, nginx.to), (plan::PAID, plan::NGINX));
        assert_eq!((nginx.rate.least, nginx.rate.most), (0.8, 1.0));
        assert!((nginx.rate.median - 0.9).abs() < 1e-9);
        assert!((nginx.cpu.unwrap().most - 1.25).abs() < 1e-9);
        assert!(free.cpu.is_none());
    }

    #[test]
    fn a_round_without_the_other_side_does_not_count() {
        let mut results = results();
        results.measurements.push(measured(plan::PAID, 3, 500.0));
        assert_eq!(rows(&results, Group::Paid)[0].rate.most, 1.0);
    }

    #[test]
    fn the_median_decides_whether_a_goal_is_met() {
        let mut row = rows(&results(), Group::Paid).remove(0);
        assert_eq!(row.verdict(), Some(Verdict::Enough));
        row.rate.median = 1.0;
        assert_eq!(row.verdict(), Some(Verdict::Met));
        row.rate.median = 0.84;
        assert_eq!(row.verdict(), Some(Verdict::Missed));
        row.goal = None;
        assert_eq!(row.verdict(), None);
    }

    #[test]
    fn a_busy_load_generator_counts_where_the_server_was_not() {
        let mut results = results();
        let bound = |results: &Results| rows(results, Group::Paid)[0].load_bound;
        assert!(!bound(&results));
        for one in &mut results.measurements {
            one.load_busy = 1.0;
        }
        assert!(!bound(&results));
        for one in &mut results.measurements {
            one.cpu_micros = Some(0.5e6 / one.per_second);
        }
        assert!(bound(&results));
    }

    #[test]
    fn ratios_have_three_digits_at_most() {
        let texts = [0.0123, 0.95, 8.125, 42.25, 117.6].map(ratio);
        assert_eq!(texts, ["0.012", "0.95", "8.12", "42.2", "118"]);
    }
}

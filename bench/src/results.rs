//! What a run has found, as it is written down.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Result, While};
use crate::load::Outcome;
use crate::plan::Group;
use crate::stats::permille;

/// The file's name below the folder of reports.
pub(crate) const FILE: &str = "results.json";

/// Everything; the tables and charts are made from nothing else.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) runs: Vec<Run>,
    pub(crate) measurements: Vec<Measurement>,
    pub(crate) stocks: Vec<Stock>,
    pub(crate) memory: Vec<Memory>,
    pub(crate) skipped: Vec<Absent>,
}

/// The machine, and whose programs ran on it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    /// Name and first two numbers of the kernel.
    pub(crate) kernel: String,
    pub(crate) versions: Vec<(String, String)>,
}

/// How a group was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) group: Group,
    pub(crate) rounds: u32,
    /// Of each measurement.
    pub(crate) seconds: f64,
    /// Of the order within the rounds.
    pub(crate) seed: u64,
}

/// One scenario in one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measurement {
    pub(crate) group: Group,
    pub(crate) scenario: String,
    pub(crate) round: u32,
    pub(crate) connections: usize,
    pub(crate) answers: u64,
    pub(crate) per_second: f64,
    /// Of the server, for one answer, in microseconds; `None` where no process is counted.
    pub(crate) cpu_micros: Option<f64>,
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
    /// The share of the load generator's core that was in use. Near 1 the generator was the limit.
    pub(crate) load_busy: f64,
    /// What everybody else used, in cores: lnds, and whatever disturbed the measurement.
    pub(crate) others_busy: f64,
}

/// How long invoices signed ahead last.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Stock {
    pub(crate) group: Group,
    pub(crate) invoices: u32,
    /// Until signing begins again, at the median rate of that scenario.
    pub(crate) half_lasts_seconds: f64,
    /// Whether any round asked for more than half, so that signing ran beside it.
    pub(crate) refilled: bool,
}

/// Resident memory of one server for one thing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) what: String,
    pub(crate) bytes: f64,
    pub(crate) goal_bytes: Option<f64>,
}

/// A scenario that was not measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Absent {
    pub(crate) group: Group,
    pub(crate) scenario: String,
    pub(crate) reason: String,
}

impl Measurement {
    /// Puts an outcome into the figures that are kept.
    pub(crate) fn new(
        (group, scenario, round): (Group, &str, u32),
        connections: usize,
        outcome: &Outcome,
        counted: bool,
    ) -> Self {
        let answers = outcome.answers as f64;
        let seconds = outcome.elapsed.as_secs_f64();
        let mut latencies = outcome.latencies.clone();
        latencies.sort_unstable();
        let ours = outcome.server_cpu + outcome.load_cpu;
        let others = outcome.machine_cpu.saturating_sub(ours);
        let micros = |rank| f64::from(permille(&latencies, rank)) / 1000.0;
        Self {
            group,
            scenario: scenario.to_owned(),
            round,
            connections,
            answers: outcome.answers,
            per_second: answers / seconds,
            cpu_micros: counted.then(|| outcome.server_cpu.as_secs_f64() * 1e6 / answers),
            p50_micros: micros(500),
            p99_micros: micros(990),
            load_busy: outcome.load_cpu.as_secs_f64() / seconds,
            others_busy: others.as_secs_f64() / seconds,
        }
    }
}

impl Results {
    /// Reads what an earlier run wrote.
    ///
    /// # Errors
    /// Where there is no such file, or another one.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).while_doing(path.display())?;
        serde_json::from_str(&text).while_doing(path.display())
    }

    /// # Errors
    /// Where the folder cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        let mut text = serde_json::to_string_pretty(self).while_doing("writing JSON")?;
        text.push('\n');
        std::fs::write(&path, text).while_doing(path.display())
    }

    /// Forgets a group: it is measured again.
    pub(crate) fn forget(&mut self, group: Group) {
        self.runs.retain(|run| run.group != group);
        self.measurements.retain(|one| one.group != group);
        self.stocks.retain(|stock| stock.group != group);
        self.skipped.retain(|absent| absent.group != group);
        if group == Group::Memory {
            self.memory.clear();
        }
    }

    /// The measurements of a scenario, in the order of the rounds.
    pub(crate) fn of<'a>(
        &'a self,
        group: Group,
        scenario: &'a str,
    ) -> impl Iterator<Item = &'a Measurement> {
        let fits = move |one: &&Measurement| one.group == group && one.scenario == scenario;
        self.measurements.iter().filter(fits)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_outcome_becomes_rates_and_shares() {
        let outcome = Outcome {
            answers: 4,
            total: 5,
            elapsed: Duration::from_secs(2),
            server_cpu: Duration::from_millis(8),
            load_cpu: Duration::from_secs(1),
            machine_cpu: Duration::from_millis(1508),
            latencies: vec![4000, 1000, 3000, 2000],
        };
        let kept = Measurement::new((Group::Proxy, "x", 3), 64, &outcome, true);
        assert_eq!((kept.per_second, kept.load_busy), (2.0, 0.5));
        assert_eq!(kept.others_busy, 0.25);
        assert_eq!((kept.p50_micros, kept.p99_micros), (2.0, 4.0));
        assert_eq!(kept.cpu_micros, Some(2000.0));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let outcome = Outcome {
            answers: 1,
            elapsed: Duration::from_secs(1),
            ..Outcome::default()
        };
        let mut results = Results::default();
        for group in [Group::Proxy, Group::SingleUse] {
            let one = Measurement::new((group, "x", 1), 1, &outcome, false);
            results.measurements.push(one);
        }
        results.write(folder.path()).unwrap();
        let mut read = Results::read(folder.path()).unwrap();
        assert_eq!(read.measurements, results.measurements);
        read.forget(Group::Proxy);
        assert_eq!(read.of(Group::Proxy, "x").count(), 0);
        assert_eq!(read.of(Group::SingleUse, "x").count(), 1);
    }
}

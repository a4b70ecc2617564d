//! Rounds: every scenario of a group in each, in an order that changes.

use std::path::Path;
use std::time::Duration;

use crate::error::{BenchError, Result};
use crate::expect::Seen;
use crate::load::{self, Load, Outcome};
use crate::memory;
use crate::plan::Group;
use crate::requests::{Requests, get};
use crate::results::{Absent, Machine, Measurement, Results, Run, Stock};
use crate::server::l402::ONCE;
use crate::server::{aperture, installed, lnd, version};
use crate::stage::{Scenario, Source, Stage, World};
use crate::stats::Spread;
use crate::usage::until_idle;

/// Tokens are made beforehand for so many requests a second: more than anything here serves.
const FRESH_PER_SECOND: f64 = 80_000.0;

/// How it is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) rounds: u32,
    /// Of each measurement.
    pub(crate) measured: Duration,
    pub(crate) seed: u64,
}

impl Settings {
    /// Before each measurement, for connections and caches.
    fn warm_up(&self) -> Duration {
        (self.measured / 4).min(Duration::from_millis(300))
    }
}

/// Measures these groups into `results`, in place of what it knew of them.
///
/// # Errors
/// A wrong answer, or a server that does not start: then nothing of this run counts.
pub(crate) fn run(
    groups: &[Group],
    world: &World,
    settings: Settings,
    results: &mut Results,
) -> Result<()> {
    let mut seen = Seen::default();
    results.machine = machine(&world.program);
    for group in groups {
        results.forget(*group);
        eprintln!("{}: starting servers", group.word());
        if *group == Group::Memory {
            results.memory = memory::measure(world, &mut seen)?;
        } else {
            rounds(*group, world, settings, &mut seen, results)?;
        }
    }
    Ok(())
}

fn rounds(
    group: Group,
    world: &World,
    settings: Settings,
    seen: &mut Seen,
    results: &mut Results,
) -> Result<()> {
    let mut stage = Stage::open(group, world)?;
    for skipped in &stage.skipped {
        eprintln!(
            "{}: without {:?}: {}",
            group.word(),
            skipped.name,
            skipped.reason
        );
        results.skipped.push(Absent {
            group,
            scenario: skipped.name.to_owned(),
            reason: skipped.reason.clone(),
        });
    }
    results.runs.push(Run {
        group,
        rounds: settings.rounds,
        seconds: settings.measured.as_secs_f64(),
        seed: settings.seed,
    });
    let mut random = fastrand::Rng::with_seed(settings.seed);
    let mut refilled = false;
    for round in 1..=settings.rounds {
        random.shuffle(&mut stage.scenarios);
        for scenario in &mut stage.scenarios {
            let outcome = measure(scenario, world, settings, seen);
            let outcome = outcome.map_err(|error| wrong(scenario, &error))?;
            refilled |= scenario.stock > 0 && outcome.total > u64::from(scenario.stock / 2);
            let of = (group, scenario.name, round);
            let counted = scenario.server.is_some();
            let kept = Measurement::new(of, scenario.connections, &outcome, counted);
            tell(&kept, settings.rounds);
            results.measurements.push(kept);
        }
    }
    for scenario in stage.scenarios.iter().filter(|scenario| scenario.stock > 0) {
        results
            .stocks
            .extend(stock(group, scenario, refilled, results));
    }
    Ok(())
}

fn wrong(scenario: &Scenario, error: &BenchError) -> BenchError {
    BenchError::new(format!("{}: {error}", scenario.name))
}

fn measure(
    scenario: &mut Scenario,
    world: &World,
    settings: Settings,
    seen: &mut Seen,
) -> Result<Outcome> {
    if scenario.stock > 0 {
        // It is filled up again when half of it is gone, and not before.
        ask(scenario, world, scenario.stock / 2, seen)?;
    }
    if let Some(server) = scenario.server {
        // Ledgers are written and invoices signed behind the answers: that time is not another's.
        until_idle(server)?;
    }
    let load = Load {
        endpoint: &scenario.endpoint,
        connections: scenario.connections,
        warm_up: settings.warm_up(),
        measured: settings.measured,
        limit: u64::MAX,
        pace: scenario.pace,
        expect: &scenario.expect,
        server: scenario.server,
        upstream_thread: world.upstream.thread_id,
    };
    match &mut scenario.source {
        Source::Again(requests) => match &mut scenario.flood {
            Some(flood) => load::run_beside(flood, &load, requests, seen),
            None => load::run(&load, requests, seen),
        },
        Source::Fresh(minter) => {
            let span = settings.warm_up() + settings.measured;
            let count = fresh(span) + scenario.connections;
            let request = |_| {
                let credential = minter.credential(ONCE)?;
                Ok(get(load.endpoint.address, ONCE, Some(&credential)))
            };
            let requests: Result<Requests> = (0..count).map(request).collect();
            load::run(&load, &mut requests?.once(), seen)
        }
    }
}

/// Sends so many requests and measures nothing.
fn ask(scenario: &mut Scenario, world: &World, count: u32, seen: &mut Seen) -> Result<()> {
    let load = Load {
        endpoint: &scenario.endpoint,
        connections: scenario.connections,
        warm_up: Duration::ZERO,
        measured: Duration::from_secs(600),
        limit: count.into(),
        pace: None,
        expect: &scenario.expect,
        server: None,
        upstream_thread: world.upstream.thread_id,
    };
    match &mut scenario.source {
        Source::Again(requests) => load::run(&load, requests, seen).map(drop),
        Source::Fresh(_) => Ok(()),
    }
}

/// How many requests a server could answer in this time at the most.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few hundred thousand, rounded"
)]
fn fresh(span: Duration) -> usize {
    (span.as_secs_f64() * FRESH_PER_SECOND) as usize
}

fn tell(kept: &Measurement, rounds: u32) {
    let cpu = kept
        .cpu_micros
        .map_or(String::new(), |cpu| format!(", {cpu:.1} µs CPU each"));
    eprintln!(
        "{}: round {} of {rounds}, {}: {:.0} a second, p50 {:.0} µs, p99 {:.0} µs{cpu}, load \
         core {:.0} % busy, others {:.0} %",
        kept.group.word(),
        kept.round,
        kept.scenario,
        kept.per_second,
        kept.p50_micros,
        kept.p99_micros,
        kept.load_busy * 100.0,
        kept.others_busy * 100.0,
    );
}

fn stock(group: Group, scenario: &Scenario, refilled: bool, results: &Results) -> Option<Stock> {
    let rates = results.of(group, scenario.name).map(|one| one.per_second);
    Some(Stock {
        group,
        invoices: scenario.stock,
        half_lasts_seconds: f64::from(scenario.stock / 2) / Spread::of(rates)?.median,
        refilled,
    })
}

/// Of the machine what its figures depend on; nothing that names it.
fn machine(l402: &Path) -> Machine {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let numbers: Vec<&str> = release.trim().splitn(3, '.').take(2).collect();
    let said = |name: &str, program: Option<&Path>, argument| {
        let version = version(program?, argument)?;
        Some((name.to_owned(), version))
    };
    let of_system = |name| said(name, installed(name).as_deref(), "-v");
    let versions = [
        said("l402", Some(l402), "--version"),
        of_system("nginx"),
        of_system("haproxy"),
        aperture::pinned_version().map(|version| ("aperture".to_owned(), version)),
        said("lnd", Some(&lnd::built("lnd")), "--version"),
    ];
    Machine {
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        kernel: format!("Linux {}", numbers.join(".")),
        versions: versions.into_iter().flatten().collect(),
    }
}

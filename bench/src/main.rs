//! How fast, beside others in the same run.
//!
//! Every server is one process on core 0; the load generator and the upstream share core 1. All
//! scenarios of a group run in each round, and only ratios within a round count. Every answer is
//! checked; a wrong one ends the run.

mod client;
mod connection;
mod error;
mod expect;
mod load;
mod memory;
mod plan;
mod report;
mod requests;
mod response;
mod results;
mod run;
mod server;
mod stage;
mod stats;
mod upstream;
mod usage;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::error::{BenchError, Result, While};
use crate::plan::Group;
use crate::results::Results;
use crate::run::Settings;
use crate::stage::World;
use crate::upstream::Upstream;

/// Measure the gateway beside nginx, haproxy, lnd and Aperture
///
/// Interleaved rounds on pinned cores: servers on core 0, load generator and upstream on core 1.
/// Every answer is checked, and a wrong one ends the run. Results are ratios within a round, as
/// their median, least and most; they go to results.json, a table in README.md and one chart a
/// group. Nothing leaves loopback.
#[derive(Debug, Parser)]
#[command(
    name = "l402-bench",
    version,
    after_help = "\
bench/run installs and builds what is needed, then starts this program with the same options.

Examples:
  bench/run
  bench/run --only proxy,paid --rounds 3 --seconds 1
  bench/run --skip-lnd --out figures
  l402-bench render                          # tables and charts again, from results.json"
)]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,

    /// How often each scenario is measured
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,

    /// How long each measurement takes
    #[arg(long, default_value = "2", value_name = "S", value_parser = seconds)]
    seconds: Duration,

    /// These groups alone; what results.json knows of others stays
    #[arg(long, value_delimiter = ',', value_name = "GROUPS")]
    only: Vec<Group>,

    /// Leave out what needs lnd
    #[arg(long)]
    skip_lnd: bool,

    /// The folder of results, tables and charts
    #[arg(
        long,
        default_value = "docs/benchmarks",
        value_name = "DIR",
        global = true
    )]
    out: PathBuf,

    /// Print results.json on standard output instead of the tables
    #[arg(long, global = true)]
    json: bool,

    /// The program l402; by default the one beside this program
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,

    /// How many invoices are signed ahead where that is measured; half of them are to last longer
    /// than a measurement
    #[arg(long, default_value_t = 250_000, value_name = "N")]
    invoices_ahead: u32,

    /// Of the order within the rounds
    #[arg(long, default_value_t = 402)]
    seed: u64,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make tables and charts again from results.json; measure nothing
    Render,
    /// Measure `l402 get` beside curl, one process a request, and print the ratios as JSON
    Client(client::ClientArgs),
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number")?;
    let within = (0.05..=600.0).contains(&seconds);
    within
        .then(|| Duration::from_secs_f64(seconds))
        .ok_or_else(|| "from 0.05 to 600".to_owned())
}

fn main() -> ExitCode {
    let options = Options::parse();
    match work(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("l402-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn work(options: &Options) -> Result<()> {
    let results = match &options.command {
        Some(Command::Client(args)) => return client(args, options),
        Some(Command::Render) => Results::read(&options.out)?,
        None => measured(options)?,
    };
    report::render(&results, &options.out)?;
    let text = if options.json {
        serde_json::to_string_pretty(&results).while_doing("writing JSON")?
    } else {
        report::tables(&results)
    };
    writeln!(std::io::stdout(), "{text}").while_doing("standard output")
}

fn client(args: &client::ClientArgs, options: &Options) -> Result<()> {
    let lines = client::measure(args, &world(options)?)?;
    let text = serde_json::to_string_pretty(&lines).while_doing("writing JSON")?;
    writeln!(std::io::stdout(), "{text}").while_doing("standard output")
}

fn world(options: &Options) -> Result<World> {
    Ok(World {
        folder: tempfile::tempdir().while_doing("making a temporary folder")?,
        upstream: Upstream::start()?,
        program: program(options)?,
        invoices_ahead: options.invoices_ahead,
    })
}

fn measured(options: &Options) -> Result<Results> {
    usage::open_many_files()?;
    let world = world(options)?;
    let settings = Settings {
        rounds: options.rounds,
        measured: options.seconds,
        seed: options.seed,
    };
    std::fs::create_dir_all(&options.out).while_doing(options.out.display())?;
    let mut results = known(options)?;
    run::run(&groups(options), &world, settings, &mut results)?;
    results.write(&options.out)?;
    Ok(results)
}

/// What stays: where some groups alone are measured, the others' figures of before.
fn known(options: &Options) -> Result<Results> {
    if options.only.is_empty() || !options.out.join(results::FILE).exists() {
        Ok(Results::default())
    } else {
        Results::read(&options.out)
    }
}

fn groups(options: &Options) -> Vec<Group> {
    let wanted = |group: &Group| {
        let named = options.only.is_empty() || options.only.contains(group);
        named && !(options.skip_lnd && *group == Group::Lnd)
    };
    Group::ALL.into_iter().filter(wanted).collect()
}

fn program(options: &Options) -> Result<PathBuf> {
    let path = match &options.program {
        Some(path) => path.clone(),
        None => {
            let own = std::env::current_exe().while_doing("looking for l402")?;
            own.parent().unwrap_or(Path::new("")).join("l402")
        }
    };
    let missing = || BenchError::new(format!("there is no {}", path.display()));
    path.exists().then_some(&path).ok_or_else(missing)?;
    path.canonicalize().while_doing(path.display())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn options(arguments: &[&str]) -> Options {
        Options::try_parse_from([&["l402-bench"], arguments].concat()).expect("they are sound")
    }

    #[test]
    fn options_are_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn everything_runs_by_default_and_less_where_it_is_said() {
        assert_eq!(groups(&options(&[])), Group::ALL);
        let some = options(&["--only", "paid,proxy"]);
        assert_eq!(groups(&some), [Group::Proxy, Group::Paid]);
        assert!(!groups(&options(&["--skip-lnd"])).contains(&Group::Lnd));
    }

    #[test]
    fn durations_are_bounded() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert!(seconds("0").is_err() && seconds("x").is_err() && seconds("NaN").is_err());
    }
}

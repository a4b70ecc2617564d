//! The program `l402`, as a library: everything but `main`.
//!
//! One command per file under `command`. This crate holds no protocol, no payment logic and no
//! proxy: it reads the command line, asks the crates below, and tells people and machines what
//! happened. What stays the same between versions is in [`exit_code`].
//!
//! ```text
//!   sell:  serve ─── l402-gateway         buy:  get, wallet, payments ─── l402-client
//!   both:  demo                                 doctor, sandbox ───────── l402-lightning
//!   none:  token inspect, completions
//! ```
//!
//! Features: `sell` and `buy`, both on by default. A build with `sell` alone holds no code that
//! spends.

mod cli;
mod command;
mod error;
pub mod exit_code;
mod home;
mod invoice;
mod logging;
#[cfg(feature = "buy")]
mod money;
mod node_form;
mod output;
mod plain;
mod signal;
mod when;

use std::ffi::OsString;
use std::sync::Arc;

use clap::{CommandFactory, Parser};
use l402_host::{Clock, SystemClock};

pub use cli::Cli;
pub use error::CliError;
use exit_code::ExitCode;
use home::HomeFolder;

/// What every command is given.
#[derive(Clone, Debug)]
struct Context {
    /// How the user called the program: for commands that are to be typed next.
    #[cfg_attr(
        not(feature = "buy"),
        expect(dead_code, reason = "only buying suggests commands")
    )]
    program: String,
    home: HomeFolder,
    clock: Arc<dyn Clock>,
}

/// Runs the program with these arguments, the first of which is its name, to its end.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return misunderstood(&args, &error),
    };
    logging::start(cli.verbose, cli.command.sells());
    let json_errors = cli.command.reports_errors_as_json();
    match start(cli, program_name(&args)) {
        Ok(code) => code,
        Err((error, silent)) => {
            if json_errors {
                let line = format!("{}\n", error.to_json());
                // The error is told on stderr as well; a closed stdout is no second error.
                let _ = std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes());
            }
            if !silent || error.is_about_money() {
                error.show();
            }
            error.exit_code()
        }
    }
}

/// The command line, with which completions and documentation are made.
#[must_use]
pub fn command_line() -> clap::Command {
    Cli::command()
}

fn start(cli: Cli, program: String) -> Result<ExitCode, (CliError, bool)> {
    let silent = cli.command.is_silent();
    let with_silence = |error| (error, silent);
    let home = HomeFolder::choose(cli.home).map_err(with_silence)?;
    let context = Context {
        program,
        home,
        clock: Arc::new(SystemClock::default()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| with_silence(CliError::internal(format!("no runtime: {error}"))))?;
    let outcome = runtime
        .block_on(cli.command.run(context))
        .map_err(with_silence);
    // A thread that still waits for a wallet or a terminal does not hold up the end.
    runtime.shutdown_background();
    outcome
}

/// The path that was typed, or the bare name where the shell found it.
fn program_name(args: &[OsString]) -> String {
    let typed = args
        .first()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    if typed.contains(std::path::MAIN_SEPARATOR) {
        typed
    } else {
        "l402".to_owned()
    }
}

/// Help and version are answers; anything else is an error of usage.
fn misunderstood(args: &[OsString], error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        return if error.print().is_ok() {
            exit_code::OK
        } else {
            exit_code::LOCAL_IO
        };
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    if args.iter().any(|arg| arg == "--json") && !args.iter().any(|arg| arg == "get") {
        let line = format!("{}\n", CliError::usage(text).to_json());
        let _ = std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes());
    }
    CliError::usage(text).show();
    exit_code::USAGE
}

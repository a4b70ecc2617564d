//! One run of the program, from its arguments to its exit status.

use std::ffi::OsString;
use std::io::{Write, stdout};

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::home::HomeFolder;
use crate::logging;
use crate::text::output;
use crate::usage;

/// Runs the program to its end with these arguments, the first of which is its name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    #[cfg(feature = "buy")]
    let args = match crate::get::expand(args.clone(), crate::cli::command_line) {
        Ok(expanded) => expanded,
        Err(error) => return report(&error, usage::has_json_errors(&args)),
    };
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return misunderstood(&args, error),
    };
    logging::start(cli.log, cli.command.sells());
    // Asked now, for the command is consumed by its run.
    let json_errors = cli.command.reports_errors_as_json();
    let (json_on_stderr, silent) = (cli.command.has_json_errors(), cli.command.is_silent());
    let outcome = start(cli, program_name(&args));
    // Before the error is told, so that the log stands in front of it.
    logging::finish();
    let error = match outcome {
        Ok(code) => return code,
        Err(error) => error,
    };
    // On stdout, where a program looks for the result that it does not get.
    if json_errors {
        print_json(&error);
    }
    // `--silent` hides as much as curl's does, but never that money is at stake.
    if json_on_stderr || !silent || error.is_about_money() {
        return report(&error, json_on_stderr);
    }
    error.exit_code()
}

fn start(cli: Cli, program: String) -> Result<ExitCode, CliError> {
    let home = HomeFolder::choose(cli.home)?;
    let context = Context::new(program, home);
    let runtime = runtime(&cli.command)
        .enable_all()
        .build()
        .map_err(|error| CliError::internal(format!("no runtime: {error}")))?;
    let opened = context.opened.clone();
    let outcome = runtime.block_on(opened.ended_after(cli.command.run(context)));
    // A thread that still waits for a wallet or a terminal does not hold up the end.
    runtime.shutdown_background();
    outcome
}

/// Returns the threads that a command runs on.
fn runtime(command: &Command) -> tokio::runtime::Builder {
    // To start and stop further threads takes as long as one exchange. The embedded node needs them.
    if command.is_one_exchange() && !cfg!(feature = "ldk") {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    }
}

/// Returns the path that was typed, or the bare name if the shell found the program.
fn program_name(args: &[OsString]) -> String {
    let typed = args
        .first()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    // Hints repeat it, so that the command in a hint can be pasted.
    if typed.contains(std::path::MAIN_SEPARATOR) {
        typed
    } else {
        "l402".to_owned()
    }
}

/// Prints help, version or first steps, or reports an error of usage.
fn misunderstood(args: &[OsString], error: clap::Error) -> ExitCode {
    if let Some(help) = usage::help(args, &program_name(args), &error) {
        return match output::print(&help.ansi().to_string()) {
            Ok(()) => exit_code::OK,
            Err(_) => exit_code::LOCAL_IO,
        };
    }
    let json_errors = usage::reports_as_json(args);
    let json_on_stderr = usage::has_json_errors(args);
    let error = usage::error(args, error);
    if json_errors {
        print_json(&error);
    }
    report(&error, json_on_stderr)
}

/// Tells an error on stderr, and returns its exit status.
fn report(error: &CliError, as_json: bool) -> ExitCode {
    if as_json {
        output::tell(&error.to_json().to_string());
    } else {
        output::tell_error(error);
    }
    error.exit_code()
}

/// Prints an error to stdout, for machines.
fn print_json(error: &CliError) {
    let line = format!("{}\n", error.to_json());
    // The error is told on stderr as well; a closed stdout is no second error.
    let _ = stdout().write_all(line.as_bytes());
}

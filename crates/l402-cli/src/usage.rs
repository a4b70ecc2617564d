//! A command line that cannot be understood: what is said about it, and where.

use std::ffi::OsString;
use std::io::{IsTerminal, stdout};

use clap::Command;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::command_line;
use crate::error::CliError;
use crate::text::plain::hide;

/// The flags whose values may hold a secret: they are not repeated.
const SECRET_FLAGS: [&str; 2] = ["--node", "--wallet"];

/// The units of an amount that a shell has parted from its number.
const UNITS: [&str; 5] = ["sat", "sats", "msat", "BTC", "btc"];

/// Returns the help or the version if that was asked for, or if nothing at all was.
pub(crate) fn help(args: &[OsString], error: &clap::Error) -> Option<StyledStr> {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::DisplayVersion => Some(error.render()),
        // Nothing but the name of a command that has others below it. To clap, a variable such as
        // L402_HOME is an argument that was given.
        ErrorKind::MissingSubcommand => Some(with_command(args, Command::render_help)),
        _ => None,
    }
}

/// Returns true if the error is also printed to stdout as JSON: for the commands and on the
/// conditions that any other error is.
pub(crate) fn reports_as_json(args: &[OsString]) -> bool {
    // The stdout of these is a body and a script. The `--json` of `get` is curl's: data to send.
    let path = path(args);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let is_plain = matches!(
        path.as_slice(),
        ["completions" | "get" | "replay", ..]
            | ["payments", "resume"]
            | ["tokens", "export" | "attenuate"]
    );
    !is_plain && (!stdout().is_terminal() || args.iter().any(|arg| arg == "--json"))
}

/// Returns the error of this program for one of clap.
pub(crate) fn error(args: &[OsString], mut error: clap::Error) -> CliError {
    // The usage of the command itself: clap's would show each flag that was given, and a variable
    // such as L402_HOME, as if it were required.
    if error.get(ContextKind::Usage).is_some() {
        let usage = ContextValue::StyledStr(with_command(args, Command::render_usage));
        error.insert(ContextKind::Usage, usage);
    }
    if let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg)
        && SECRET_FLAGS.iter().any(|secret| flag.starts_with(secret))
    {
        let hidden = ContextValue::String("…".to_owned());
        error.insert(ContextKind::InvalidValue, hidden);
    }
    let mut text = error.render().to_string();
    for arg in args {
        let arg = arg.to_string_lossy();
        text = hide(&text, &arg);
    }
    // Without clap's own prefix, for every error of this program begins with its code.
    let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    let told = CliError::usage(text);
    match parted_amount(args) {
        Some(amount) => told.with_hint(format!(
            "the shell parts words at spaces: write \"{amount}\" in quotation marks, or {} as one \
             word",
            amount.replace(' ', "")
        )),
        None => told,
    }
}

/// Returns an amount whose unit is an argument of its own.
fn parted_amount(args: &[OsString]) -> Option<String> {
    args.windows(2).find_map(|pair| {
        let [number, unit] = [pair[0].to_str()?, pair[1].to_str()?];
        // `--price=50 sat` as well.
        let number = number.rsplit_once('=').map_or(number, |(_, value)| value);
        let digits = |b: u8| b.is_ascii_digit() || b == b'.';
        let is_number = !number.is_empty() && number.bytes().all(digits);
        (is_number && UNITS.contains(&unit)).then(|| format!("{number} {unit}"))
    })
}

/// Returns the names of the command and the action that a command line means.
fn path(args: &[OsString]) -> Vec<String> {
    let mut command = &command_line();
    let mut names = Vec::new();
    let mut args = args.iter().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--home" {
            // Its value may be named like a command.
            args.next();
        }
        let found = arg.to_str().and_then(|name| command.find_subcommand(name));
        if let Some(found) = found {
            names.push(found.get_name().to_owned());
            command = found;
        }
    }
    names
}

/// Renders the command that a command line means.
fn with_command(args: &[OsString], render: fn(&mut Command) -> StyledStr) -> StyledStr {
    let mut root = command_line();
    // So that each command knows the names above it.
    root.build();
    let command = path(args)
        .iter()
        .try_fold(&mut root, |command, name| command.find_subcommand_mut(name));
    match command {
        Some(command) => render(command),
        None => render(&mut command_line()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn a_unit_that_stands_alone_is_found() {
        for (text, amount) in [
            ("l402 serve --price 50 sat --policy request", Some("50 sat")),
            ("l402 serve --price=0.5 BTC", Some("0.5 BTC")),
            ("l402 wallet fund 5000 sats", Some("5000 sats")),
            ("l402 serve --price 50sat", None),
            ("l402 get sat", None),
        ] {
            assert_eq!(parted_amount(&line(text)).as_deref(), amount, "{text}");
        }
    }

    #[test]
    fn the_command_is_found_behind_options() {
        for (text, names) in [
            ("l402 --home get wallet fund x", &["wallet", "fund"][..]),
            ("l402 -v get wallet", &["get"]),
            ("l402 nonsense", &[]),
        ] {
            assert_eq!(path(&line(text)), names, "{text}");
        }
    }
}

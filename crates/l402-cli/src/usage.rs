//! A command line that cannot be understood: what is said about it, and where.

use std::ffi::OsString;
use std::io::{IsTerminal, stdout};

use clap::Command;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::command_line;
use crate::error::CliError;
use crate::text::first_steps::first_steps;
use crate::text::plain::hide;

/// The flags whose values may hold a secret: they are not repeated.
const SECRET_FLAGS: [&str; 3] = ["--node", "--proxy", "--wallet"];

/// The units of an amount that a shell has parted from its number.
const UNITS: [&str; 5] = ["sat", "sats", "msat", "BTC", "btc"];

/// Returns the help or the version if that was asked for, and the first steps if nothing at all was.
pub(crate) fn help(args: &[OsString], program: &str, error: &clap::Error) -> Option<StyledStr> {
    match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand
            if path(args).is_empty() =>
        {
            Some(first_steps(program).into())
        }
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
    // The stdout of these is a body, a script, and messages. The `--json` of `get` is curl's: data to send.
    let path = path(args);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let is_plain = matches!(
        path.as_slice(),
        ["completions" | "get" | "man" | "mcp" | "replay", ..]
            | ["admin", "metrics"]
            | ["payments", "resume"]
            | ["tokens", "export" | "attenuate"]
            | ["registry", "export"]
    );
    !is_plain && (!stdout().is_terminal() || args.iter().any(|arg| arg == "--json"))
}

/// Returns true if an error is written to stderr as JSON.
pub(crate) fn has_json_errors(args: &[OsString]) -> bool {
    let is_asked = |pair: &[OsString]| pair[0] == "--error-format" && pair[1] == "json";
    path(args).first().is_some_and(|name| name == "get")
        && (args.windows(2).any(is_asked) || args.iter().any(|arg| arg == "--error-format=json"))
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
    #[cfg(feature = "buy")]
    if let Some(way) = way_round(args, &error) {
        return told.with_hint(way);
    }
    match parted_amount(args) {
        Some(amount) => told.with_hint(format!(
            "the shell parts words at spaces: write \"{amount}\" in quotation marks, or {} as one \
             word",
            amount.replace(' ', "")
        )),
        None => told,
    }
}

/// Returns the way round a flag of curl that `get` does not have.
#[cfg(feature = "buy")]
fn way_round(args: &[OsString], error: &clap::Error) -> Option<String> {
    let is_unknown = error.kind() == ErrorKind::UnknownArgument;
    let is_get = path(args).first().is_some_and(|name| name == "get");
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) if is_unknown && is_get => {
            let way = crate::get::way_round(flag)?;
            Some(format!("{flag} of curl is not built here; {way}"))
        }
        _ => None,
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
        if arg == "--home" || arg == "--log" {
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

    #[cfg(feature = "buy")]
    #[test]
    fn each_flag_of_curl_that_there_is_not_has_a_way_round() {
        use clap::Parser as _;

        let told = |text: &str| {
            let args = line(text);
            let refused = crate::cli::Cli::try_parse_from(&args).expect_err(text);
            let error = error(&args, refused);
            assert_eq!(error.exit_code(), crate::exit_code::USAGE, "{text}");
            (error.to_string(), error.hint().map(str::to_owned))
        };
        for flag in crate::get::flags_of_curl() {
            let (text, hint) = told(&format!("l402 get http://a.example/ {flag}"));
            assert!(text.contains(flag), "{text}");
            let way = crate::get::way_round(flag).expect("a way round");
            let hint = hint.unwrap_or_default();
            assert!(hint.contains(flag) && hint.ends_with(way), "{flag}: {hint}");
        }
        // What may be a secret is not repeated, and a flag that nobody has, has no way round.
        let (text, hint) = told("l402 get u --proxy-user=me:hush");
        assert!(!text.contains("hush") && hint.is_some(), "{text}");
        assert_eq!(told("l402 get u --no-such-flag").1, None);
        assert_eq!(told("l402 payments --stderr x").1, None);
    }

    #[test]
    fn the_command_is_found_behind_options() {
        for (text, names) in [
            ("l402 --home get wallet fund x", &["wallet", "fund"][..]),
            ("l402 --log info get wallet", &["get"]),
            ("l402 --log get wallet", &["wallet"]),
            ("l402 nonsense", &[]),
        ] {
            assert_eq!(path(&line(text)), names, "{text}");
        }
    }
}

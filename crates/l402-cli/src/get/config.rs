//! Files of flags (`-K`), in the syntax of curl: they stand for the flags that they hold.

use std::ffi::OsString;
use std::io::Read;

use clap::{Arg, ArgAction, Command};

use crate::error::CliError;

/// The longest file that is read, in bytes.
const LENGTH_MAX: u64 = 1024 * 1024;

/// Puts the flags of each `-K FILE` behind the command `get` in its place.
///
/// # Errors
/// If a file cannot be read, or holds what is no flag of `get`.
pub(crate) fn expand(
    args: Vec<OsString>,
    root: impl FnOnce() -> Command,
) -> Result<Vec<OsString>, CliError> {
    // To make the whole command line takes half as long as all else that a short call does.
    if !args.iter().any(may_name_file) {
        return Ok(args);
    }
    let root = &root();
    let Some(get) = root.find_subcommand("get") else {
        return Ok(args);
    };
    let Some(at) = command_at(&args, root).filter(|at| args[*at] == "get") else {
        return Ok(args);
    };
    let mut expanded = args[..=at].to_vec();
    let mut rest = args[at + 1..].iter();
    while let Some(arg) = rest.next() {
        match config_file(arg, get) {
            Flag::Config { before, file } => {
                expanded.extend(before.map(OsString::from));
                let next = || rest.next().and_then(|it| it.to_str()).map(str::to_owned);
                let file = file.or_else(next);
                let file = file.ok_or_else(|| CliError::usage("-K names no file"))?;
                expanded.extend(flags_of(&file, get)?);
            }
            Flag::TakesNext => {
                expanded.push(arg.clone());
                expanded.extend(rest.next().cloned());
            }
            // What stands behind `--` is no flag.
            Flag::End => {
                expanded.push(arg.clone());
                expanded.extend(rest.by_ref().cloned());
            }
            Flag::Other => expanded.push(arg.clone()),
        }
    }
    Ok(expanded)
}

/// Returns true if an argument may be `-K` or `--config`, among other short flags or with its file.
fn may_name_file(arg: &OsString) -> bool {
    let arg = arg.as_encoded_bytes();
    match arg.strip_prefix(b"--") {
        Some(long) => long.starts_with(b"config"),
        None => arg.starts_with(b"-") && arg.contains(&b'K'),
    }
}

/// Returns the place of the command on the command line.
fn command_at(args: &[OsString], root: &Command) -> Option<usize> {
    let mut at = 1;
    while let Some(arg) = args.get(at).and_then(|it| it.to_str()) {
        match arg {
            // Their values may be named like a command.
            "--home" | "--log" => at += 1,
            arg if root.find_subcommand(arg).is_some() => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The meaning of one argument for those behind it.
enum Flag {
    /// `-K`, perhaps with short flags before it and with its file in the same argument.
    Config {
        before: Option<String>,
        file: Option<String>,
    },
    End,
    Other,
    /// A flag whose value is the next argument.
    TakesNext,
}

fn config_file(arg: &OsString, get: &Command) -> Flag {
    let Some(text) = arg.to_str() else {
        return Flag::Other;
    };
    if text == "--" {
        return Flag::End;
    }
    let config = |before: &str, file: Option<&str>| Flag::Config {
        before: Some(before.to_owned()).filter(|it| !it.is_empty()),
        file: file.filter(|it| !it.is_empty()).map(str::to_owned),
    };
    if let Some(long) = text.strip_prefix("--") {
        return match long.split_once('=') {
            Some(("config", file)) => config("", Some(file)),
            Some(_) => Flag::Other,
            None if long == "config" => config("", None),
            None => find(get, |arg| arg.get_long() == Some(long)).map_or(Flag::Other, kind),
        };
    }
    let Some(shorts) = text.strip_prefix('-') else {
        return Flag::Other;
    };
    for (index, short) in shorts.char_indices() {
        let rest = &shorts[index + short.len_utf8()..];
        if short == 'K' {
            let before = if index == 0 { "" } else { &text[..=index] };
            return config(before, Some(rest.strip_prefix('=').unwrap_or(rest)));
        }
        let found = find(get, |arg| arg.get_short() == Some(short));
        match found.map(kind) {
            // The rest of the argument is its value.
            Some(Flag::TakesNext) if !rest.is_empty() => return Flag::Other,
            Some(Flag::TakesNext) => return Flag::TakesNext,
            _ => {}
        }
    }
    Flag::Other
}

fn find(get: &Command, is: impl Fn(&Arg) -> bool) -> Option<&Arg> {
    get.get_arguments().find(|arg| is(arg))
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

fn kind(arg: &Arg) -> Flag {
    if takes_value(arg) {
        Flag::TakesNext
    } else {
        Flag::Other
    }
}

fn flags_of(file: &str, get: &Command) -> Result<Vec<OsString>, CliError> {
    let text = read(file)?;
    let mut flags = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The line itself is not repeated, which may hold a secret.
        let wrong = |what: &str| {
            CliError::usage(format!("{file}, line {}: {what}", number + 1))
                .with_hint("write a flag and its value: --header \"Name: value\"")
        };
        flags.extend(flag(line, get).map_err(|what| wrong(&what))?);
    }
    Ok(flags)
}

fn read(file: &str) -> Result<String, CliError> {
    let wrong = |error| CliError::local_io(format!("{file} cannot be read: {error}"));
    let source: Box<dyn Read> = match file {
        "-" => Box::new(std::io::stdin()),
        file => Box::new(std::fs::File::open(file).map_err(wrong)?),
    };
    let mut text = String::new();
    let mut source = source.take(LENGTH_MAX + 1);
    source.read_to_string(&mut text).map_err(wrong)?;
    if text.len() as u64 > LENGTH_MAX {
        return Err(CliError::usage(format!(
            "{file} is longer than {LENGTH_MAX} bytes"
        )));
    }
    Ok(text)
}

/// Reads one line: a flag, with or without its dashes, and its value behind a space, `=` or `:`.
fn flag(line: &str, get: &Command) -> Result<Vec<OsString>, String> {
    let end = line.find(|c: char| c.is_whitespace() || c == '=' || c == ':');
    let (name, rest) = line.split_at(end.unwrap_or(line.len()));
    let value = rest.trim_start();
    let value = value.strip_prefix(['=', ':']).unwrap_or(value).trim_start();
    let shown = l402::text::escape_within(name, 40);
    let is_named = |arg: &Arg| match (name.strip_prefix("--"), name.strip_prefix('-')) {
        (Some(long), _) => arg.get_long() == Some(long),
        (None, Some(short)) => arg.get_short().is_some_and(|it| short == it.to_string()),
        (None, None) => arg.get_long() == Some(name),
    };
    let arg = find(get, is_named).ok_or_else(|| format!("{shown} is no flag of `get`"))?;
    let Some(long) = arg.get_long().filter(|long| *long != "config") else {
        return Err(format!("{shown} cannot stand in a file"));
    };
    if !takes_value(arg) {
        return match value {
            "" => Ok(vec![format!("--{long}").into()]),
            _ => Err(format!("{shown} takes no value")),
        };
    }
    if rest.is_empty() {
        return Err(format!("{shown} needs a value"));
    }
    // Joined, so that a value may begin with a dash.
    Ok(vec![format!("--{long}={}", unquoted(value)).into()])
}

/// Returns a value without its quotation marks, in which `\\`, `\"`, `\t`, `\n`, `\r` and `\v` are
/// one character. Without them, it ends at the first space.
fn unquoted(value: &str) -> String {
    let Some(quoted) = value.strip_prefix('"') else {
        return value
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned();
    };
    let (mut text, mut letters) = (String::new(), quoted.chars());
    while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
        text.extend(match letter {
            '\\' => letters.next().map(|escaped| match escaped {
                't' => '\t',
                'n' => '\n',
                'r' => '\r',
                'v' => '\u{b}',
                other => other,
            }),
            other => Some(other),
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str, args: &[&str]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("flags");
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        let args = args.iter().map(|arg| arg.replace("FILE", file).into());
        let mut root = crate::cli::command_line();
        root.build();
        let expanded =
            expand(args.collect(), || root.clone()).map_err(|error| error.to_string())?;
        let shown = expanded.into_iter().map(|arg| arg.into_string().unwrap());
        Ok(shown.map(|arg| arg.replace(file, "FILE")).collect())
    }

    #[test]
    fn a_file_stands_for_its_flags() {
        let text =
            "# a remark\n\n  url = \"http://a/?b\"\n-H \"X: \\\"a\\\"\\t\"\nsilent\n--data: -x y\n";
        let flags = [
            "--url=http://a/?b",
            "--header=X: \"a\"\t",
            "--silent",
            "--data=-x",
        ];
        for place in [
            &["-K", "FILE"][..],
            &["-KFILE"],
            &["--config", "FILE"],
            &["--config=FILE"],
        ] {
            let args = [&["l402", "--home", "get", "get", "-i"], place, &["-s"]].concat();
            let expected = [&["l402", "--home", "get", "get", "-i"], &flags[..], &["-s"]].concat();
            assert_eq!(expanded(text, &args).unwrap(), expected, "{place:?}");
        }
        let cluster = expanded(text, &["l402", "get", "-isK", "FILE", "-L"]).unwrap();
        assert_eq!(cluster[2..4], ["-is", flags[0]]);
        assert_eq!(cluster.last().unwrap(), "-L");
        for as_it_was in [
            &["l402", "get", "-d", "-K", "x"][..],
            &["l402", "get", "-dK", "x", "-id", "-K"],
            &["l402", "get", "--", "-K"],
            &["l402", "wallet", "-K", "get", "-K"],
        ] {
            assert_eq!(expanded(text, as_it_was).unwrap(), as_it_was);
        }
    }

    #[test]
    fn a_line_that_is_no_flag_is_named_and_not_repeated() {
        for (line, told) in [
            ("hedaer = \"secret\"", "hedaer is no flag"),
            ("silent = secret", "silent takes no value"),
            ("header", "header needs a value"),
            ("config = other", "config cannot stand in a file"),
            ("-Ksecret", "no flag"),
        ] {
            let error = expanded(&format!("\n{line}\n"), &["l402", "get", "-K", "FILE"]);
            let error = error.unwrap_err();
            assert!(error.contains("line 2") && error.contains(told), "{error}");
            assert!(!error.contains("secret") || line == "-Ksecret", "{error}");
        }
    }
}

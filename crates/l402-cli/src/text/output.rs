//! Results for machines (JSON on stdout) and for people (text).

use std::io::{IsTerminal, Write, stderr, stdout};

use clap::Args;
use serde_json::Value;

use super::plain::escape;
use crate::error::CliError;

/// `--json`, for every command but `get`.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct OutputArgs {
    /// Print JSON on stdout; this is the default when stdout is not a terminal
    #[arg(long)]
    pub json: bool,
}

impl OutputArgs {
    /// Returns the output of this run: JSON or text.
    #[must_use]
    pub(crate) fn open(self) -> Output {
        Output {
            json: self.json || !stdout().is_terminal(),
            asked: self.json,
        }
    }
}

/// The output of one run: results on stdout, progress on stderr.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    asked: bool,
}

impl Output {
    /// Returns true if results are JSON.
    #[must_use]
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Prints a result: `value` for machines, or `text` for people.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub(crate) fn result(
        self,
        value: &Value,
        text: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        if self.json {
            print(&format!("{value}\n"))
        } else {
            print(&text())
        }
    }

    /// Prints one line of JSON if results are JSON, and nothing otherwise.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub(crate) fn machine(self, value: &Value) -> Result<(), CliError> {
        if self.json {
            print(&format!("{value}\n"))
        } else {
            Ok(())
        }
    }

    /// Prints progress for people on stderr, unless `--json` was given.
    pub(crate) fn tell(self, text: &str) {
        // Not `self.json`: if only stdout goes to a file, a person still watches stderr.
        if !self.asked {
            tell(text);
        }
    }
}

/// Writes to stdout, with colours only if a terminal shows them.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut out = anstream::AutoStream::auto(stdout());
    out.write_all(text.as_bytes())
        // Flushed here, or an error of the last write would be lost at the end of the process.
        .and_then(|()| out.flush())
        .map_err(|error| {
            CliError::local_io(format!("the result cannot be written to stdout: {error}"))
        })
}

/// Writes a line to stderr, with colours only if a terminal shows them. A closed stderr is no error.
pub(crate) fn tell(text: &str) {
    let mut out = anstream::AutoStream::auto(stderr());
    let _ = writeln!(out, "{text}");
}

/// Writes `error[code]: text` and a line `hint:` to stderr.
pub(crate) fn tell_error(error: &CliError) {
    let label = style::paint(style::BAD, &format!("error[{}]:", error.code()));
    tell(&format!("{label} {}", escape_lines(&error.to_string())));
    if let Some(hint) = error.hint() {
        let label = style::paint(style::TITLE, "hint:");
        tell(&format!("{label} {}", escape_lines(hint)));
    }
}

/// Escapes each line by itself, so that line breaks of our own texts stay.
fn escape_lines(text: &str) -> String {
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}

/// Text styles for people. They are left out if no terminal reads them.
pub(crate) mod style {
    use anstyle::{AnsiColor, Style};

    /// The style of titles and of what to look at first.
    pub(crate) const TITLE: Style = AnsiColor::Cyan.on_default().bold();
    /// The style of success.
    pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
    /// The style of failure.
    pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
    /// The style of amounts of money.
    #[cfg(feature = "buy")]
    pub(crate) const MONEY: Style = AnsiColor::Yellow.on_default().bold();
    /// The style of secondary text.
    pub(crate) const FAINT: Style = Style::new().dimmed();

    /// Returns `text` in this style.
    #[must_use]
    pub(crate) fn paint(style: Style, text: &str) -> String {
        format!("{style}{text}{style:#}")
    }
}

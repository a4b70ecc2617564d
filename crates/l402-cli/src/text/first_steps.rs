//! The words of `l402` alone: a way in for each who comes by.

use core::fmt::Write as _;

use super::output::style::{self, paint};

/// A reason to come, and the commands to begin with, each with its meaning.
type Steps = (&'static str, &'static [(&'static str, &'static str)]);

#[cfg(all(feature = "sell", feature = "buy"))]
const TRY: Steps = (
    "Try it: a paid API, a wallet with play money, nothing to set up",
    &[
        ("l402 demo --once", "one purchase, step by step"),
        ("l402 demo", "goes on, for you and for a browser"),
        ("l402 payments", "what was bought"),
    ],
);

#[cfg(feature = "buy")]
const BUY: Steps = (
    "Buy, here of the demo while it runs",
    &[
        (
            "l402 get http://127.0.0.1:8402/api/l402/joke --dry-run",
            "the price",
        ),
        (
            "l402 get http://127.0.0.1:8402/api/l402/joke --wallet sandbox",
            "pay",
        ),
        ("l402 wallet add NAME", "a wallet with real money"),
    ],
);

#[cfg(feature = "sell")]
const SELL: Steps = (
    "Sell what listens on port 3000, here for play money",
    &[
        (
            "l402 serve --upstream http://127.0.0.1:3000 --price 50sat --listen 8404",
            "",
        ),
        (
            "l402 serve --print-config > l402.toml",
            "a file, with a price for each path",
        ),
        ("l402 serve --help", "real money, HTTPS, free paths"),
    ],
);

const ALL: &[Steps] = &[
    #[cfg(all(feature = "sell", feature = "buy"))]
    TRY,
    #[cfg(feature = "buy")]
    BUY,
    #[cfg(feature = "sell")]
    SELL,
];

/// Returns what to type first. `program` is the name that the user called the program by.
pub(crate) fn first_steps(program: &str) -> String {
    let mut text = String::from("l402 puts a price on an HTTP request, and pays one.\n");
    for (title, steps) in ALL {
        let _ = writeln!(text, "\n{}", paint(style::TITLE, title));
        for (command, meaning) in *steps {
            let command = command.replacen("l402", program, 1);
            let _ = match *meaning {
                "" => writeln!(text, "  {command}"),
                meaning => {
                    let meaning = paint(style::FAINT, &format!("# {meaning}"));
                    writeln!(text, "  {command}  {meaning}")
                }
            };
        }
    }
    let _ = write!(
        text,
        "\nUsage: l402 [OPTIONS] <COMMAND>\n`{program} --help` names all commands, and `{program} help \
         COMMAND` explains one.\n"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_command_that_the_program_understands() {
        use clap::Parser as _;
        let steps = ALL.iter().flat_map(|(_, steps)| steps.iter());
        let lines: Vec<&str> = steps.map(|(command, _)| *command).collect();
        assert!(!lines.is_empty());
        for line in lines {
            // A shell takes the end of it.
            let typed = line
                .split(" > ")
                .next()
                .unwrap_or(line)
                .replace("NAME", "alby");
            let parsed = crate::cli::Cli::try_parse_from(typed.split_whitespace());
            let is_help = |error: &clap::Error| error.kind() == clap::error::ErrorKind::DisplayHelp;
            assert!(
                parsed.as_ref().map_or_else(is_help, |_| true),
                "{line}: {parsed:?}"
            );
        }
    }

    #[test]
    fn it_fits_a_terminal_of_80_columns() {
        let shown = anstream::adapter::strip_str(&first_steps("l402")).to_string();
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(first_steps("./l402").contains("\n  ./l402 "));
    }
}

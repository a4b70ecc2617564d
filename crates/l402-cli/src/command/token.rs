//! `l402 token inspect`: the contents of a token, a credential or a challenge.

use std::io::Read;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::output::OutputArgs;
use crate::token::Report;

/// Look into tokens
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 token inspect AgEEbHNhdAJCAAC...
  l402 token inspect -                            reads stdin")]
pub(crate) struct Token {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Inspect(Inspect),
}

/// Say what a token, a credential or a challenge holds
///
/// Takes a token in any known format, a whole WWW-Authenticate or Authorization line, or an
/// invoice. Nothing here is verified: only whoever minted a token can do that. Preimages and
/// signatures are secrets and are not shown.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 token inspect AgEEbHNhdAJCAAC...
  l402 token inspect 'L402 macaroon=\"AgEE...\", invoice=\"lnbc...\"'
  curl -si URL | grep -i ^www-authenticate | l402 token inspect -")]
struct Inspect {
    /// The token or line; - reads stdin
    #[arg(value_name = "TOKEN|-", allow_hyphen_values = true)]
    token: String,

    #[command(flatten)]
    output: OutputArgs,
}

impl Token {
    pub(crate) fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let Action::Inspect(inspect) = self.action;
        let text = if inspect.token == "-" {
            stdin()?
        } else {
            inspect.token
        };
        let report = Report::of(&text)?;
        let now = context.clock.wall();
        inspect
            .output
            .open()
            .result(&report.to_json(now), || report.to_text(now))?;
        Ok(exit_code::OK)
    }

    pub(crate) fn output(&self) -> OutputArgs {
        let Action::Inspect(inspect) = &self.action;
        inspect.output
    }
}

/// The most bytes that are read from stdin: more than any header may hold.
const INPUT_MAX: u64 = 256 * 1024;

fn stdin() -> Result<String, CliError> {
    let mut text = String::new();
    std::io::stdin()
        // The input may be an endless pipe.
        .take(INPUT_MAX)
        .read_to_string(&mut text)
        .map_err(|error| CliError::local_io(format!("stdin cannot be read: {error}")))?;
    Ok(text)
}

//! `l402 books`: whether what was received, sold and used adds up.

use clap::{Args, Subcommand};

use crate::books;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::seller::{StoreArgs, verify};
use crate::text::output::OutputArgs;

/// Check the books of what was sold
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 books verify
  l402 books verify --config l402.toml --json | jq .findings")]
pub(crate) struct Books {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Verify(VerifyArgs),
}

/// Check that every payment and every use adds up, to the millisatoshi
///
/// Every entry carries a seal: one that was changed, removed or put in by hand is found. Sold has to be
/// spent + unspent + expired, and what the node of the configuration has received has to be what the books
/// hold. The node is opened for reading. Running gateways get two seconds to write
/// what they have counted. The exit status is 28 if something does not add up, and 29 if ledger or node
/// could not be compared.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 books verify
  l402 books verify --config l402.toml --json | jq .findings")]
struct VerifyArgs {
    #[command(flatten)]
    stores: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

impl Books {
    pub(crate) fn output(&self) -> OutputArgs {
        let Action::Verify(args) = &self.action;
        args.output
    }

    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let Action::Verify(args) = self.action;
        let out = args.output.open();
        let (report, left_out) = verify(&args.stores, context, |text| out.tell(text)).await?;
        out.result(&books::report(&report, &left_out), || {
            books::text(&report, &left_out)
        })?;
        Ok(match (report.findings.is_empty(), left_out.is_empty()) {
            (false, _) => exit_code::BOOKS_DIFFER,
            (true, false) => exit_code::BOOKS_NOT_COMPARED,
            (true, true) => exit_code::OK,
        })
    }
}

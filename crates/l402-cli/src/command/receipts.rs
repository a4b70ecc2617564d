//! `l402 receipts verify`: whether a receipt proves a payment.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::purchases;
use crate::text::output::OutputArgs;

/// Verify receipts, which `l402 get --receipt FILE` writes
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 get URL --wallet sandbox --receipt receipt.json -o answer
  l402 receipts verify receipt.json --answer answer")]
pub(crate) struct Receipts {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Verify(Verify),
}

/// Verify a receipt, and ask nobody
///
/// The invoice is signed by the payee's node, and the preimage proves that it was paid: amount, node
/// key, times and payment hash are held against it. Nobody signs the rest, such as the URL and the
/// digest of the answer: its own digest finds every byte that was changed by accident, but not who
/// writes a receipt anew. Exits with 74 if the receipt does not hold.
///
/// The receipt holds the preimage: as long as its token is good, keep it to yourself.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 receipts verify receipt.json
  l402 receipts verify receipt.json --answer answer
  l402 receipts verify receipt.json --json | jq .payee")]
struct Verify {
    /// The receipt
    file: PathBuf,

    /// The body of the answer, as it was written
    #[arg(long, value_name = "FILE")]
    answer: Option<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,
}

impl Receipts {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let Action::Verify(verify) = self.action;
        let (file, answer) = (&verify.file, verify.answer.as_deref());
        purchases::verify(file, answer, verify.output.open())?;
        Ok(exit_code::OK)
    }

    pub(crate) fn output(&self) -> OutputArgs {
        let Action::Verify(verify) = &self.action;
        verify.output
    }
}

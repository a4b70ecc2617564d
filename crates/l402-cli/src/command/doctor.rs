//! `l402 doctor URL`: a challenge, checked rule by rule.

use clap::Args;
use l402_client::examine::{Payer, READERS, examine};

use crate::context::Context;
use crate::doctor::{View, ask};
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::outgoing;
use crate::text::output::OutputArgs;

/// Check what a server answers to an unpaid request
///
/// Sends one request without a credential and pays nothing. Tells whether the answer is a
/// well-formed challenge, which rule it breaks where it is not, whether the invoice holds
/// together, and which known clients would not be able to read it.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes: 0 healthy, 18 not a well-formed challenge (a free page has none),
69 no answer.

Examples:
  l402 doctor http://127.0.0.1:8402/api/l402/joke
  l402 doctor URL --json | jq '.checks[] | select(.ok | not)'")]
pub(crate) struct Doctor {
    /// What to ask for
    url: String,

    /// The method
    #[arg(
        short = 'X',
        long = "request",
        default_value = "GET",
        value_name = "METHOD"
    )]
    method: String,

    /// Judge as a buyer who pays challenges that stand in a body and in no header
    #[arg(long)]
    accept_body_challenge: bool,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl Doctor {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let url = crate::get::parse_url(&self.url)?;
        let outgoing = outgoing::to(&url, false)?;
        let answer = ask(&self.method, url.clone(), &outgoing).await?;
        let now = context.clock.wall();
        let unpaid = answer.unpaid(&url);
        // No wallet is named, so an invoice of any network is in order.
        let payer = Payer {
            body_challenge: self.accept_body_challenge,
            ..Payer::default()
        };
        let report = examine(&unpaid, &payer, now);
        let readings = READERS
            .iter()
            .map(|reader| (reader.client, reader.read(&unpaid)));
        let view = View {
            url: url.as_str(),
            answer: &answer,
            report: &report,
            readings: &readings.collect::<Vec<_>>(),
            now,
        };
        self.output
            .open()
            .result(&view.to_json(), || view.to_text())?;
        Ok(if report.is_sound() {
            exit_code::OK
        } else {
            exit_code::NOT_WELL_FORMED
        })
    }
}

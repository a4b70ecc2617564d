//! `l402 sandbox`: the sandbox's HTTP API, for programs in other languages.

use clap::Args;
use l402_host::ListenAddress;
use l402_lightning::sandbox::{Fault, serve_api};
use serde_json::json;
use tokio::net::TcpListener;

use crate::buyer::{open_sandbox, sandbox_error};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::port;
use crate::signal::Stop;
use crate::text::output::OutputArgs;

/// Serve the sandbox's HTTP API: a Lightning wallet with play money
///
/// Programs of this machine that share the home folder need no API: they find the sandbox by
/// themselves. The API is for programs in other languages and for other home folders, and
/// listens on this machine only. There the wallet is
///
/// --wallet sandbox+http://127.0.0.1:8403
#[derive(Args, Debug)]
#[command(after_help = "\
Faults, to see how a program takes what goes wrong in life (kept until this
command ends):
  slow=MS              answers after so many milliseconds
  fails                every payment fails
  unknown              the outcome of a payment stays unknown
  held                 payments hang until the fault is taken away
  lies-about-preimage  the proof of payment is wrong
  ends-mid-payment     money moves, and the connection breaks
  none                 takes a fault away

Examples:
  l402 sandbox
  l402 sandbox --fault slow=3000
  curl http://127.0.0.1:8403/v1/balance")]
pub(crate) struct Sandbox {
    /// Listen here, on this machine only
    #[arg(long, default_value = "127.0.0.1:8403", value_name = "ADDR")]
    listen: ListenAddress,

    /// Do this wrong on purpose
    #[arg(long, value_name = "NAME[=MS]", value_parser = fault)]
    fault: Option<Fault>,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl Sandbox {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let sandbox = open_sandbox(context)?;
        let listen = self.listen.0;
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|error| port::cannot_listen(listen, &error))?;
        let address = listener.local_addr().map_err(CliError::internal)?;
        if let Some(fault) = self.fault {
            sandbox.set_fault(fault).map_err(sandbox_error)?;
        }
        // Before the address is printed: a script that has read it may send a signal at once.
        let stop = Stop::listen()?;
        let out = self.output.open();
        out.machine(
            &json!({ "listening": [address.to_string()], "url": format!("http://{address}") }),
        )?;
        out.tell(&format!(
            "sandbox (play money) on http://{address}; Ctrl-C ends it"
        ));
        let served = serve_api(sandbox.clone(), listener, stop.requested()).await;
        // A fault stands in the sandbox's file, and later programs would run into it. Taken away even
        // if serving has failed.
        if self.fault.is_some() {
            sandbox.set_fault(Fault::None).map_err(sandbox_error)?;
        }
        served.map_err(sandbox_error)?;
        Ok(exit_code::OK)
    }
}

/// Reads a fault as the command line writes it: `slow=3000`, `lies-about-preimage`.
fn fault(text: &str) -> Result<Fault, String> {
    const KNOWN: &str = "write slow=MS, fails, unknown, held, lies-about-preimage, \
                         ends-mid-payment or none";
    let (name, millis) = match text.split_once('=') {
        Some((name @ "slow", millis)) => (name, millis.parse().ok()),
        Some(_) | None if text.contains('=') || text == "slow" => (text, None),
        _ => (text, Some(0)),
    };
    let millis = millis.ok_or(KNOWN)?;
    Fault::from_name(&name.replace('-', "_"), millis).ok_or_else(|| KNOWN.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn faults_are_named_in_words() {
        assert_eq!(fault("slow=3000"), Ok(Fault::Slow(Duration::from_secs(3))));
        assert_eq!(fault("lies-about-preimage"), Ok(Fault::LiesAboutPreimage));
        for bad in ["", "slow", "slow=", "slow=-1", "fails=1", "Fails", "x"] {
            assert!(fault(bad).is_err(), "{bad}");
        }
    }
}

//! `l402 sandbox`: the sandbox's HTTP API and its NWC wallet, for other programs.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use l402_host::{ListenAddress, private};
use l402_lightning::sandbox::{Fault, Sandbox as Node, SandboxNwc, serve_api};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::buyer::{open_sandbox, sandbox_error};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::port;
use crate::signal::Stop;
use crate::text::output::{OutputArgs, print};

/// Serve the sandbox to other programs: a Lightning wallet with play money
///
/// Programs of this machine that share the home folder need none of this: they find the sandbox by
/// themselves. The HTTP API is for programs in other languages and for other home folders, and
/// listens on this machine only. There the wallet is
///
/// --wallet sandbox+http://127.0.0.1:8403
///
/// With --nwc the sandbox is also a wallet for every program that speaks Nostr Wallet Connect
/// (NIP-47): a relay on this machine, and a URI to paste or to save to a file. In l402 itself the
/// wallet is then
///
/// --wallet nwc:FILE
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

Over NWC a payment that fails is an error PAYMENT_FAILED, and one whose outcome
is unknown has no answer at all.

Examples:
  l402 sandbox
  l402 sandbox --fault slow=3000
  curl http://127.0.0.1:8403/v1/balance
  l402 sandbox --nwc                        prints nostr+walletconnect://…
  l402 sandbox --nwc --nwc-listen 8407      the same URI at every start
  l402 sandbox --nwc --nwc-file play.nwc
  l402 get URL --wallet nwc:play.nwc")]
pub(crate) struct Sandbox {
    /// Listen here, on this machine only
    #[arg(long, default_value = "127.0.0.1:8403", value_name = "ADDR")]
    listen: ListenAddress,

    /// Be a wallet for Nostr Wallet Connect, too, and print its URI
    #[arg(long)]
    nwc: bool,

    /// The address of its relay, on this machine only [default: a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDR", requires = "nwc")]
    nwc_listen: Option<ListenAddress>,

    /// Save the URI to this file, for --wallet nwc:FILE; nobody else can read it
    #[arg(long, value_name = "FILE", requires = "nwc")]
    nwc_file: Option<PathBuf>,

    /// Do this wrong on purpose
    #[arg(long, value_name = "NAME[=MS]", value_parser = fault)]
    fault: Option<Fault>,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl Sandbox {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let sandbox = open_sandbox(context)?;
        let listener = listen(self.listen, "--listen").await?;
        let address = listener.local_addr().map_err(CliError::internal)?;
        let nwc = self.open_nwc(&sandbox).await?;
        if let Some(fault) = self.fault {
            sandbox.set_fault(fault).map_err(sandbox_error)?;
        }
        // Before the address is printed: a script that has read it may send a signal at once.
        let stop = Stop::listen()?;
        self.report(address, nwc.as_ref())?;
        let served = serve(&sandbox, listener, nwc, stop).await;
        // A fault stands in the sandbox's file, and later programs would run into it. Taken away even
        // if serving has failed.
        if self.fault.is_some() {
            sandbox.set_fault(Fault::None).map_err(sandbox_error)?;
        }
        served?;
        Ok(exit_code::OK)
    }

    /// Prints where the sandbox is to be found.
    fn report(&self, address: SocketAddr, nwc: Option<&SandboxNwc>) -> Result<(), CliError> {
        let out = self.output.open();
        let url = format!("http://{address}");
        let mut report = json!({ "listening": [address.to_string()], "url": url });
        if let (Some(nwc), Some(report)) = (nwc, report.as_object_mut()) {
            report.insert("nwc".to_owned(), nwc.uri().into());
        }
        out.machine(&report)?;
        out.tell(&format!("sandbox (play money) on {url}; Ctrl-C ends it"));
        match nwc {
            // On stdout and never on stderr, which goes to logs: anybody who has it can spend.
            Some(nwc) if !out.is_json() => print(&format!(
                "Paste this into a program that speaks Nostr Wallet Connect (play money):\n{}\n",
                nwc.uri()
            )),
            _ => Ok(()),
        }
    }

    /// Opens the NWC wallet, if it is asked for.
    async fn open_nwc(&self, sandbox: &Node) -> Result<Option<SandboxNwc>, CliError> {
        if !self.nwc {
            return Ok(None);
        }
        let free = ListenAddress(([127, 0, 0, 1], 0).into());
        let listener = listen(self.nwc_listen.unwrap_or(free), "--nwc-listen").await?;
        let opened = SandboxNwc::open(sandbox.clone(), listener).await;
        let nwc = opened.map_err(sandbox_error)?;
        if let Some(file) = &self.nwc_file {
            private::replace(file, format!("{}\n", nwc.uri()).as_bytes()).map_err(|error| {
                let (exit, code) = exit_code::of_file(error.fault());
                CliError::new(exit, code, format!("--nwc-file: {error}"))
            })?;
        }
        Ok(Some(nwc))
    }
}

async fn listen(address: ListenAddress, option: &str) -> Result<TcpListener, CliError> {
    let bound = TcpListener::bind(address.0).await;
    bound.map_err(|error| port::cannot_listen(address.0, &error, option))
}

/// Serves the HTTP API and the NWC wallet until a signal asks for the end.
async fn serve(
    sandbox: &Node,
    listener: TcpListener,
    nwc: Option<SandboxNwc>,
    stop: Stop,
) -> Result<(), CliError> {
    let (ended, end) = watch::channel(false);
    let stopped = |mut end: watch::Receiver<bool>| async move {
        // An error means that the sender is gone, and so the end, too.
        let _ = end.wait_for(|ended| *ended).await;
    };
    let serving = async {
        let api = serve_api(sandbox.clone(), listener, stopped(end.clone()));
        let wallet = async {
            if let Some(nwc) = nwc {
                nwc.serve(stopped(end.clone())).await;
            }
        };
        tokio::join!(api, wallet).0.map_err(sandbox_error)
    };
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => return served,
        () = stop.requested() => {}
    }
    ended.send_replace(true);
    serving.await
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

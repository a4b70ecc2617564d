//! The paying side of the program: the wallet and the limits of its spending.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use clap::Args;
use l402::Msat;
use l402::text::escape;
use l402_client::Limits;
use l402_lightning::sandbox::Sandbox;
use l402_lightning::{Error, ErrorKind, Node, Open, Pay};

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::text::money::MaxFee;
use crate::text::node_form;

/// The wallet that pays, and its limits.
#[derive(Args, Clone, Debug)]
pub(crate) struct SpendingArgs {
    #[arg(
        long,
        help = node_form::pay_with_help(),
        env = "L402_WALLET",
        hide_env_values = true,
        value_parser = node_form::wallet,
        value_name = "WALLET"
    )]
    pub(crate) wallet: Option<Node>,

    /// Refuse a request that would cost more, fee included [default: "1000 sat"]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) max_price: Option<Msat>,

    /// Refuse to spend more in 24 hours, fees included [default: "10000 sat"]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) max_per_day: Option<Msat>,

    /// Refuse a dearer route: "10 sat" or "1%" [default: 1%, at least 10 sat]
    #[arg(long, value_name = "FEE")]
    pub(crate) max_fee: Option<MaxFee>,
}

impl SpendingArgs {
    /// Returns the limits, with the defaults of the client for those that are not given.
    pub(crate) fn limits(&self) -> Limits {
        let default = Limits::default();
        let limits = default
            .with_per_request(self.max_price.unwrap_or(default.per_request))
            .with_per_day(self.max_per_day.unwrap_or(default.per_day));
        self.max_fee.map_or(limits, |fee| fee.apply(limits))
    }
}

/// Opens the spending half of a backend.
pub(crate) async fn open_wallet(node: &Node, context: &Context) -> Result<Arc<dyn Pay>, CliError> {
    // Not at the start of the program, so that a command which needs no state leaves no folder.
    let home = context.home.create()?;
    let opened = node.wallet(Open::new(home, context.clock.clone())).await;
    let wallet = opened.map_err(|error| match node {
        Node::Ldk => own_node_error(&error),
        _ => wallet_error(&error),
    })?;
    Ok(wallet.pay)
}

/// Returns the error for a node of this program that could not be opened.
fn own_node_error(error: &Error) -> CliError {
    let told = wallet_error(error);
    match error.kind() {
        ErrorKind::Local => {
            told.with_hint("`l402 node init` makes the node; its settings are in ldk/node.toml")
        }
        // Held by a program that only receives, about to start, or without its chain.
        _ => told.with_hint("start `l402 node run`: all programs of this home use that node"),
    }
}

/// The ports on which sandbox and proxy listen unless told otherwise.
const USUAL_PORTS: [u16; 2] = [8403, 8405];

/// The most of a note about a listener that is read, in bytes.
const NOTE_MAX: u64 = 100;

/// Returns the addresses that no request may go to, since what listens there moves money without
/// the journal: the wallet's, the usual ones of sandbox and proxy, and those that programs of this
/// home have noted in `run/`, a file each, in its first line.
pub(crate) fn own_addresses(wallet: Option<&Node>, context: &Context) -> Vec<(String, u16)> {
    let usual = USUAL_PORTS.map(|port| ("127.0.0.1".to_owned(), port));
    let wallet = wallet.and_then(|node| address_of(&node.to_string()));
    let notes = context.home.path().join("run").read_dir();
    let noted = notes.into_iter().flatten().flatten().filter_map(|entry| {
        let mut line = String::new();
        let file = std::fs::File::open(entry.path()).ok()?;
        BufReader::new(file.take(NOTE_MAX))
            .read_line(&mut line)
            .ok()?;
        let address: std::net::SocketAddr = line.trim().parse().ok()?;
        Some((address.ip().to_string(), address.port()))
    });
    usual.into_iter().chain(wallet).chain(noted).collect()
}

/// Returns host and port of a wallet as it is written, if it has any.
fn address_of(wallet: &str) -> Option<(String, u16)> {
    let url = url::Url::parse(wallet).ok()?;
    let port = url.port().unwrap_or_else(|| {
        if url.scheme().ends_with("https") {
            443
        } else {
            80
        }
    });
    Some((url.host_str()?.to_owned(), port))
}

/// Returns the error for a wallet that failed before any money moved.
pub(crate) fn wallet_error(error: &Error) -> CliError {
    // Escaped, for part of the text may come from the node.
    let text = format!("the wallet: {}; no money moved", escape(&error.to_string()));
    let (exit, hint) = match error.kind() {
        ErrorKind::Local => (exit_code::LOCAL_IO, "check the files that the wallet names"),
        ErrorKind::Unauthorized => (
            exit_code::WALLET_UNAVAILABLE,
            "check the macaroon file that the wallet names",
        ),
        ErrorKind::Rejected => (
            exit_code::WALLET_UNAVAILABLE,
            "the wallet understood and said no; mend what it names",
        ),
        _ => (
            exit_code::WALLET_UNAVAILABLE,
            "check that the node is running, and its address",
        ),
    };
    CliError::new(exit, "wallet", text).with_hint(hint)
}

/// Opens the sandbox of the home folder.
pub(crate) fn open_sandbox(context: &Context) -> Result<Sandbox, CliError> {
    Sandbox::open(context.home.create()?, context.clock.clone()).map_err(sandbox_error)
}

/// Returns the error for a sandbox whose file cannot be used.
pub(crate) fn sandbox_error(error: l402_lightning::Error) -> CliError {
    let fault = error.file().map(l402_host::FileError::fault);
    let (exit, code) = fault.map_or((exit_code::LOCAL_IO, "local_io"), exit_code::of_file);
    CliError::new(exit, code, format!("the sandbox: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wallet_is_known_by_its_host_and_port() {
        for (wallet, host, port) in [
            ("sandbox+http://127.0.0.1:8403", "127.0.0.1", 8403),
            ("sandbox+http://[::1]:8403", "[::1]", 8403),
            (
                "lnd://node.example:8080?tls_cert=a&macaroon=b",
                "node.example",
                8080,
            ),
            ("lnbits+https://lnbits.example?key=a", "lnbits.example", 443),
        ] {
            assert_eq!(
                address_of(wallet),
                Some((host.to_owned(), port)),
                "{wallet}"
            );
        }
        for wallet in ["sandbox", "cln:///run/lightning-rpc", "nwc:file"] {
            assert_eq!(address_of(wallet), None, "{wallet}");
        }
    }
}

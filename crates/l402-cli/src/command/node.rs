//! `l402 node`: the Lightning node of the home folder.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use l402::{Msat, Network};
use l402_host::ListenAddress;
use l402_lightning::InvoiceRequest;
use l402_lightning::ldk::{ChainServer, NodeSettings};

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::node::{self, Opening};
use crate::text::output::OutputArgs;
use crate::text::span::duration;

/// Run a Lightning node in this program: keys, coins and channels in the home folder
///
/// For those who have no node. It sells with `--node ldk` and buys with `--wallet ldk`. Its channels
/// are real, and so is its money, unless its network is a test one.
///
/// `run` holds the node for all programs of this home. Without it, each command starts the node for
/// as long as it takes.
#[derive(Args, Debug)]
#[command(after_help = "\
From nothing to a channel:
  l402 node init --network signet --chain https://mempool.space/signet/api
  l402 node run                   in a terminal of its own, or as a service
  l402 node address               send coins there, and wait for a block
  l402 node open 02ab...@203.0.113.5:9735 \"200000 sat\"

Examples:
  l402 node balance
  l402 node channels
  l402 serve --node ldk --upstream http://127.0.0.1:3000 --price \"50 sat\"
  l402 get --wallet ldk URL")]
pub(crate) struct Node {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Init(Init),
    /// Run the node until Ctrl-C, for all programs of this home
    ///
    /// Serves two sockets in the node's folder: `receive.sock` for those who are paid, and `pay.sock`
    /// for those who may spend.
    #[command(after_help = "Examples:\n  l402 node run")]
    Run(Plain),
    /// Show a new address for coins of the chain
    ///
    /// Coins that are sent there can go into a channel once they are confirmed.
    #[command(after_help = "Examples:\n  l402 node address")]
    Address(Plain),
    /// Show what the node has, on the chain and in channels
    ///
    /// Coins of a closed channel are listed with what they wait for: `locked` until a height of the
    /// chain, then `to_be_swept`, `swept`, and at last on the chain.
    #[command(after_help = "Examples:\n  l402 node balance\n  l402 node balance --json")]
    Balance(Plain),
    Open(Open),
    Close(Close),
    /// List the channels
    #[command(after_help = "Examples:\n  l402 node channels\n  l402 node channels --json")]
    Channels(Plain),
    Invoice(Invoice),
    Backup(Backup),
}

/// Make the node of this home folder
///
/// Shows 24 words, once. They bring back the coins that the node has on the chain, in any program on
/// LDK Node. Anybody who has them can spend. They are stored nowhere; the seed that they stand for is in
/// the file ldk/keys_seed.
#[derive(Args, Debug)]
#[command(after_help = "\
Chain servers: https://HOST/api (Esplora), ssl://HOST:PORT (Electrum), or
bitcoind://USER@HOST:PORT?password=FILE (a .cookie without USER). The server sees
which coins are yours; your own tells nobody.

Examples:
  l402 node init --network signet --chain https://mempool.space/signet/api
  l402 node init --chain \"bitcoind://127.0.0.1:8332?password=.cookie\" \\
    --listen 0.0.0.0:9735 --alias my-shop
  l402 node init --restore --chain https://blockstream.info/api < words.txt")]
struct Init {
    /// The network: bitcoin, testnet, signet or regtest. A node never changes it
    #[arg(long, default_value = "bitcoin", value_name = "NETWORK")]
    network: Network,

    /// Read blocks from this server, and send transactions to it
    #[arg(long, value_name = "URL")]
    chain: ChainServer,

    /// Let other nodes connect here; may be repeated [default: nowhere]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<ListenAddress>,

    /// The name in the public graph, at most 32 bytes; public channels need one
    #[arg(long, value_name = "NAME")]
    alias: Option<String>,

    /// Let this group of the machine be paid by the node, through receive.sock
    #[arg(long, value_name = "GROUP")]
    receive_group: Option<String>,

    /// Put receive.sock here, for a group that cannot enter the home folder
    #[arg(long, value_name = "FILE", requires = "receive_group")]
    receive_socket: Option<PathBuf>,

    /// Make the node from 12 or 24 words, read from stdin
    #[arg(long)]
    restore: bool,

    /// Print the words even though stdout is not a terminal
    #[arg(long, conflicts_with = "restore")]
    show_words: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// Open a channel to another node, and wait until it can be used
///
/// The coins of the channel come from the node's address. They can be spent through it at once, and
/// what was spent can be received. To sell, somebody has to open a channel to this node, or part of
/// this one is given away with --push.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 node open 02ab...@203.0.113.5:9735 \"200000 sat\"
  l402 node open 02ab...@203.0.113.5:9735 \"200000 sat\" --no-wait")]
struct Open {
    /// The other node: its public key, and where it listens
    #[arg(value_name = "KEY@HOST:PORT")]
    peer: String,

    /// The amount that goes into the channel
    amount: Msat,

    /// Give so much of it away to the other side
    #[arg(long, value_name = "AMOUNT")]
    push: Option<Msat>,

    /// Show the channel in the public graph; the node must listen and have an alias
    #[arg(long)]
    public: bool,

    /// Return when the transaction is on its way, without waiting for blocks
    #[arg(long)]
    no_wait: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// Close a channel: its coins go to the chain
///
/// Both sides agree on it, and the coins are free in a few blocks. If the other side is gone for
/// good, --force closes it alone: then this side's coins are locked for a day or more, and it costs
/// more.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 node close 5f0c
  l402 node close 5f0c --force")]
struct Close {
    /// The channel's id, or a beginning of it that no other has
    id: String,

    /// Close it without the other side
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// Make an invoice, to be paid by hand
///
/// An invoice is stored nowhere, and can be paid as long as the node runs.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  l402 node invoice \"5000 sat\" --memo \"to fill the channel\""
)]
struct Invoice {
    /// The amount
    amount: Msat,

    /// The text that the payer reads
    #[arg(long, value_name = "TEXT", default_value = "l402")]
    memo: String,

    /// The time for which it can be paid
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1h")]
    expiry: Duration,

    #[command(flatten)]
    output: OutputArgs,
}

/// Copy the node's files into a new folder
///
/// The copy shows what the node had; it is not for running the node. A channel changes with each
/// payment, and a node that shows an old state of it loses all coins in it: never run a node from a
/// copy once the node was used again.
///
/// Coins are brought back by the words of `init`, and those in channels by the list of peers, which
/// is in the copy if the node runs. The seed is not.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  l402 node backup /media/stick/node-copy")]
struct Backup {
    /// The folder to make
    #[arg(value_name = "DIR")]
    to: PathBuf,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Clone, Copy, Debug)]
struct Plain {
    #[command(flatten)]
    output: OutputArgs,
}

impl Node {
    pub(crate) fn output(&self) -> OutputArgs {
        match &self.action {
            Action::Run(plain)
            | Action::Address(plain)
            | Action::Balance(plain)
            | Action::Channels(plain) => plain.output,
            Action::Init(init) => init.output,
            Action::Open(open) => open.output,
            Action::Close(close) => close.output,
            Action::Invoice(invoice) => invoice.output,
            Action::Backup(backup) => backup.output,
        }
    }

    /// Returns true if it moves the node's coins: no limit counts those.
    pub(crate) const fn needs_operator(&self) -> bool {
        match self.action {
            Action::Open(_) | Action::Close(_) => true,
            Action::Init(_) | Action::Run(_) | Action::Address(_) | Action::Balance(_) => false,
            Action::Channels(_) | Action::Invoice(_) | Action::Backup(_) => false,
        }
    }

    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let out = self.output().open();
        match self.action {
            Action::Init(init) => init.run(context),
            Action::Run(_) => node::run(context, out).await,
            Action::Address(_) => node::address(context, out).await,
            Action::Balance(_) => node::balance(context, out).await,
            Action::Channels(_) => node::channels(context, out).await,
            Action::Open(open) => node::open(open.opening()?, context, out).await,
            Action::Close(close) => node::close(&close.id, close.force, context, out).await,
            Action::Invoice(invoice) => {
                let request = InvoiceRequest::new(invoice.amount, invoice.expiry, invoice.memo);
                node::invoice(&request, context, out).await
            }
            Action::Backup(backup) => node::backup(&backup.to, context, out).await,
        }
    }
}

impl Init {
    fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let mut settings = NodeSettings::new(self.network, self.chain);
        settings.listen = self
            .listen
            .iter()
            .map(|address| address.0)
            .collect::<Vec<SocketAddr>>();
        settings.alias = self.alias;
        settings.receive_group = self.receive_group;
        settings.receive_socket = self.receive_socket;
        let words = if self.restore {
            node::Words::Restored
        } else {
            node::Words::New {
                shown: self.show_words,
            }
        };
        node::init(&settings, words, context, self.output.open())
    }
}

impl Open {
    fn opening(self) -> Result<Opening, CliError> {
        let Some((peer, address)) = self.peer.split_once('@') else {
            let text = "a node is named KEY@HOST:PORT: its public key, and where it listens";
            return Err(CliError::usage(text));
        };
        let push = self.push.unwrap_or(Msat::ZERO);
        let mut amounts = [self.amount, push].map(whole_sat).into_iter();
        let (Some(Some(amount_sat)), Some(Some(push_sat))) = (amounts.next(), amounts.next())
        else {
            return Err(CliError::usage("coins of the chain are whole satoshi"));
        };
        if push_sat >= amount_sat {
            let text = "the other side cannot be given as much as the channel holds";
            return Err(CliError::usage(text));
        }
        Ok(Opening {
            peer: peer.to_owned(),
            address: address.to_owned(),
            amount_sat,
            push_sat,
            public: self.public,
            waits: !self.no_wait,
        })
    }
}

fn whole_sat(amount: Msat) -> Option<u64> {
    let sat = amount.ceil_sat();
    (Msat::from_sat(sat) == amount).then_some(sat)
}

//! The flags of `l402 get`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use l402::Msat;
use l402_client::AllowedAddress;

use super::request::RequestArgs;
use super::retry::RetryArgs;
use super::saving::SaveArgs;
use super::transport::TransportArgs;
use super::write_out::WriteOut;
use crate::buyer::SpendingArgs;
use crate::text::span::{duration, time};

/// The request, the wallet, and the places that the answer goes to.
#[derive(Args, Debug)]
pub(crate) struct GetArgs {
    /// What to fetch
    #[arg(value_name = "URL", required_unless_present = "named_url")]
    url: Option<String>,

    /// What to fetch, as a flag
    #[arg(
        long = "url",
        value_name = "URL",
        conflicts_with = "url",
        id = "named_url"
    )]
    named_url: Option<String>,

    #[command(flatten)]
    pub(super) request: RequestArgs,

    #[command(flatten)]
    pub(super) save: SaveArgs,

    /// Write the head of the answer before the body
    #[arg(short, long)]
    pub(super) include: bool,

    /// Show no progress and no errors, except about money
    #[arg(short, long)]
    pub(super) silent: bool,

    /// With -s, show errors all the same
    #[arg(short = 'S', long)]
    pub(super) show_error: bool,

    /// Show the heads of all requests and answers on stderr, without what is secret in them
    #[arg(short, long)]
    pub(super) verbose: bool,

    /// Follow redirects; a credential never crosses origins
    #[arg(short = 'L', long)]
    pub(super) location: bool,

    /// With -L, follow so many redirects at most; -1 for 1000
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "50",
        allow_negative_numbers = true
    )]
    #[arg(value_parser = clap::value_parser!(i32).range(-1..))]
    pub(super) max_redirs: i32,

    /// Write this to stdout after the body
    #[arg(short, long, value_name = "FORMAT")]
    pub(super) write_out: Option<WriteOut>,

    /// Exit with 22 and show no body where the status is 400 or above
    #[arg(short, long, conflicts_with = "fail_with_body")]
    pub(super) fail: bool,

    /// The same, and show the body
    #[arg(long)]
    pub(super) fail_with_body: bool,

    /// The longest that all of it may take, in seconds, 0 for any; after a 429 it waits and asks
    /// again meanwhile. What the wallet has begun goes on
    #[arg(short, long, value_name = "SECONDS", value_parser = time)]
    pub(super) max_time: Option<Duration>,

    #[command(flatten)]
    pub(super) retry: RetryArgs,

    /// Take flags from this file, in the syntax of curl (- is stdin)
    // Its flags stand in its place before the command line is read.
    #[arg(short = 'K', long, value_name = "FILE")]
    config: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) transport: TransportArgs,

    #[command(flatten)]
    pub(super) spending: SpendingArgs,

    /// Show what it would cost, pay nothing
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Pay within the limits without asking, also a seller who took money for nothing today, one whose
    /// node has changed, and despite -k
    #[arg(long)]
    pub(super) yes: bool,

    /// On a terminal, ask before paying more
    #[arg(long, value_name = "AMOUNT", default_value = "100 sat")]
    pub(super) confirm_above: Msat,

    /// Write a receipt that proves the payment to this file, for this user alone (JSON)
    #[arg(long, value_name = "FILE")]
    pub(super) receipt: Option<PathBuf>,

    /// How long the wallet may take
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub(super) payment_timeout: Duration,

    /// Pay a challenge that stands in the JSON body of a 402 and in no header (https only)
    #[arg(long)]
    pub(super) accept_body_challenge: bool,

    /// Pay over plain HTTP to other machines: who listens can use what was bought
    #[arg(long)]
    pub(super) danger_plain_http: bool,

    /// Write an error to stderr as text, or as the JSON that other commands have on stdout
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    error_format: ErrorFormat,

    /// Reach this host or network although it is private: a name or a redirect leads to no other.
    /// An address in URL is named by that. Can be repeated
    #[arg(long, value_name = "HOST|NETWORK")]
    pub(super) allow_address: Vec<AllowedAddress>,
}

/// The form of an error on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ErrorFormat {
    Json,
    Text,
}

/// The most redirects that are followed if any number was asked for.
const REDIRECTS_MAX: usize = 1000;

impl GetArgs {
    /// Returns the URL, in whichever of the two places it was written.
    pub(super) fn url(&self) -> &str {
        // clap refuses a line without either.
        let url = self.named_url.as_ref().or(self.url.as_ref());
        url.map_or("", String::as_str)
    }

    /// Returns the most redirects that are followed.
    pub(super) fn max_redirects(&self) -> usize {
        usize::try_from(self.max_redirs).unwrap_or(REDIRECTS_MAX)
    }

    /// Returns true if an error is written to stderr as JSON.
    pub(crate) fn has_json_errors(&self) -> bool {
        self.error_format == ErrorFormat::Json
    }

    pub(crate) const fn is_silent(&self) -> bool {
        self.silent && !self.show_error
    }

    /// Returns the longest that the call may take. As with curl, 0 stands for no limit.
    pub(super) fn max_time(&self) -> Option<Duration> {
        self.max_time.filter(|limit| !limit.is_zero())
    }
}

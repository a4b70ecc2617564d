//! The flags of `l402 get`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use l402::Msat;

use super::request::RequestArgs;
use super::write_out::WriteOut;
use crate::buyer::SpendingArgs;
use crate::text::money::{duration, time};

/// The request, the wallet, and the places that the answer goes to.
#[derive(Args, Debug)]
pub(crate) struct GetArgs {
    /// What to fetch
    pub(super) url: String,

    #[command(flatten)]
    pub(super) request: RequestArgs,

    /// Write the body to this file (- is stdout)
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// Write the head of the answer before the body
    #[arg(short, long)]
    pub(super) include: bool,

    /// Show no progress and no errors, except about money
    #[arg(short, long)]
    pub(super) silent: bool,

    /// With -s, show errors all the same
    #[arg(short = 'S', long)]
    pub(super) show_error: bool,

    /// Follow redirects; a credential never crosses origins
    #[arg(short = 'L', long)]
    pub(super) location: bool,

    /// Write this to stdout after the body
    #[arg(short, long, value_name = "FORMAT")]
    pub(super) write_out: Option<WriteOut>,

    /// Exit with 22 and show no body where the status is 400 or above
    #[arg(short, long)]
    pub(super) fail: bool,

    /// The longest that all of it may take, in seconds, 0 for any; after a 429 it waits and asks
    /// again meanwhile. What the wallet has begun goes on
    #[arg(short, long, value_name = "SECONDS", value_parser = time)]
    pub(super) max_time: Option<Duration>,

    #[command(flatten)]
    pub(super) spending: SpendingArgs,

    /// Show what it would cost, pay nothing
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Pay within the limits without asking, also a seller who took money for nothing today
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
}

impl GetArgs {
    pub(crate) const fn is_silent(&self) -> bool {
        self.silent && !self.show_error
    }

    /// Returns the longest that the call may take. As with curl, 0 stands for no limit.
    pub(super) fn max_time(&self) -> Option<Duration> {
        self.max_time.filter(|limit| !limit.is_zero())
    }
}

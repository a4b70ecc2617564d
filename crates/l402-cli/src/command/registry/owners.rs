//! `l402 registry claim`, `own`, `edit`, `remove`, `revoke`, `transfer`, `answer` and `review`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::buyer::WalletArg;
use crate::context::Context;
use crate::error::CliError;
use crate::purchases::id;
use crate::registry::{
    self, AtListing, Changes, Claiming, NewReview, Proof, RegistryArg, RegistryClient, Subject,
};
use crate::text::output::OutputArgs;
use crate::text::span::duration;

/// The listing of a command, and the registry that has it.
#[derive(Args, Debug)]
pub(super) struct ListingArgs {
    /// The listing: its URL, or its name of 16 hex digits
    #[arg(value_name = "URL|ID")]
    listing: Subject,

    #[command(flatten)]
    registry: RegistryArg,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

impl ListingArgs {
    fn open(self, context: &Context) -> Result<AtListing<'_>, CliError> {
        Ok(AtListing {
            client: RegistryClient::open(&self.registry.url()?)?,
            subject: self.listing,
            context,
            out: self.output.open(),
        })
    }
}

/// Prove that a listing is yours
///
/// By a line in a file at the service's origin, by a DNS TXT record below its host, or by a signature of
/// the node that signs its invoices (lnd, Core Lightning, the node of this program, the sandbox). File and
/// record outrank a node. There is no account: a key in L402_HOME/registry-owner makes you the owner.
///
/// With file and dns it prints what to publish; --finish has the registry look at it, and --wait asks again
/// and again.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 registry claim https://api.example.com/v1/joke
  l402 registry claim https://api.example.com/v1/joke --finish
  l402 registry claim https://api.example.com/v1/joke --proof dns --wait 1h
  l402 registry claim https://api.example.com/v1/joke --proof node --wallet main")]
pub(super) struct Claim {
    #[command(flatten)]
    pub(super) listing: ListingArgs,

    /// The proof
    #[arg(long, value_enum, default_value = "file")]
    proof: Proof,

    #[command(flatten)]
    wallet: WalletArg,

    /// Have the registry look at the proof that was published
    #[arg(long, conflicts_with_all = ["proof", "wait"])]
    finish: bool,

    /// Wait until the registry finds the proof, so long at most
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait: Option<Duration>,

    /// Print the key, too: its holder owns the listing
    #[arg(long)]
    show_key: bool,
}

/// Change the words of your listing
///
/// A part that is not named stays. An empty category or documentation takes it out.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 registry edit https://api.example.com/v1/joke --name Jokes --tag fun
  l402 registry edit https://api.example.com/v1/joke --no-probe")]
pub(super) struct Edit {
    #[command(flatten)]
    pub(super) listing: ListingArgs,

    /// The name, at most 100 characters
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,

    /// The description, at most 2,000 characters
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// The category, such as ai/images
    #[arg(long, value_name = "NAME")]
    category: Option<String>,

    /// All its tags anew. Can be repeated, at most ten times
    #[arg(long = "tag", value_name = "WORD")]
    tags: Option<Vec<String>>,

    /// The address of its documentation, https
    #[arg(long, value_name = "URL")]
    docs: Option<String>,

    /// The provider, at most 100 characters
    #[arg(long, value_name = "TEXT")]
    provider: Option<String>,

    /// The price in your words: the invoice is what counts, and a difference is marked
    #[arg(long, value_name = "AMOUNT")]
    price: Option<l402::Msat>,

    /// The method that a buyer uses
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,

    /// Have it probed again
    #[arg(long, conflicts_with = "no_probe")]
    probe: bool,

    /// Have it probed no more: its state becomes unknown
    #[arg(long)]
    no_probe: bool,
}

/// Remove your listing, with its history and reviews
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  l402 registry remove https://api.example.com/v1/joke")]
pub(super) struct Remove {
    #[command(flatten)]
    pub(super) listing: ListingArgs,
}

/// Give up your listing: nobody owns it from then on
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  l402 registry revoke https://api.example.com/v1/joke")]
pub(super) struct Revoke {
    #[command(flatten)]
    pub(super) listing: ListingArgs,
}

/// Hand your listing on: a new key in a file, and the old one is void
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 registry transfer https://api.example.com/v1/joke --key-file joke.key")]
pub(super) struct Transfer {
    #[command(flatten)]
    pub(super) listing: ListingArgs,

    /// The new file for the key; nobody else can read it
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
}

/// Take over a listing with a key that its owner has handed on
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 registry own https://api.example.com/v1/joke --key-file joke.key")]
pub(super) struct Own {
    #[command(flatten)]
    pub(super) listing: ListingArgs,

    /// The file with the key
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
}

/// Review what you have bought
///
/// Sends the invoice and its preimage as the proof that you hold a paid invoice of the service's node, not
/// older than 30 days, and never the token. One review a payment. A payment is found in the journal: the
/// newest one at the service, or the one that --payment names.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 registry review https://api.example.com/v1/joke --stars 5 --text \"Funny\"
  l402 registry review https://api.example.com/joke --stars 2 --payment 1f0c93")]
pub(super) struct Review {
    #[command(flatten)]
    pub(super) listing: ListingArgs,

    /// From 1, the worst, to 5
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=5))]
    stars: u8,

    /// In your words, at most 1,000 characters
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    text: String,

    /// The payment: the first digits of its payment hash
    #[arg(long, value_name = "HASH", value_parser = id)]
    payment: Option<String>,
}

/// Answer a review of your listing
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 registry answer https://api.example.com/v1/joke HASH --text \"Fixed\"
  l402 registry answer https://api.example.com/v1/joke HASH --take-back")]
pub(super) struct AnswerReview {
    #[command(flatten)]
    pub(super) listing: ListingArgs,

    /// The payment hash of the review, which `l402 registry show` prints
    #[arg(value_name = "HASH")]
    review: l402::PaymentHash,

    /// In your words, at most 1,000 characters
    #[arg(long, value_name = "TEXT", required_unless_present = "take_back")]
    text: Option<String>,

    /// Take the answer back
    #[arg(long, conflicts_with = "text")]
    take_back: bool,
}

impl Claim {
    pub(super) async fn run(self, context: &Context) -> Result<(), CliError> {
        let claiming = Claiming {
            at: self.listing.open(context)?,
            show_key: self.show_key,
        };
        if self.finish {
            return registry::finish_claim(&claiming).await;
        }
        let node = self.wallet.as_ref();
        registry::begin_claim(&claiming, self.proof, node, self.wait).await
    }
}

impl Edit {
    pub(super) async fn run(self, context: &Context) -> Result<(), CliError> {
        let at = self.listing.open(context)?;
        let changes = Changes {
            name: self.name,
            description: self.description,
            category: self.category,
            tags: self.tags,
            docs: self.docs,
            provider: self.provider,
            price: self.price,
            method: self.method,
            no_probe: (self.probe || self.no_probe).then_some(self.no_probe),
        };
        registry::edit(&at, &changes).await
    }
}

impl Remove {
    pub(super) async fn run(self, context: &Context) -> Result<(), CliError> {
        let at = self.listing.open(context)?;
        registry::remove(&at).await
    }
}

impl Revoke {
    pub(super) async fn run(self, context: &Context) -> Result<(), CliError> {
        let at = self.listing.open(context)?;
        registry::revoke(&at).await
    }
}

impl Transfer {
    pub(super) async fn run(self, context: &Context) -> Result<(), CliError> {
        let at = self.listing.open(context)?;
        registry::transfer(&at, &self.key_file).await
    }
}

impl Own {
    pub(super) async fn run(self, context: &Context) -> Result<(), CliError> {
        let at = self.listing.open(context)?;
        registry::own(&at, &self.key_file).await
    }
}

impl Review {
    pub(super) async fn run(self, context: &Context) -> Result<(), CliError> {
        let at = self.listing.open(context)?;
        let review = NewReview {
            stars: self.stars,
            text: self.text,
            payment: self.payment,
        };
        registry::review(&at, &review).await
    }
}

impl AnswerReview {
    pub(super) async fn run(self, context: &Context) -> Result<(), CliError> {
        let at = self.listing.open(context)?;
        let text = self.text.as_deref();
        registry::answer(&at, self.review, text).await
    }
}

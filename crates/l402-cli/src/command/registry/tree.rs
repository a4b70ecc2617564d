//! The actions of `l402 registry`.

use clap::{Args, Subcommand};

use super::lists::{Add, Announce, Search, Show};
use super::moderators::Moderate;
use super::operators::{Backup, Export, Import, Serve};
use super::owners::{AnswerReview, Claim, Edit, Own, Remove, Review, Revoke, Transfer};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::output::OutputArgs;

/// Find paid services, list yours, or run a directory of them
///
/// A registry asks each service as a buyer would and pays nothing: what it says of prices, states and
/// nodes is what it saw, with the evidence. What sellers say of themselves stands apart.
///
/// The commands ask the registry of --registry or L402_REGISTRY, by default the one on this machine.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 registry serve                              a registry on this machine
  l402 registry add https://api.example.com/v1/joke
  l402 registry search jokes --max-price \"50 sat\" --state up
  l402 registry announce https://api.example.com   all that a gateway sells
  l402 registry claim https://api.example.com/v1/joke --proof file")]
pub(crate) struct Registry {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Serve(Serve),
    Add(Add),
    Announce(Announce),
    Search(Box<Search>),
    Show(Show),
    Claim(Box<Claim>),
    Edit(Box<Edit>),
    Remove(Remove),
    Transfer(Transfer),
    Own(Own),
    Revoke(Revoke),
    Review(Review),
    Answer(AnswerReview),
    Import(Import),
    Export(Export),
    Backup(Backup),
    Moderate(Moderate),
}

impl Registry {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        match self.action {
            Action::Serve(it) => return it.run(context).await,
            Action::Add(it) => it.run().await?,
            Action::Announce(it) => it.run().await?,
            Action::Search(it) => it.run().await?,
            Action::Show(it) => it.run().await?,
            Action::Claim(it) => it.run(context).await?,
            Action::Edit(it) => it.run(context).await?,
            Action::Remove(it) => it.run(context).await?,
            Action::Transfer(it) => it.run(context).await?,
            Action::Own(it) => it.run(context).await?,
            Action::Revoke(it) => it.run(context).await?,
            Action::Review(it) => it.run(context).await?,
            Action::Answer(it) => it.run(context).await?,
            Action::Import(it) => it.run(context).await?,
            Action::Export(it) => it.run(context).await?,
            Action::Backup(it) => it.run(context).await?,
            Action::Moderate(it) => it.run(context).await?,
        }
        Ok(exit_code::OK)
    }

    pub(crate) fn output(&self) -> OutputArgs {
        match &self.action {
            Action::Serve(it) => it.output,
            Action::Add(it) => it.output,
            Action::Announce(it) => it.output,
            Action::Search(it) => it.output,
            Action::Show(it) => it.output,
            Action::Claim(it) => it.listing.output,
            Action::Edit(it) => it.listing.output,
            Action::Remove(it) => it.listing.output,
            Action::Transfer(it) => it.listing.output,
            Action::Own(it) => it.listing.output,
            Action::Revoke(it) => it.listing.output,
            Action::Review(it) => it.listing.output,
            Action::Answer(it) => it.listing.output,
            Action::Import(it) => it.output,
            Action::Backup(it) => it.output,
            Action::Moderate(it) => it.output(),
            // Its stdout is the export alone.
            Action::Export(_) => OutputArgs::default(),
        }
    }

    /// Returns true if it serves until it is stopped.
    pub(crate) const fn serves(&self) -> bool {
        matches!(self.action, Action::Serve(_))
    }

    /// Returns true if stdout is for a file alone, and an error goes to stderr only.
    pub(crate) const fn prints_a_file(&self) -> bool {
        match &self.action {
            Action::Export(_) => true,
            Action::Serve(it) => it.prints_a_file(),
            _ => false,
        }
    }
}

//! `l402 registry moderate`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::registry::{self, Moderation, RegistryArg, RegistryClient, Subject};
use crate::text::output::OutputArgs;

/// Hide, ban and merge, as a keeper of the registry
///
/// Needs the moderators' token, which `l402 registry serve` makes at its first start in
/// L402_HOME/registry/admin.token.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 registry moderate hide 0f3a8c21d5b94e67 --reason \"sells malware\"
  l402 registry moderate ban shop.example --reason \"takes money for nothing\"
  l402 registry moderate merge 0f3a8c21d5b94e67 --into 77aa0c3d01b2f4e9")]
pub(super) struct Moderate {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Hide a listing; its page says the reason
    #[command(
        after_help = "Examples:\n  l402 registry moderate hide 0f3a8c21d5b94e67 --reason \"a copy\""
    )]
    Hide {
        /// The listing: its name of 16 hex digits, or its URL
        #[arg(value_name = "ID|URL")]
        listing: Subject,
        /// The reason, which everybody can read
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        common: Common,
    },
    /// Show a hidden listing again
    #[command(after_help = "Examples:\n  l402 registry moderate unhide 0f3a8c21d5b94e67")]
    Unhide {
        /// The listing: its name of 16 hex digits, or its URL
        #[arg(value_name = "ID|URL")]
        listing: Subject,
        #[command(flatten)]
        common: Common,
    },
    /// Ban a host and all names below it; its listings are hidden
    #[command(
        after_help = "Examples:\n  l402 registry moderate ban shop.example --reason \"takes money for nothing\""
    )]
    Ban {
        /// The host
        host: String,
        /// The reason, which everybody can read
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        common: Common,
    },
    /// Lift the ban of a host
    #[command(after_help = "Examples:\n  l402 registry moderate unban shop.example")]
    Unban {
        /// The host
        host: String,
        #[command(flatten)]
        common: Common,
    },
    /// Hide a listing as a copy of another; its page leads there
    #[command(
        after_help = "Examples:\n  l402 registry moderate merge 0f3a8c21d5b94e67 --into 77aa0c3d01b2f4e9"
    )]
    Merge {
        /// The copy
        #[arg(value_name = "ID|URL")]
        listing: Subject,
        /// The listing that stays
        #[arg(long, value_name = "ID|URL")]
        into: Subject,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args, Debug)]
struct Common {
    /// The moderators' token [default: registry/admin.token in the home folder]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    #[command(flatten)]
    registry: RegistryArg,

    #[command(flatten)]
    output: OutputArgs,
}

impl Moderate {
    pub(super) fn output(&self) -> OutputArgs {
        match &self.act {
            Act::Hide { common, .. }
            | Act::Unhide { common, .. }
            | Act::Ban { common, .. }
            | Act::Unban { common, .. }
            | Act::Merge { common, .. } => common.output,
        }
    }

    pub(super) async fn run(self, context: &Context) -> Result<(), CliError> {
        let (common, act, body) = match self.act {
            Act::Hide {
                listing,
                reason,
                common,
            } => {
                let body = json!({ "id": listing.id.to_string(), "reason": reason });
                (common, "hide", body)
            }
            Act::Unhide { listing, common } => {
                (common, "unhide", json!({ "id": listing.id.to_string() }))
            }
            Act::Ban {
                host,
                reason,
                common,
            } => (common, "ban", json!({ "host": host, "reason": reason })),
            Act::Unban { host, common } => (common, "unban", json!({ "host": host })),
            Act::Merge {
                listing,
                into,
                common,
            } => {
                let (from, into) = (listing.id.to_string(), into.id.to_string());
                (common, "merge", json!({ "from": from, "into": into }))
            }
        };
        let client = RegistryClient::open(&common.registry.url()?)?;
        let usual = || context.home.path().join("registry/admin.token");
        let token_file = common.token_file.unwrap_or_else(usual);
        let act = Moderation { act, body };
        registry::moderate(&client, &act, &token_file, common.output.open()).await
    }
}

//! The commands beside a gateway: to look at its sales, and to steer it.

use clap::Subcommand;

#[cfg(feature = "postgres")]
use super::ledger;
use super::{admin, backup, books, keys, restore, revoke, sales, webhooks};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum SellerCommand {
    Admin(Box<admin::Admin>),
    Keys(keys::Keys),
    Revoke(Box<revoke::Revoke>),
    #[cfg(feature = "postgres")]
    Ledger(ledger::LedgerCommand),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Sales(sales::Sales),
    Books(books::Books),
    Webhooks(webhooks::Webhooks),
}

impl SellerCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        match self {
            Self::Admin(admin) => admin.run(context).await,
            Self::Keys(keys) => keys.run(context).await,
            Self::Revoke(revoke) => revoke.run(context).await,
            #[cfg(feature = "postgres")]
            Self::Ledger(ledger) => ledger.run(context).await,
            Self::Backup(backup) => backup.run(context).await,
            Self::Restore(restore) => restore.run(context).await,
            Self::Sales(sales) => sales.run(context).await,
            Self::Books(books) => books.run(context).await,
            Self::Webhooks(webhooks) => webhooks.run(context).await,
        }
    }

    /// Returns true if an error is also printed to stdout as JSON.
    pub(crate) fn reports_errors_as_json(&self) -> bool {
        match self {
            Self::Admin(admin) => admin.reports_errors_as_json(),
            Self::Keys(keys) => keys.output().open().is_json(),
            Self::Revoke(revoke) => revoke.output.open().is_json(),
            #[cfg(feature = "postgres")]
            Self::Ledger(ledger) => ledger.output().open().is_json(),
            Self::Backup(backup) => backup.output.open().is_json(),
            Self::Restore(restore) => restore.output.open().is_json(),
            Self::Sales(sales) => sales.reports_errors_as_json(),
            Self::Books(books) => books.output().open().is_json(),
            Self::Webhooks(webhooks) => webhooks.output().open().is_json(),
        }
    }

    /// Returns true if the operator's passphrase is asked before the command does anything.
    #[cfg(feature = "buy")]
    pub(crate) fn needs_operator(&self) -> bool {
        // All secrets leave the home, or limits of earlier come back.
        matches!(self, Self::Backup(_) | Self::Restore(_))
    }
}

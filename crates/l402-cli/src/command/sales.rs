//! `l402 sales`: what was sold.

use clap::{Args, ValueEnum};
use l402::UnixTime;
use l402_server::books::{Account, Books, BooksError, By, each_account, sales};

use crate::books;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::seller::StoreArgs;
use crate::text::output::{self, OutputArgs};
use crate::text::when::Moment;

/// Show what was sold, by route, service, day or hour
///
/// It reads the books of the gateway, beside running gateways and without one. A payment counts when it
/// arrived at the node, in UTC. Of what was sold, the part that was used is spent, the rest is unspent until its
/// token ends, and expired after that. A payment whose purpose nobody knows is `unattributed`:
/// a node may receive for others, too.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 sales
  l402 sales --since 24h --by hour
  l402 sales --unserved
  l402 sales --by service --csv > sales.csv
  l402 sales --config l402.toml --json | jq .sales[].sold_msat")]
pub(crate) struct Sales {
    /// Show payments since then: a span such as 12h or 7d, or a date
    #[arg(long, value_name = "TIME", default_value = "7d")]
    since: Moment,

    /// Sum up by this
    #[arg(long, value_enum, default_value = "route", value_name = "KEY")]
    by: Key,

    /// List the payments that were never used, instead
    #[arg(long, conflicts_with = "by")]
    unserved: bool,

    /// Print CSV on stdout
    #[arg(long, conflicts_with = "json")]
    csv: bool,

    #[command(flatten)]
    stores: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// The key of a sum.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Key {
    Route,
    Service,
    Day,
    Hour,
}

impl Key {
    pub(super) const fn by(self) -> By {
        match self {
            Self::Route => By::Route,
            Self::Service => By::Service,
            Self::Day => By::Day,
            Self::Hour => By::Hour,
        }
    }
}

impl Sales {
    pub(crate) fn reports_errors_as_json(&self) -> bool {
        !self.csv && self.output.open().is_json()
    }

    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let now = context.clock.wall();
        // The second that runs counts, too.
        let arrived = self.since.before(now)..UnixTime::from_secs(now.secs().saturating_add(1));
        if self.unserved {
            let found = self.stores.with_books(context, move |books| {
                let all = unserved(books)?.into_iter();
                Ok(all
                    .filter(|account| {
                        account
                            .received
                            .is_some_and(|(_, time)| arrived.contains(&time))
                    })
                    .collect::<Vec<_>>())
            });
            let found = found.await?;
            return self.print(
                &books::unserved(&found),
                || books::unserved_csv(&found),
                || books::unserved_table(&found),
            );
        }
        let by = self.by.by();
        let rows = self
            .stores
            .with_books(context, move |books| sales(books, &arrived, by, now));
        let sums = books::Sales {
            by: by.name(),
            rows: rows.await?,
        };
        self.print(
            &books::list(&sums),
            || books::csv(&sums),
            || books::table(&sums),
        )
    }

    fn print(
        &self,
        value: &serde_json::Value,
        csv: impl FnOnce() -> String,
        text: impl FnOnce() -> String,
    ) -> Result<ExitCode, CliError> {
        if self.csv {
            output::print(&csv())?;
        } else {
            self.output.open().result(value, text)?;
        }
        Ok(exit_code::OK)
    }
}

/// Returns the payments that arrived and were never used, the earliest first.
fn unserved(books: &dyn Books) -> Result<Vec<Account>, BooksError> {
    let mut found = Vec::new();
    books.view(&mut |view| {
        each_account(view, &mut |account| {
            if account.is_unserved() {
                found.push(account.clone());
            }
            Ok(())
        })
    })?;
    found.sort_by_key(|account| account.received.map(|(_, time)| time));
    Ok(found)
}

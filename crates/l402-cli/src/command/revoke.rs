//! `l402 revoke`: ends tokens before their time.

use clap::{ArgGroup, Args};
use l402::{PaymentHash, Service, TokenId, UnixTime};

use crate::confirm::confirm;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::revoke::{self, What, report};
use crate::seller::StoreArgs;
use crate::text::output::OutputArgs;

/// End tokens that were sold, before their time
///
/// Every gateway of the ledger refuses them (402 `revoked`) within a second, and after each start.
/// It works while gateways run, and while none does. What a holder has made of a token ends with
/// it. It cannot be undone, and nobody gets money back by it.
///
/// --before ends what was minted before a time. A token does not say when exactly that was: one that
/// could have been minted before has ended too. If that would be so for what is sold from now on,
/// the next key number begins, whose tokens stay good; so end no more by --before than you must.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).multiple(true), after_help = "\
The id of a token is the `token id` that `l402 token inspect` prints.

Examples:
  l402 revoke --token 00017c2d...(64 digits)
  l402 revoke --payment 5f0c91aa...(64 digits) --config l402.toml
  l402 revoke --service weather
  l402 revoke --service weather --before 2026-11-30T12:00:00Z
  l402 revoke --list --json | jq .revocations[].token")]
pub(crate) struct Revoke {
    /// End this token: 64 hex digits, or the 132 of its whole identifier
    #[arg(long, value_name = "ID", group = "what", value_parser = revoke::token_id, conflicts_with_all = ["payment", "service", "before"])]
    token: Option<TokenId>,

    /// End all tokens of this payment: its hash, 64 hex digits
    #[arg(long, value_name = "HASH", group = "what", value_parser = revoke::payment_hash, conflicts_with_all = ["service", "before"])]
    payment: Option<PaymentHash>,

    /// End all tokens of this service that were minted until now, or before --before
    #[arg(long, value_name = "NAME", group = "what")]
    service: Option<Service>,

    /// End all tokens that were minted before this time, such as 2026-11-30T12:00:00Z
    #[arg(long, value_name = "TIME", group = "what", value_parser = revoke::time)]
    before: Option<UnixTime>,

    /// Show what was revoked, and change nothing
    #[arg(long, group = "what", conflicts_with_all = ["token", "payment", "service", "before", "yes"])]
    list: bool,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    stores: StoreArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl Revoke {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let (out, now) = (self.output.open(), context.clock.wall());
        if self.list {
            let all = self.stores.with_register(context, revoke::all).await?;
            out.result(&report::list(&all), || report::list_text(&all))?;
            return Ok(exit_code::OK);
        }
        let what = self.what(now)?;
        if let Some(question) = revoke::question(&what).filter(|_| !self.yes)
            && !confirm(&question, "this ends many tokens at once").await?
        {
            return Err(CliError::usage("nothing was revoked"));
        }
        let done = self.stores.with_register(context, move |register| {
            revoke::revoke(register, &what, now)
        });
        let done = done.await?;
        out.result(&report::done(&done), || report::done_text(&done))?;
        Ok(exit_code::OK)
    }

    /// Returns what is to be ended.
    fn what(&self, now: UnixTime) -> Result<What, CliError> {
        let before = self.before.unwrap_or(now);
        if before > now {
            let text = format!("--before {} has not come yet", before.to_rfc3339());
            return Err(CliError::usage(text).with_hint("name a time that has passed"));
        }
        Ok(match (self.token, self.payment) {
            (Some(token), _) => What::Token(token),
            (None, Some(payment)) => What::Payment(payment),
            (None, None) => What::Minted {
                before,
                service: self.service.clone(),
            },
        })
    }
}

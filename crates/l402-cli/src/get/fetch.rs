//! One request from its flags to the delivery of its answer, with the errors on the way.

use std::sync::Arc;
use std::time::Duration;

use l402_client::{Client, Error, Journal, Limits, Outgoing, Quote, Request};
use l402_lightning::NodeForm;
use serde_json::json;

use super::answer::{AGAIN, Shown};
use super::args::GetArgs;
use super::ask::{Asking, Stage, describe};
use super::file::{ReceiptFile, Sink, closed_stdout};
use super::request::shell_word;
use crate::buyer::open_wallet;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::outgoing;
use crate::text::output;

/// Fetches the URL within the time that `-m` allows, and pays what it asks within the limits.
pub(crate) async fn fetch(args: &GetArgs, context: &Context) -> Result<ExitCode, CliError> {
    // Of every failure it is known here whether money moved, whoever found it.
    attempt(args, context).await.map_err(CliError::with_promise)
}

async fn attempt(args: &GetArgs, context: &Context) -> Result<ExitCode, CliError> {
    let request = args.request.build(&args.url)?;
    let progress = Arc::new(Asking::new(args.yes, args.confirm_above, args.silent));
    let call = args.call(request, &progress, context);
    let outcome = match args.max_time() {
        // The payment itself cannot be called back; the next run finds out what became of it.
        Some(limit) => tokio::time::timeout(limit, call)
            .await
            .unwrap_or_else(|_| Err(too_late(limit, progress.stage()))),
        None => call.await,
    };
    outcome.inspect_err(|_| progress.clear())
}

impl GetArgs {
    /// Makes the whole call, from opening the wallet to the end of the body.
    async fn call(
        &self,
        request: Request,
        progress: &Arc<Asking>,
        context: &Context,
    ) -> Result<ExitCode, CliError> {
        let outgoing = outgoing::to(&request.url, self.location)?;
        let journal = Journal::open(&context.home.client()?)?;
        let client = self.client((journal, outgoing), progress, context).await?;
        if self.dry_run {
            return self.quote(&client, request).await;
        }
        // Files that cannot be written are found before money moves.
        let receipt = self
            .receipt
            .as_deref()
            .map(ReceiptFile::prepare)
            .transpose()?;
        let sink = Sink::open(self.output.as_deref())?;
        if sink.is_closed() {
            // Asked without a credential: one that was paid for before would be used up in vain, too.
            let quote = client.quote(request).await?;
            return quote.map_or(Ok(exit_code::OK), |_| Err(closed_stdout()));
        }
        let outcome = client.send(request).await;
        let response = outcome.map_err(|error| self.explain(error, context))?;
        let kept = match (&receipt, response.receipt()) {
            (Some(file), Some(bought)) => file.commit(&bought.to_json()),
            _ => Ok(()),
        };
        let code = self.shown().deliver(response, sink).await?;
        // A receipt that cannot be written is no reason to withhold what was paid for.
        kept.map(|()| code)
    }

    const fn shown(&self) -> Shown<'_> {
        Shown {
            include: self.include,
            fail: self.fail,
            write_out: self.write_out.as_ref(),
        }
    }

    async fn client(
        &self,
        (journal, outgoing): (Journal, Outgoing),
        progress: &Arc<Asking>,
        context: &Context,
    ) -> Result<Client, CliError> {
        let mut client = Client::builder(journal)
            .limits(self.spending.limits())
            .outgoing(outgoing)
            .clock(context.clock.clone())
            .progress(progress.clone())
            .follow_redirects(self.location)
            .keep_method_on_redirect(self.request.forces_method())
            .payment_deadline(self.payment_timeout)
            .danger_allow_plain_http(self.danger_plain_http);
        // For the client, too: its own limit of 60 s would end a call that has more time.
        if let Some(limit) = self.max_time() {
            client = client.timeout(limit);
        }
        if let Some(node) = &self.spending.wallet {
            client = client.wallet(open_wallet(node, context).await?);
        }
        Ok(client.build()?)
    }

    /// `--dry-run`: the price, and whether the limits would allow it.
    async fn quote(&self, client: &Client, request: Request) -> Result<ExitCode, CliError> {
        let quote = client.quote(request).await?;
        let limits = self.spending.limits();
        let value = match &quote {
            Some(quote) => quote_json(quote, &limits),
            None => json!({ "price_msat": 0, "payment_required": false }),
        };
        let out = output::OutputArgs::default().open();
        out.result(&value, || match &quote {
            Some(quote) => describe(quote) + "\n",
            None => "nothing to pay: the server answers without payment\n".to_owned(),
        })?;
        if !self.silent {
            output::tell("dry run: nothing was paid");
        }
        Ok(exit_code::OK)
    }

    /// Turns an error of the client into one of the program. Without a wallet, its hint is the command
    /// that pays the price.
    fn explain(&self, error: Error, context: &Context) -> CliError {
        let Error::PaymentRequired(quote) = &error else {
            return error.into();
        };
        let text = format!("{}; no wallet was given; no money moved", describe(quote));
        // An invoice of regtest is the sandbox's; any other needs a real wallet.
        let play_money = l402::Invoice::decode(&quote.invoice)
            .is_ok_and(|invoice| invoice.network == l402::Network::Regtest);
        let wallet = if play_money {
            format!("--wallet {}", NodeForm::SANDBOX.pattern)
        } else {
            format!("--wallet '{}'", NodeForm::LND.pattern)
        };
        let Context { program, home, .. } = context;
        let (home, url) = (home.as_option(), shell_word(&self.url));
        // Other flags are not repeated, for headers and data may be secret.
        let dots = if self.request.is_plain() { "" } else { " ..." };
        CliError::new(exit_code::PAYMENT_REQUIRED, "payment_required", text).with_hint(format!(
            "to pay it, add a wallet to the same command:\n  {program} {home}get{dots} {url} {wallet}"
        ))
    }
}

fn quote_json(quote: &Quote, limits: &Limits) -> serde_json::Value {
    let cost = quote.amount.saturating_add(quote.max_fee);
    json!({
        "payment_required": true,
        "origin": quote.origin,
        "price_msat": quote.amount.msat(),
        "max_fee_msat": quote.max_fee.msat(),
        "within_max_price": cost <= limits.per_request,
        "payment_hash": quote.payment_hash.to_string(),
        "payee": quote.payee,
        "description": l402::text::escape(&quote.description),
        "expires": quote.expires.secs(),
        "policy": quote.policy.map(|policy| policy.to_string()),
    })
}

/// Returns the error for the end of the time of `-m`, which depends on the stage of the payment.
fn too_late(limit: Duration, stage: Stage) -> CliError {
    let text = format!("the call was not over after {limit:?}");
    let error = |exit, code, what: &str| CliError::new(exit, code, format!("{text}; {what}"));
    match stage {
        Stage::Unpaid => error(exit_code::UNAVAILABLE, "transport", "no money moved"),
        Stage::Paying => error(
            exit_code::PAYMENT_UNKNOWN,
            "payment_unknown",
            "the wallet was still paying, and nobody knows yet whether the money moved",
        )
        .after_money_moved()
        .with_hint(
            "do not pay again by other means: run the same command later, it looks the payment \
             up and goes on",
        ),
        Stage::Paid => error(
            exit_code::PAID_NO_ANSWER,
            "paid_but_failed",
            "it was paid for, and the answer was not had",
        )
        .after_money_moved()
        .with_hint(AGAIN),
    }
}

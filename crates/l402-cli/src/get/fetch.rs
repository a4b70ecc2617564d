//! One request from its flags to the delivery of its answer, with the errors on the way.

use std::sync::Arc;
use std::time::Duration;

use l402::{Msat, UnixTime};
use l402_client::{Client, ClientBuilder, Error, Journal, Price, Quote, Refused, Request};
use l402_lightning::NodeForm;
use serde_json::json;

use super::answer::{AGAIN, Shown, USED_UP};
use super::args::GetArgs;
use super::ask::{Asking, Stage, describe};
use super::file::{ReceiptFile, Sink, closed_stdout};
use super::request::shell_word;
use crate::buyer::{
    ClientConfig, no_wallet_hint, open_default, open_wallet, own_addresses, wrong_network_hint,
};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::outgoing;
use crate::signal::{Interrupt, StopSignal};
use crate::text::output;

/// Fetches the URL within the time that `-m` allows, and pays what it asks within the limits.
pub(crate) async fn fetch(args: &GetArgs, context: &Context) -> Result<ExitCode, CliError> {
    // Of every failure it is known here whether money moved, whoever found it.
    attempt(args, context).await.map_err(CliError::with_promise)
}

async fn attempt(args: &GetArgs, context: &Context) -> Result<ExitCode, CliError> {
    let request = args.request.build(&args.url)?;
    let progress = Arc::new(Asking::new(args.yes, args.confirm_above, args.silent));
    let mut interrupt = Interrupt::listen()?;
    let ended = {
        let call = std::pin::pin!(args.call(request, &progress, context));
        tokio::select! {
            outcome = call => Ok(outcome),
            signal = interrupt.caught() => Err(Cut::Signal(signal)),
            limit = time_out(args.max_time()) => Err(Cut::Time(limit)),
        }
    };
    // Only once the call is dropped: up to then it may still come to the payment. The payment itself
    // cannot be called back; the next run finds out what became of it.
    let outcome = ended.unwrap_or_else(|cut| Err(cut.error(progress.stage())));
    outcome.inspect_err(|_| progress.clear())
}

/// Waits for the end of the time of `-m`, for ever without one.
async fn time_out(limit: Option<Duration>) -> Duration {
    match limit {
        Some(limit) => {
            tokio::time::sleep(limit).await;
            limit
        }
        None => std::future::pending().await,
    }
}

/// The reason why a call was ended before it was over.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Signal(StopSignal),
    /// The time of `-m` is over.
    Time(Duration),
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
        let config = ClientConfig::read(context)?;
        let journal = Journal::open(&context.home.client()?)?;
        let budget = self.spending.budget(&journal)?;
        let limits = self.spending.limits(&config);
        let most = journal.request_limit(&budget, &limits)?;
        let client = Client::builder(journal.clone())
            .limits(limits)
            .budget(budget)
            .outgoing(outgoing)
            .keep_answers(config.vault.limits());
        let client = self.client(client, progress, context).await?;
        if self.dry_run {
            return self.price(&client, request, most).await;
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
        let mut response = outcome.map_err(|error| {
            let hint = config.hint(&error);
            let told = self.explain(error, context);
            hint.into_iter().fold(told, CliError::with_hint)
        })?;
        let recording = match &receipt {
            Some(_) => response.record().await,
            None => None,
        };
        let shown = self.shown(context.clock.wall());
        let delivered = shown.deliver(response, sink).await;
        // Only now: the receipt names the digest of the whole answer. One that cannot be written is no
        // reason to withhold what was paid for, and an answer that broke off is none to have no receipt.
        let written = match (&receipt, recording) {
            (Some(file), Some(recording)) => file.write(&recording, &journal, context),
            _ => Ok(()),
        };
        delivered.and_then(|code| written.map(|()| code))
    }

    const fn shown(&self, now: UnixTime) -> Shown<'_> {
        Shown {
            include: self.include,
            fail: self.fail,
            silent: self.silent,
            write_out: self.write_out.as_ref(),
            now,
        }
    }

    async fn client(
        &self,
        client: ClientBuilder,
        progress: &Arc<Asking>,
        context: &Context,
    ) -> Result<Client, CliError> {
        let mut client = client
            .clock(context.clock.clone())
            .progress(progress.clone())
            .follow_redirects(self.location)
            .keep_method_on_redirect(self.request.forces_method())
            .payment_deadline(self.payment_timeout)
            .accept_body_challenge(self.accept_body_challenge)
            .buy_despite_stop(self.yes)
            .own_addresses(own_addresses(self.spending.wallet.as_ref(), context))
            .danger_allow_plain_http(self.danger_plain_http);
        let began = context.clock.monotonic();
        let wallet = match &self.spending.wallet {
            Some(node) => Some(open_wallet(node, context).await?),
            None => open_default(context).await?,
        };
        if let Some(wallet) = wallet {
            client = client.wallet(wallet);
        }
        if let Some(limit) = self.max_time() {
            // For the client, too: its own limit of 60 s would end a call that has more time.
            // Without what opening the wallet took: a wait must not outlast the call.
            let left = limit.saturating_sub(context.clock.monotonic().saturating_sub(began));
            client = client.timeout(limit).rate_limit_patience(left);
        }
        Ok(client.build()?)
    }

    /// `--dry-run`: the price, and whether the limits would allow it.
    async fn price(
        &self,
        client: &Client,
        request: Request,
        most: Msat,
    ) -> Result<ExitCode, CliError> {
        let price = client.price(request).await?;
        let out = output::OutputArgs::default().open();
        out.result(&price_json(&price, most), || price_text(&price))?;
        if !self.silent {
            output::tell("dry run: nothing was paid");
        }
        match price {
            Price::Unknown {
                status,
                retry_after,
            } => Err(no_price(status, retry_after)),
            _ => Ok(exit_code::OK),
        }
    }

    /// Turns an error of the client into one of the program. Without a wallet, its hint is the command
    /// that pays the price.
    fn explain(&self, error: Error, context: &Context) -> CliError {
        let quote = match &error {
            Error::PaymentRequired(quote) => quote,
            Error::Refused {
                reason: Refused::WrongNetwork,
                ..
            } => return CliError::from(error).with_hint(wrong_network_hint(context)),
            _ => return error.into(),
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
        let mut hint = format!(
            "to pay it, add a wallet to the same command:\n  {program} {home}get{dots} {url} {wallet}"
        );
        if let Some(there) = no_wallet_hint(context) {
            hint = format!("{hint}\n{there}");
        }
        CliError::new(exit_code::PAYMENT_REQUIRED, "payment_required", text).with_hint(hint)
    }
}

fn price_json(price: &Price, most: Msat) -> serde_json::Value {
    match price {
        Price::Asked(quote) => quote_json(quote, most),
        Price::Unknown {
            status,
            retry_after,
        } => json!({
            "payment_required": null,
            "price_msat": null,
            "status": status,
            "retry_after": retry_after.map(|wait| wait.as_secs()),
        }),
        // Any further kind would be told by an error.
        _ => json!({ "price_msat": 0, "payment_required": false }),
    }
}

fn price_text(price: &Price) -> String {
    match price {
        Price::Asked(quote) => describe(quote) + "\n",
        Price::Unknown { .. } => String::new(),
        _ => "nothing to pay: the server answers without payment\n".to_owned(),
    }
}

/// Returns the error of a dry run that found neither a price nor a free answer.
fn no_price(status: u16, retry_after: Option<Duration>) -> CliError {
    let text = format!("no price: the server answered {status}; no money moved");
    let hint = match (status, retry_after) {
        (_, Some(wait)) => format!(
            "it asks to wait {} s; -m SECONDS waits and asks again after a 429",
            wait.as_secs()
        ),
        (300..=399, None) => "-L follows redirects".to_owned(),
        _ => "without --dry-run the answer itself is shown, and a price is paid".to_owned(),
    };
    CliError::new(exit_code::NO_PRICE, "no_price", text).with_hint(hint)
}

fn quote_json(quote: &Quote, most: Msat) -> serde_json::Value {
    let cost = quote.amount.saturating_add(quote.max_fee);
    json!({
        "payment_required": true,
        "origin": quote.origin,
        "price_msat": quote.amount.msat(),
        "max_fee_msat": quote.max_fee.msat(),
        "within_max_price": cost <= most,
        "payment_hash": quote.payment_hash.to_string(),
        "payee": quote.payee,
        "description": l402::text::escape(&quote.description),
        "expires": quote.expires.secs(),
        "policy": quote.policy.map(|policy| policy.to_string()),
    })
}

impl Cut {
    /// Returns the error, which depends on the stage of the payment.
    fn error(self, stage: Stage) -> CliError {
        let (text, exit, code) = match self {
            Self::Time(limit) => (
                format!("the call was not over after {limit:?}"),
                exit_code::UNAVAILABLE,
                "transport",
            ),
            Self::Signal(StopSignal::Interrupt) => (
                "ended by Ctrl-C".to_owned(),
                exit_code::INTERRUPTED,
                "interrupted",
            ),
            Self::Signal(StopSignal::Terminate) => (
                "ended by a signal".to_owned(),
                exit_code::TERMINATED,
                "terminated",
            ),
        };
        match stage {
            Stage::Unpaid => CliError::new(exit, code, format!("{text}; no money moved")),
            stage => cut_after_approval(&text, stage),
        }
    }
}

fn cut_after_approval(text: &str, stage: Stage) -> CliError {
    let error = |exit, code, what: &str| CliError::new(exit, code, format!("{text}; {what}"));
    match stage {
        Stage::Unpaid | Stage::Paying => error(
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
        Stage::UsedUp => error(
            exit_code::PAID_REFUSED,
            "paid_refused",
            "it was paid for, a redirect has used the payment up, and the answer was not had",
        )
        .after_money_moved()
        .with_hint(USED_UP),
    }
}

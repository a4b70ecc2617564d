//! One call from its flags to the delivery of its answer.

use std::sync::Arc;
use std::time::Duration;

use l402::{Msat, UnixTime};
use l402_client::{Client, ClientBuilder, Error, Journal, Price, Quote, Refused, Request};
use l402_lightning::NodeForm;
use serde_json::json;

use super::answer::Shown;
use super::args::GetArgs;
use super::ask::{Asking, describe};
use super::cookies::Jar;
use super::file::{ReceiptFile, closed_stdout};
use super::request::{Prepared, shell_word};
use super::retry::Again;
use super::trace::Trace;
use crate::buyer::{
    ClientConfig, WalletFailure, no_wallet_hint, own_addresses, with_late_wallet,
    wrong_network_hint,
};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::output;

impl GetArgs {
    /// Makes the whole call, from opening the wallet to the end of the body.
    pub(super) async fn call(
        &self,
        prepared: Prepared,
        progress: &Arc<Asking>,
        again: &mut Option<Again>,
        context: &Context,
    ) -> Result<ExitCode, CliError> {
        let Prepared {
            request,
            cookies,
            resumes_at,
            goes_on_with,
        } = prepared;
        let config = ClientConfig::read(context)?;
        let outgoing = self.transport.outgoing(&request.url, self.location)?;
        let journal = Journal::open(&context.home.client()?)?;
        let (client, most) = self.spending.client(journal.clone(), outgoing, &config)?;
        let mut client = client.keep_answers(config.vault.limits());
        if let Some(cookies) = &cookies {
            client = client.cookies(cookies.clone());
        }
        let (client, wallet) = self.client(client, progress, context)?;
        if self.dry_run {
            return self.price(&client, request, most, &wallet).await;
        }
        // Files that cannot be written are found before money moves.
        let receipt = self.receipt_file()?;
        let heads = self.save.heads()?;
        let sink = self.save.sink(&request.url)?;
        if sink.is_closed() {
            // Asked without a credential: one that was paid for before would be used up in vain, too.
            let quote = client.quote(request).await;
            let quote = quote.map_err(|error| wallet.explained(error))?;
            return quote.map_or(Ok(exit_code::OK), |_| Err(closed_stdout()));
        }
        let outcome = client.send(request).await;
        let mut response = outcome.map_err(|error| {
            *again = Again::of_error(&error);
            self.cli_error(error, (&config, &wallet), context)
        })?;
        *again = Again::of_answer(&response, context.clock.wall());
        let recording = match &receipt {
            Some(_) => response.record().await,
            None => None,
        };
        let shown = Shown {
            resumes_at,
            goes_on_with,
            ..self.shown(context.clock.wall())
        };
        let delivered = shown.deliver(response, heads, sink).await;
        let delivered = with_cookies(delivered, cookies.as_deref());
        // Only now: the receipt names the digest of the whole answer. One that cannot be written is no
        // reason to withhold what was paid for, and an answer that broke off is none to have no receipt.
        let written = match (&receipt, recording) {
            (Some(file), Some(recording)) => file.write(&recording, &journal, context),
            _ => Ok(()),
        };
        delivered.and_then(|code| written.map(|()| code))
    }

    fn receipt_file(&self) -> Result<Option<ReceiptFile>, CliError> {
        let file = self.receipt.as_deref();
        file.map(ReceiptFile::prepare).transpose()
    }

    /// Returns an error of the client in the words of the program, with what `client.toml` has to do
    /// with it.
    fn cli_error(
        &self,
        error: Error,
        (config, wallet): (&ClientConfig, &WalletFailure),
        context: &Context,
    ) -> CliError {
        let hint = config.hint(&error);
        let told = self.explain(error, wallet, context);
        hint.into_iter().fold(told, CliError::with_hint)
    }

    fn shown(&self, now: UnixTime) -> Shown<'_> {
        Shown {
            include: self.include || self.request.asks_for_head(),
            fail: self.fail,
            fail_with_body: self.fail_with_body,
            max_size: self.save.max_size(),
            silent: self.silent,
            write_out: self.write_out.as_ref(),
            now,
            head_only: self.request.asks_for_head(),
            unpacks: self.request.unpacks(),
            resumes_at: None,
            goes_on_with: None,
        }
    }

    fn client(
        &self,
        client: ClientBuilder,
        progress: &Arc<Asking>,
        context: &Context,
    ) -> Result<(Client, WalletFailure), CliError> {
        let (client, wallet) = with_late_wallet(client, self.spending.wallet.as_ref(), context)?;
        let mut client = client
            .clock(context.clock.clone())
            .progress(progress.clone())
            .follow_redirects(self.location)
            .max_redirects(self.max_redirects())
            .danger_pay_unverified(self.yes)
            .keep_method_on_redirect(self.request.forces_method())
            .payment_deadline(self.payment_timeout)
            .accept_body_challenge(self.accept_body_challenge)
            .buy_despite_stop(self.yes)
            .accept_new_payee(self.yes)
            .allow_addresses(self.allow_address.iter().cloned())
            .own_addresses(own_addresses(self.spending.wallet.as_ref(), context))
            .danger_allow_plain_http(self.danger_plain_http);
        if self.verbose {
            client = client.watch(Arc::new(Trace::beside(progress)));
        }
        if let Some(limit) = self.max_time() {
            // For the client, too: its own limit of 60 s would end a call that has more time.
            client = client.timeout(limit).rate_limit_patience(limit);
        }
        Ok((client.build()?, wallet))
    }

    /// `--dry-run`: the price, and whether the limits would allow it.
    async fn price(
        &self,
        client: &Client,
        request: Request,
        most: Msat,
        wallet: &WalletFailure,
    ) -> Result<ExitCode, CliError> {
        let price = client.price(request).await;
        let price = price.map_err(|error| wallet.explained(error))?;
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
    fn explain(&self, error: Error, wallet: &WalletFailure, context: &Context) -> CliError {
        let quote = match &error {
            Error::PaymentRequired(quote) => quote,
            Error::Refused {
                reason: Refused::WrongNetwork,
                ..
            } => return CliError::from(error).with_hint(wrong_network_hint(context)),
            _ => return wallet.explained(error),
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
        let (home, url) = (home.as_option(), shell_word(self.url()));
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

/// Writes the file of `-c` behind an answer, also behind an error of the server. But not if the answer
/// could not be written: with the same cookies, the next run asks for the answer that was kept.
fn with_cookies(
    delivered: Result<ExitCode, CliError>,
    cookies: Option<&Jar>,
) -> Result<ExitCode, CliError> {
    let is_lost = matches!(&delivered, Err(error) if [
        exit_code::LOCAL_IO,
        exit_code::PAID_NO_ANSWER,
        exit_code::UNAVAILABLE,
    ]
    .contains(&error.exit_code()));
    let saved = match cookies {
        Some(cookies) if !is_lost => cookies.save(),
        _ => Ok(()),
    };
    let code = delivered?;
    saved.map(|()| code).map_err(CliError::after_money_moved)
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
        "payee_before": quote.payee_before,
        "description": l402::text::escape(&quote.description),
        "expires": quote.expires.secs(),
        "policy": quote.policy.map(|policy| policy.to_string()),
    })
}

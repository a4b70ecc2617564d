//! `l402 get`: fetch a URL, pay what it asks within the limits.

mod ask;
mod file;
pub(super) mod request;
mod write_out;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use l402::Msat;
use l402_client::{Client, Error, Journal, Limits, Quote, Request, Response};
use serde_json::json;

use crate::exit_code::{self, ExitCode};
use crate::money::{SpendingArgs, duration};
use crate::output;
use crate::{CliError, Context};
use ask::Asking;
use file::{OutputFile, ReceiptFile};
use request::RequestArgs;
use write_out::{Facts, WriteOut};

/// Fetch a URL, as curl does, and pay what it asks
///
/// The body, and nothing else, goes to stdout; progress and hints go to stderr. Nothing is paid
/// without --wallet, beyond the limits, or for a challenge that does not hold together. No
/// request is paid twice: what was paid and not answered is used by the next run.
#[derive(Args, Debug)]
#[command(after_help = "\
The flags -X -d -H -o -i -s -L -w -A -m --json --fail mean what they mean to curl; so --json takes
the data to send. Variables of -w, written %{name}: http_code, url_effective, size_download,
content_type, l402_price_msat, l402_paid_msat, l402_payment_hash.

Examples:
  l402 get http://127.0.0.1:8402/api/l402/joke --dry-run       ask the price
  l402 get http://127.0.0.1:8402/api/l402/joke --wallet sandbox
  l402 get URL --wallet sandbox --max-price \"20 sat\" -o answer.json --receipt receipt.json
  l402 get URL --wallet sandbox --json '{\"q\":\"why\"}' -sw '%{http_code} %{l402_paid_msat}\\n'
  export L402_WALLET='lnd://127.0.0.1:8080?tls_cert=tls.cert&macaroon=pay.macaroon'")]
pub(crate) struct Get {
    /// What to fetch
    url: String,

    #[command(flatten)]
    request: RequestArgs,

    /// Write the body to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write the head of the answer before the body
    #[arg(short, long)]
    include: bool,

    /// Show no progress and no errors, except about money
    #[arg(short, long)]
    silent: bool,

    /// With -s, show errors all the same
    #[arg(short = 'S', long)]
    show_error: bool,

    /// Follow redirects; a credential never crosses origins
    #[arg(short = 'L', long)]
    location: bool,

    /// Write this to stdout after the body
    #[arg(short, long, value_name = "FORMAT")]
    write_out: Option<WriteOut>,

    /// Exit with 22 and show no body where the status is 400 or above
    #[arg(short, long)]
    fail: bool,

    /// The longest that the exchange may take, in seconds; a payment is not broken off by it
    #[arg(short, long, value_name = "SECONDS", value_parser = duration)]
    max_time: Option<Duration>,

    #[command(flatten)]
    spending: SpendingArgs,

    /// Show what it would cost, pay nothing
    #[arg(long)]
    dry_run: bool,

    /// Pay within the limits without asking
    #[arg(long)]
    yes: bool,

    /// On a terminal, ask before paying more
    #[arg(long, value_name = "AMOUNT", default_value = "100 sat")]
    confirm_above: Msat,

    /// Write a receipt to this file (JSON)
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,

    /// How long the wallet may take
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    payment_timeout: Duration,

    /// Pay over plain HTTP to other machines: who listens can use what was bought
    #[arg(long)]
    danger_plain_http: bool,
}

impl Get {
    pub(crate) const fn is_silent(&self) -> bool {
        self.silent && !self.show_error
    }

    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let request = self.request.build(&self.url)?;
        let client = self.client(context).await?;
        if self.dry_run {
            return self.quote(&client, request).await;
        }
        // Files that cannot be written are found before money moves.
        let mut receipt = self
            .receipt
            .as_deref()
            .map(ReceiptFile::prepare)
            .transpose()?;
        let mut sink = self.output.as_deref().map(OutputFile::open).transpose()?;
        let outcome = client.send(request).await;
        let response = outcome.map_err(|error| self.explain(error, context))?;
        let kept = match (&mut receipt, response.receipt()) {
            (Some(file), Some(bought)) => file.commit(&bought.to_json()),
            _ => Ok(()),
        };
        let mut stdout = std::io::stdout();
        let code = match &mut sink {
            Some(file) => self.deliver(response, file.start()?, &mut stdout).await?,
            None => {
                self.deliver(response, &mut std::io::stdout(), &mut stdout)
                    .await?
            }
        };
        // A receipt that cannot be written is no reason to withhold what was paid for.
        kept.map(|()| code)
    }

    async fn client(&self, context: &Context) -> Result<Client, CliError> {
        let journal = Journal::open(&context.home.client()?)?;
        let progress = Asking::new(self.yes, self.confirm_above, self.silent);
        let mut client = Client::builder(journal)
            .limits(self.spending.limits())
            .clock(context.clock.clone())
            .progress(Arc::new(progress))
            .follow_redirects(self.location)
            .payment_deadline(self.payment_timeout)
            .danger_allow_plain_http(self.danger_plain_http);
        if let Some(limit) = self.max_time {
            client = client.timeout(limit);
        }
        if let Some(node) = &self.spending.wallet {
            client = client.wallet(super::wallet::open(node, context).await?);
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
            Some(quote) => ask::describe(quote) + "\n",
            None => "nothing to pay: the server answers without payment\n".to_owned(),
        })?;
        if !self.silent {
            output::tell("dry run: nothing was paid");
        }
        Ok(exit_code::OK)
    }

    /// Without a wallet: the price, and exactly what to type to pay it.
    fn explain(&self, error: Error, context: &Context) -> CliError {
        let Error::PaymentRequired(quote) = &error else {
            return error.into();
        };
        let text = format!(
            "{}; no wallet was given; no money moved",
            ask::describe(quote)
        );
        let play_money = l402::Invoice::decode(&quote.invoice)
            .is_ok_and(|invoice| invoice.network == l402::Network::Regtest);
        let wallet = if play_money {
            "--wallet sandbox"
        } else {
            "--wallet 'lnd://HOST:PORT?tls_cert=FILE&macaroon=FILE'"
        };
        let Context { program, home, .. } = context;
        let (home, url) = (home.as_option(), request::shell_word(&self.url));
        let dots = if self.request.is_plain() { "" } else { " ..." };
        CliError::new(exit_code::PAYMENT_REQUIRED, "payment_required", text).with_hint(format!(
            "to pay it, add a wallet to the same command:\n  {program} {home}get{dots} {url} {wallet}"
        ))
    }

    /// Head, body, and what `-w` asks for.
    async fn deliver(
        &self,
        mut response: Response,
        body: &mut dyn Write,
        stdout: &mut dyn Write,
    ) -> Result<ExitCode, CliError> {
        let failed = self.fail && response.status().as_u16() >= 400;
        let mut facts = Facts::of(&response);
        if !failed {
            if self.include {
                write(body, &head(&response), &response)?;
            }
            let copied = self.copy(&mut response, body);
            facts.size_download = match self.max_time {
                Some(limit) => tokio::time::timeout(limit, copied)
                    .await
                    .map_err(|_| broken_off(&facts, "the answer did not end in time"))??,
                None => copied.await?,
            };
        }
        if let Some(format) = &self.write_out {
            write(stdout, format.render(&facts).as_bytes(), &response)?;
        }
        if failed {
            let text = format!("the server answered {}", facts.status);
            return Err(CliError::new(exit_code::HTTP_ERROR, "http_error", text));
        }
        Ok(exit_code::OK)
    }

    async fn copy(&self, response: &mut Response, body: &mut dyn Write) -> Result<u64, CliError> {
        let mut size: u64 = 0;
        let facts = Facts::of(response);
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| broken_off(&facts, &error.to_string()))?
        {
            write(body, &chunk, response)?;
            size = size.saturating_add(chunk.len() as u64);
        }
        Ok(size)
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
        "description": crate::plain::escape(&quote.description),
        "expires": quote.expires.secs(),
        "policy": quote.policy.map(|policy| policy.to_string()),
    })
}

/// The answer ended before its end. What was paid for it is still good.
fn broken_off(facts: &Facts, reason: &str) -> CliError {
    if facts.payment_hash.is_none() {
        return CliError::new(exit_code::UNAVAILABLE, "transport", reason);
    }
    CliError::new(
        exit_code::PAID_NO_ANSWER,
        "paid_but_failed",
        format!("paid, but {reason}"),
    )
    .after_money_moved()
    .with_hint("run the same command again: it uses what was paid for and does not pay twice")
}

fn write(out: &mut dyn Write, bytes: &[u8], response: &Response) -> Result<(), CliError> {
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| {
            let error = CliError::local_io(format!("the answer cannot be written: {error}"));
            if response.receipt().is_none() {
                return error;
            }
            error.after_money_moved().with_hint(
                "run the same command again: it uses what was paid for and does not pay twice",
            )
        })
}

/// The head as it came, each header on its line.
fn head(response: &Response) -> Vec<u8> {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let version = format!("{:?}", response.version());
    let version = version
        .strip_suffix(".0")
        .filter(|v| *v != "HTTP/1")
        .unwrap_or(&version);
    let mut head = format!("{version} {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in response.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

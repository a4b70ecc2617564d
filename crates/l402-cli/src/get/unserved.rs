//! A purchase that was paid and never answered, presented once more. Nothing is paid.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use http::Method;
use l402::Msat;
use l402_client::{AllowedAddress, Client, Entry, Journal, State};

use super::answer::Shown;
use super::ask::Asking;
use super::data::DataArgs;
use super::file::closed_stdout;
use super::request::{RequestArgs, parse_url};
use super::saving::sink_at;
use crate::buyer::{ClientConfig, own_addresses};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::outgoing;
use crate::text::plain::{escape, without_secrets};

/// The methods of a request without data. The journal does not keep the method, only a digest of the
/// request, so each is compared with that.
const BODILESS: [Method; 3] = [Method::GET, Method::HEAD, Method::DELETE];

/// The flags that repeat the request of a purchase, and those that place its answer.
#[derive(Args, Debug)]
pub(crate) struct RepeatArgs {
    /// The URL that was asked, if it had a query: the journal does not keep it
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// The method that was used [default: GET, HEAD or DELETE, whichever it was, or POST with data]
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    method: Option<String>,

    #[command(flatten)]
    data: DataArgs,

    /// Send this as JSON; @FILE reads a file, @- stdin
    #[arg(long, value_name = "DATA")]
    json: Vec<String>,

    /// Send this header, as the request did: "Name: value"; @FILE reads several
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    header: Vec<String>,

    /// Write the body to this file (- is stdout)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Reach this host or network although it is private: a name leads to no other. Can be repeated
    #[arg(long, value_name = "HOST|NETWORK")]
    allow_address: Vec<AllowedAddress>,

    /// Send the credential over plain HTTP to another machine: who listens can use what was bought
    #[arg(long)]
    danger_plain_http: bool,
}

impl RepeatArgs {
    /// Presents the purchase for the request that these flags repeat, and writes the answer out.
    ///
    /// # Errors
    /// If the purchase waits for no answer, was made for another request, or is not answered now.
    pub(crate) async fn resume(
        self,
        (journal, entry): (Journal, &Entry),
        context: &Context,
    ) -> Result<ExitCode, CliError> {
        if entry.is_invoice {
            return Err(nothing_to_fetch(entry));
        }
        if entry.state != State::Paid {
            return Err(not_waiting(entry));
        }
        let url = match self.url {
            Some(url) => url,
            None => format!("{}{}", entry.origin, entry.path),
        };
        let has_data = !self.data.is_empty() || !self.json.is_empty();
        let is_known = self.method.is_some() || has_data;
        let asked = RequestArgs::of_data(self.method, self.data, (self.json, self.header));
        let methods = match is_known {
            true => vec![asked.method()?],
            false => BODILESS.to_vec(),
        };
        let outgoing = outgoing::to(&parse_url(&url)?, false)?;
        // Without a wallet there is nothing that could pay.
        let client = Client::builder(journal)
            .outgoing(outgoing)
            .clock(context.clock.clone())
            .progress(Arc::new(Asking::new(true, Msat::ZERO, false)))
            .keep_answers(ClientConfig::read(context)?.vault.limits())
            .allow_addresses(self.allow_address)
            .danger_allow_plain_http(self.danger_plain_http)
            .own_addresses(own_addresses(None, context))
            .build()?;
        let sink = sink_at(self.output.as_deref(), false)?;
        if sink.is_closed() {
            return Err(closed_stdout());
        }
        for method in &methods {
            let mut request = asked.build(&url)?;
            request.method = method.clone();
            // Nothing is sent for a request that is not the one that was paid for.
            if let Some(answer) = client.resume(entry.payment_hash, request).await? {
                return shown(method, context).deliver(answer, None, sink).await;
            }
        }
        Err(another_request(&methods, has_data, &url))
    }
}

/// Returns what is shown of an answer: its body, or its head if nothing else was asked for.
fn shown(method: &Method, context: &Context) -> Shown<'static> {
    let is_head = method == Method::HEAD;
    Shown {
        include: is_head,
        fail: false,
        fail_with_body: false,
        max_size: None,
        silent: false,
        write_out: None,
        now: context.clock.wall(),
        head_only: is_head,
        unpacks: false,
        resumes_at: None,
        goes_on_with: None,
    }
}

/// Returns the error for an invoice that was paid for itself: there is no server to ask.
fn nothing_to_fetch(entry: &Entry) -> CliError {
    let (hash, state) = (entry.payment_hash, entry.state.name());
    let hint = match entry.state {
        State::Intent | State::Unknown => "`l402 payments resolve` asks the wallet about it",
        _ => {
            "`l402 wallet pay` with the same invoice prints what became of it, and pays nothing twice"
        }
    };
    CliError::usage(format!(
        "{hash} is an invoice without a request ({state}); there is nothing to fetch"
    ))
    .with_hint(hint)
}

fn not_waiting(entry: &Entry) -> CliError {
    let (hash, state) = (entry.payment_hash, entry.state.name());
    let hint = match entry.state {
        State::Intent | State::Unknown => "`l402 payments resolve` asks the wallet about it",
        State::Served => "`l402 tokens show ID` says what is left of it",
        _ => "`l402 payments --unserved` lists what was paid and never answered",
    };
    CliError::usage(format!("{hash} is {state}, and waits for no answer")).with_hint(hint)
}

fn another_request(methods: &[Method], has_data: bool, url: &str) -> CliError {
    let methods: Vec<_> = methods.iter().map(Method::as_str).collect();
    let (methods, place) = (escape(&methods.join(", ")), without_secrets(url));
    let data = if has_data {
        "with these data"
    } else {
        "without data"
    };
    CliError::usage(format!(
        "it was not paid for {methods} of {place} {data}, or another program is presenting it now; \
         nothing was sent"
    ))
    .with_hint(
        "method, query and body must be those of the purchase: -X METHOD, --url URL with its query, \
         -d DATA or --data-binary @FILE",
    )
}

//! A purchase that was paid and never answered, presented once more. Nothing is paid.

use std::path::Path;
use std::sync::Arc;

use l402::Msat;
use l402_client::{Client, Entry, Journal, Request, State};

use super::answer::Shown;
use super::ask::Asking;
use super::file::closed_stdout;
use super::request::parse_url;
use super::saving::sink_at;
use crate::buyer::{ClientConfig, own_addresses};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::outgoing;

/// Presents the purchase for a GET of its place, or of `url`, and writes the answer out.
pub(crate) async fn resume(
    (journal, entry): (Journal, &Entry),
    url: Option<&str>,
    output: Option<&Path>,
    context: &Context,
) -> Result<ExitCode, CliError> {
    if entry.is_invoice {
        return Err(nothing_to_fetch(entry));
    }
    if entry.state != State::Paid {
        return Err(not_waiting(entry));
    }
    let place = format!("{}{}", entry.origin, entry.path);
    let url = parse_url(url.unwrap_or(&place))?;
    let progress = Arc::new(Asking::new(true, Msat::ZERO, false));
    // Without a wallet there is nothing that could pay.
    let client = Client::builder(journal)
        .outgoing(outgoing::to(&url, false)?)
        .clock(context.clock.clone())
        .progress(progress)
        .keep_answers(ClientConfig::read(context)?.vault.limits())
        .own_addresses(own_addresses(None, context))
        .build()?;
    let sink = sink_at(output, false)?;
    if sink.is_closed() {
        return Err(closed_stdout());
    }
    let answer = client.resume(entry.payment_hash, Request::get(url)).await?;
    let answer = answer.ok_or_else(|| another_request(&place))?;
    let shown = Shown {
        include: false,
        fail: false,
        fail_with_body: false,
        max_size: None,
        silent: false,
        write_out: None,
        now: context.clock.wall(),
        head_only: false,
        unpacks: false,
        resumes_at: None,
        goes_on_with: None,
    };
    shown.deliver(answer, None, sink).await
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

fn another_request(place: &str) -> CliError {
    CliError::usage(format!(
        "it was not bought by a plain GET of {place}, or another program is presenting it now"
    ))
    .with_hint(
        "--url names the URL with its query; a request with data or another method is repeated by \
         the same `l402 get` command, which presents what was paid and does not pay twice",
    )
}

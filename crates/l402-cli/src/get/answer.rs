//! The delivery of an answer: head, body, and the values that `-w` asks for.

use std::io::{Write, stdout};

use http::StatusCode;
use l402::UnixTime;
use l402_client::Response;

use super::file::Sink;
use super::write_out::{Facts, WriteOut};
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};

/// The hint for an answer that was paid for and not received.
pub(super) const AGAIN: &str =
    "run the same command again: it uses what was paid for and does not pay twice";

/// The flags that choose the parts of an answer to show.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) include: bool,
    pub(super) fail: bool,
    pub(super) write_out: Option<&'a WriteOut>,
    /// The time of the answer, against which a date in `Retry-After` is read.
    pub(super) now: UnixTime,
}

impl Shown<'_> {
    /// Writes the answer out. With `--fail` and a status of 400 or above, the sink is not started.
    pub(super) async fn deliver(
        &self,
        mut response: Response,
        sink: Sink,
    ) -> Result<ExitCode, CliError> {
        let failed = self.fail && response.status().as_u16() >= 400;
        let mut facts = Facts::of(&response);
        // With `--fail`, the file of `-o` keeps what it held: the body of an error is no answer.
        if !failed {
            let mut body = sink.start().map_err(|error| bought(error, &facts))?;
            if self.include {
                write(&mut body, &head(&response), &facts)?;
            }
            facts.size_download = copy(&mut response, &mut body, &facts).await?;
        }
        // Printed for a failure as well, as curl does: scripts read the status here.
        if let Some(format) = self.write_out {
            write(&mut stdout(), format.render(&facts).as_bytes(), &facts)?;
        }
        if failed {
            return Err(failure(&response));
        }
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            return Err(rate_limited(&response, self.now));
        }
        Ok(exit_code::OK)
    }
}

async fn copy(
    response: &mut Response,
    body: &mut impl Write,
    facts: &Facts,
) -> Result<u64, CliError> {
    let mut size: u64 = 0;
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| broken_off(facts, &error.to_string()))?
    {
        write(body, &chunk, facts)?;
        size = size.saturating_add(chunk.len() as u64);
    }
    Ok(size)
}

/// Returns the error of `--fail`. If this call has paid, the error says so.
fn failure(response: &Response) -> CliError {
    let status = response.status().as_u16();
    let error = |text| CliError::new(exit_code::HTTP_ERROR, "http_error", text);
    match response.receipt().filter(|receipt| !receipt.reused) {
        None => error(format!("the server answered {status}")),
        Some(new) => error(format!(
            "the server answered {status}, after it was paid {} ({})",
            new.paid, new.payment_hash
        ))
        .after_money_moved()
        .with_hint(AGAIN),
    }
}

/// Returns the error for a 429 whose wait is longer than this call may take.
fn rate_limited(response: &Response, now: UnixTime) -> CliError {
    let wait = response.retry_after(now).map_or_else(
        || "does not say how long to wait".to_owned(),
        |wait| format!("asks to wait {} s", wait.as_secs()),
    );
    let text = format!("the server answered 429, too many requests, and {wait}");
    let error = |text| CliError::new(exit_code::RATE_LIMITED, "rate_limited", text);
    match response.receipt() {
        None => error(format!("{text}; no money moved"))
            .with_hint("run the same command later; -m SECONDS waits and asks again"),
        Some(receipt) => {
            let hash = receipt.payment_hash;
            error(format!("{text}; it was paid for ({hash})"))
                .after_money_moved()
                .with_hint(AGAIN)
        }
    }
}

/// Returns the error for an answer that broke off. A credential that was paid for it stays good.
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
    .with_hint(AGAIN)
}

fn write(out: &mut impl Write, bytes: &[u8], facts: &Facts) -> Result<(), CliError> {
    // Flushed piece by piece: the reader of a stream of events waits for each of them.
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| {
            let text = format!("the answer cannot be written: {error}");
            bought(CliError::local_io(text), facts)
        })
}

/// Adds to a local error that the answer was paid for, if it was.
fn bought(error: CliError, facts: &Facts) -> CliError {
    if facts.payment_hash.is_none() {
        return error;
    }
    error.after_money_moved().with_hint(AGAIN)
}

/// Returns the head of the answer as text, each header on a line of its own.
fn head(response: &Response) -> Vec<u8> {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let version = format!("{:?}", response.version());
    // curl writes `HTTP/2` without the zero, but `HTTP/1.0` with it.
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

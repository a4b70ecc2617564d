//! The delivery of an answer: head, body, and the values that `-w` asks for.

use std::io::{Write, stdout};

use l402_client::{Head, Response};

use super::file::Sink;
use super::write_out::{Facts, WriteOut};
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::output::tell;
use crate::text::plain::escape;

/// The hint for an answer that was paid for and not received.
pub(super) const AGAIN: &str =
    "run the same command again: it uses what was paid for and does not pay twice";

/// The flags that choose the parts of an answer to show.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) include: bool,
    pub(super) fail: bool,
    pub(super) write_out: Option<&'a WriteOut>,
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
                // As curl has it: of redirects the heads alone.
                for head in response.redirects().iter().chain([&response.head()]) {
                    write(&mut body, &text(head), &facts)?;
                }
            }
            facts.size_download = copy(&mut response, &mut body, &facts).await?;
        }
        // Printed for a failure as well, as curl does: scripts read the status here.
        if let Some(format) = self.write_out {
            for name in format.unknown() {
                // As curl has it, also with -s.
                tell(&format!("unknown --write-out variable: '{}'", escape(name)));
            }
            write(&mut stdout(), format.render(&facts).as_bytes(), &facts)?;
        }
        if failed {
            return Err(failure(&response));
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
        // Its text says by itself whether the answer was paid for.
        .map_err(CliError::from)?
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

/// Returns the head of an answer as text, each header on a line of its own.
fn text(head: &Head) -> Vec<u8> {
    let version = format!("{:?}", head.version);
    // curl writes `HTTP/2` without the zero, but `HTTP/1.0` with it.
    let version = version
        .strip_suffix(".0")
        .filter(|v| *v != "HTTP/1")
        .unwrap_or(&version);
    let mut text = format!("{version} {} ", head.status.as_u16()).into_bytes();
    text.extend_from_slice(&head.reason);
    text.extend_from_slice(b"\r\n");
    for (name, value) in &head.headers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"\r\n");
    text
}

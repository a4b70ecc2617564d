//! The delivery of an answer: head, body, and the values that `-w` asks for.

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;
use l402::UnixTime;
use l402_client::{Head, Response};

use super::decoding::{Allowance, Encoding, encodings, unpacked};
use super::file::Sink;
use super::resume::Resumed;
use super::use_line::{after_error, use_line};
use super::write_out::{Facts, WriteOut};
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::output::tell;
use crate::text::plain::escape;

/// The hint for an answer that was paid for and not received.
pub(super) const AGAIN: &str =
    "run the same command again: it uses what was paid for and does not pay twice";

/// The hint for an answer whose payment is used up, though the answer is lost.
pub(super) const USED_UP: &str = "the payment is used up: running it again pays again";

/// The hint for a paid answer that could not be written, and is kept.
const KEPT: &str = "the answer is kept for a day: the same command again hands it out, asks nobody and does not \
     pay twice";

/// The most of an answer that is held for the case that it cannot be written, in bytes.
const BEGUN_MAX: usize = 16 * 1024 * 1024;

/// The longest that the body of an error is read for nothing but its end.
const DISCARD_TIME: Duration = Duration::from_secs(10);

/// The flags that choose the parts of an answer to show.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) include: bool,
    pub(super) fail: bool,
    /// With the body of an error, and the same end as with `fail`.
    pub(super) fail_with_body: bool,
    /// The longest body that is taken.
    pub(super) max_size: Option<u64>,
    pub(super) silent: bool,
    pub(super) write_out: Option<&'a WriteOut>,
    /// The time of the answer, against which a date in `Retry-After` is read.
    pub(super) now: UnixTime,
    /// Shows no body, though the method may be one that has one.
    pub(super) head_only: bool,
    /// Unpacks a compressed answer.
    pub(super) unpacks: bool,
    /// The number of bytes that an earlier download has left in the file.
    pub(super) resumes_at: Option<u64>,
    /// The file that the next run goes on with, if it does.
    pub(super) goes_on_with: Option<PathBuf>,
}

/// The reason why a body was not copied to its end.
enum Stopped {
    /// The answer broke off.
    Read(CliError),
    /// The place that it goes to takes no more.
    Write(CliError),
    /// It is longer than is taken.
    TooLong(u64),
}

/// The part of a paid answer that was read, `None` once it is too long to be kept.
struct Begun(Option<Vec<u8>>);

impl Shown<'_> {
    /// Writes the answer out, its heads first if they have a place of their own. With `--fail` and a
    /// status of 400 or above, the sink is not started.
    pub(super) async fn deliver(
        &self,
        mut response: Response,
        heads: Option<Sink>,
        mut sink: Sink,
    ) -> Result<ExitCode, CliError> {
        let is_error = response.status().as_u16() >= 400;
        let failed = self.fail && is_error;
        if let Some(Err(error)) = heads.map(|heads| dump(&response, heads)) {
            return Err(self
                .undelivered(error, response, Begun(Some(Vec::new())))
                .await);
        }
        let mut facts = Facts::of(&response);
        let mut is_wanted = !failed;
        if let Some(at) = self.resumes_at.filter(|_| !failed) {
            match Resumed::of(&response, at) {
                Resumed::Anew => tell("the server sent all of it: the file is written anew"),
                Resumed::Append => sink.append(),
                Resumed::Nothing => is_wanted = false,
                Resumed::Refused(error) => return Err(unresumed(error, &mut response).await),
            }
        }
        // With `--fail`, the file of `-o` keeps what it held: the body of an error is no answer.
        if is_wanted {
            let mut begun = Begun(response.receipt().map(|_| Vec::new()));
            match self.copy(&mut response, sink, &mut begun).await {
                Ok(size) => facts.size_download = size,
                Err(Stopped::Read(error)) => return Err(error),
                Err(Stopped::Write(error)) => {
                    return Err(self.undelivered(error, response, begun).await);
                }
                Err(Stopped::TooLong(most)) => {
                    return Err(self.too_long(response, begun, most).await);
                }
            }
            self.tell_use(&response);
        } else {
            // What is behind an error that used the payment up counts as had, or the next run would take
            // the refusal of a token that is spent for a fault of the seller.
            discard(&mut response).await;
        }
        // Printed for a failure as well, as curl does: scripts read the status here.
        if let Some(format) = self.write_out {
            for name in format.unknown() {
                // As curl has it, also with -s.
                tell(&format!("unknown --write-out variable: '{}'", escape(name)));
            }
            let written = write(&mut stdout(), format.render(&facts).as_bytes());
            written.map_err(|error| bought(error, &facts))?;
        }
        if is_error && (self.fail || self.fail_with_body) {
            return Err(failure(&response));
        }
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            return Err(rate_limited(&response, self.now));
        }
        Ok(exit_code::OK)
    }

    /// Writes head and body, and returns the length of the body.
    async fn copy(
        &self,
        response: &mut Response,
        sink: Sink,
        begun: &mut Begun,
    ) -> Result<u64, Stopped> {
        let most = self.max_size.unwrap_or(u64::MAX);
        if length(response).is_some_and(|length| length > most) {
            return Err(Stopped::TooLong(most));
        }
        let encodings = self.encodings(response).map_err(Stopped::Write)?;
        let mut body = sink.start(response.headers()).map_err(Stopped::Write)?;
        if self.include {
            write_heads(response, &mut body).map_err(Stopped::Write)?;
        }
        if self.head_only {
            discard(response).await;
            return Ok(0);
        }
        let allowance = Allowance::new(self.max_size);
        let mut body = unpacked(body, &encodings, &allowance);
        let mut size: u64 = 0;
        while let Some(chunk) = response
            .chunk()
            .await
            // Its text says by itself whether the answer was paid for.
            .map_err(|error| Stopped::Read(error.into()))?
        {
            size = size.saturating_add(chunk.len() as u64);
            // Before it is written: a piece that cannot be is part of the answer as well.
            begun.add(&chunk);
            if size > most {
                return Err(Stopped::TooLong(most));
            }
            if self.max_size.is_none() {
                allowance.grow(chunk.len());
            }
            let written = body.write_all(&chunk).and_then(|()| body.flush());
            written.map_err(|error| self.stopped(&error))?;
        }
        // Nothing at all, as behind a 304, is nothing that is cut short.
        if size > 0 {
            body.finish().map_err(|error| self.stopped(&error))?;
        }
        Ok(size)
    }

    /// Returns the reason why a writer took no more.
    fn stopped(&self, error: &std::io::Error) -> Stopped {
        match self.max_size {
            Some(most) if error.kind() == std::io::ErrorKind::FileTooLarge => {
                Stopped::TooLong(most)
            }
            _ => Stopped::Write(unwritable(error)),
        }
    }

    /// Returns the encodings to take off. What is paid for and packed in a way that is not known here is
    /// written as it came.
    fn encodings(&self, response: &Response) -> Result<Vec<Encoding>, CliError> {
        if !self.unpacks {
            return Ok(Vec::new());
        }
        let unknown = match encodings(response.headers()) {
            Ok(found) => return Ok(found),
            Err(unknown) => escape(&unknown),
        };
        let text = format!("the answer is packed in a way that is not known here: {unknown}");
        if response.receipt().is_none() {
            let error = CliError::new(exit_code::UNAVAILABLE, "transport", text);
            return Err(error.with_hint("without --compressed it is written as it comes"));
        }
        tell(&format!("{text}; it is written as it came"));
        Ok(Vec::new())
    }

    /// Says on stderr what became of the payment behind an answer, as far as the server tells.
    fn tell_use(&self, response: &Response) {
        let Some(receipt) = response.receipt() else {
            return;
        };
        let status = response.status().as_u16();
        let is_about_money = status >= 400 && !receipt.reused;
        if self.silent && !is_about_money {
            return;
        }
        if let Some(text) = use_line(status, receipt, response.is_used_up()) {
            tell(&text);
        }
    }
}

/// Reads the body of an error that is not shown, within bounds.
async fn discard(response: &mut Response) {
    let read = async {
        let mut size = 0;
        while let Ok(Some(piece)) = response.chunk().await {
            size += piece.len();
            if size > BEGUN_MAX {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(DISCARD_TIME, read).await;
}

impl Begun {
    fn add(&mut self, piece: &[u8]) {
        match &mut self.0 {
            Some(held) if held.len() + piece.len() <= BEGUN_MAX => held.extend_from_slice(piece),
            too_long => *too_long = None,
        }
    }
}

impl Shown<'_> {
    /// Adds to the error of a paid answer that cannot be written what the next run does.
    async fn undelivered(&self, error: CliError, response: Response, begun: Begun) -> CliError {
        if response.receipt().is_none() {
            return error;
        }
        error
            .after_money_moved()
            .with_hint(self.keep(response, begun).await)
    }

    /// Keeps the rest of a paid answer that is not delivered, and returns what the next run does.
    async fn keep(&self, response: Response, begun: Begun) -> &'static str {
        let is_used_up = response.is_used_up();
        let kept = match begun.0 {
            Some(begun) => response.keep_rest(begun).await,
            None => false,
        };
        if kept {
            self.go_back();
        }
        match kept {
            true => KEPT,
            false if is_used_up => USED_UP,
            false => AGAIN,
        }
    }

    /// Returns the error for a body that is longer than `--max-filesize`. One that was paid for is kept
    /// for the next run, if it is not too long for that, too.
    async fn too_long(&self, response: Response, begun: Begun, most: u64) -> CliError {
        let text = format!("the answer is longer than the {most} bytes of --max-filesize");
        let Some(receipt) = response.receipt() else {
            return CliError::new(exit_code::LOCAL_IO, "max_filesize", text);
        };
        let text = format!("{text}; it was paid for ({})", receipt.payment_hash);
        CliError::new(exit_code::PAID_NO_ANSWER, "max_filesize", text)
            .after_money_moved()
            .with_hint(match self.keep(response, begun).await {
                USED_UP => USED_UP.to_owned(),
                hint => format!("give a larger --max-filesize; {hint}"),
            })
    }

    /// Gives the file of `-C` the length that it had: what is there decides what the next run asks for,
    /// and only the same request is handed the answer that is kept.
    fn go_back(&self) {
        let Some(path) = &self.goes_on_with else {
            return;
        };
        let file = std::fs::OpenOptions::new().write(true).open(path);
        let cut = file.and_then(|file| file.set_len(self.resumes_at.unwrap_or(0)));
        if let Err(error) = cut {
            tracing::warn!(path = %path.display(), %error, "the file keeps a part of the answer");
        }
    }
}

/// Writes the heads to their own place.
fn dump(response: &Response, heads: Sink) -> Result<(), CliError> {
    write_heads(response, &mut heads.start(response.headers())?)
}

/// Writes the heads of the redirects and of the answer, as curl has it.
fn write_heads(response: &Response, out: &mut impl Write) -> Result<(), CliError> {
    let last = response.head();
    let mut heads = response.redirects().iter().chain([&last]);
    heads.try_for_each(|head| write(out, &text(head)))
}

/// Returns the length of the body, if the head tells it.
fn length(response: &Response) -> Option<u64> {
    let value = response.headers().get(http::header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
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
        .with_hint(after_error(new, response.is_used_up())),
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
                .with_hint(if response.is_used_up() {
                    USED_UP
                } else {
                    AGAIN
                })
        }
    }
}

fn write(out: &mut impl Write, bytes: &[u8]) -> Result<(), CliError> {
    // Flushed piece by piece: the reader of a stream of events waits for each of them.
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| unwritable(&error))
}

/// Returns the error of a writer, which may be that what it unpacks is broken.
fn unwritable(error: &std::io::Error) -> CliError {
    use std::io::ErrorKind::{FileTooLarge, InvalidData, InvalidInput, UnexpectedEof};
    if error.kind() == FileTooLarge && error.raw_os_error().is_none() {
        let text = "the answer unpacks to more than 64 MiB, and to more than 1,100 times what came";
        let error = CliError::new(exit_code::UNAVAILABLE, "transport", text);
        return error.with_hint(
            "--max-filesize BYTES takes so much; without --compressed it comes as it is",
        );
    }
    if matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof) {
        let text = format!("the answer cannot be unpacked: {error}");
        return CliError::new(exit_code::UNAVAILABLE, "transport", text);
    }
    CliError::local_io(format!("the answer cannot be written: {error}"))
}

/// Reads the rest of an answer that does not fit behind what is there, and adds what became of its
/// payment.
async fn unresumed(error: CliError, response: &mut Response) -> CliError {
    discard(response).await;
    match response.receipt() {
        None => error,
        Some(receipt) => {
            let hint = after_error(receipt, response.is_used_up());
            error.after_money_moved().with_hint(hint)
        }
    }
}

/// Adds to a local error behind a whole answer that it was paid for, if it was.
fn bought(error: CliError, facts: &Facts) -> CliError {
    if facts.payment_hash.is_none() {
        return error;
    }
    error
        .after_money_moved()
        .with_hint("the answer itself was written; running the command again may pay again")
}

/// Returns the first line of an answer, without its end.
pub(super) fn status_line(head: &Head) -> Vec<u8> {
    let version = format!("{:?}", head.version);
    // curl writes `HTTP/2` without the zero, but `HTTP/1.0` with it.
    let version = version
        .strip_suffix(".0")
        .filter(|v| *v != "HTTP/1")
        .unwrap_or(&version);
    let mut text = format!("{version} {} ", head.status.as_u16()).into_bytes();
    text.extend_from_slice(&head.reason);
    text
}

/// Returns the head of an answer as text, each header on a line of its own.
fn text(head: &Head) -> Vec<u8> {
    let mut text = status_line(head);
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

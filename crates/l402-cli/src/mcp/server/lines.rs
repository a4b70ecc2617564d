//! Messages on lines, as stdio carries them.
//!
//! The SDK has a transport of its own. This one answers what is no message, which that one drops or ends
//! at, and has a limit for the length of a line that fits our tools.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ErrorCode, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use super::message::{self, MESSAGE_MAX};

/// The most messages that wait to be written. With more of them, nothing is read until the client has taken
/// some: it cannot fill the memory by not reading.
const UNWRITTEN_MAX: usize = 128;

/// The longest wait, at the end, for a client that does not take what is being written.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// Messages from a reader and to a writer, one a line.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    /// Set while the rest of a line is dropped that was too long.
    is_dropping: bool,
    out: Out,
    /// The number of messages that wait to be written.
    unwritten: watch::Sender<usize>,
    /// An answer of the transport itself that is being written.
    answering: Option<JoinHandle<()>>,
}

/// The writer, or `None` once it is closed.
type Out = Arc<Mutex<Option<Box<dyn AsyncWrite + Send + Unpin>>>>;

/// A line off the reader.
enum Read {
    Line(Vec<u8>),
    TooLong,
}

impl<R: AsyncRead + Send + Unpin> Lines<R> {
    pub(super) fn new(reader: R, writer: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        Self {
            reader: BufReader::new(reader),
            line: Vec::new(),
            is_dropping: false,
            out: Arc::new(Mutex::new(Some(Box::new(writer)))),
            unwritten: watch::Sender::new(0),
            answering: None,
        }
    }

    /// Waits until the client has taken enough of what was written to it.
    fn until_few_are_unread(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut unwritten = self.unwritten.subscribe();
        async move {
            // An error means that this value is gone, and that nobody waits.
            let _ = unwritten.wait_for(|count| *count < UNWRITTEN_MAX).await;
        }
    }

    /// Reads to the end of a line, or of the input: then `None`. A dropped call loses nothing, since what
    /// it has read is kept for the next one.
    async fn read(&mut self) -> Option<Read> {
        loop {
            let available = match self.reader.fill_buf().await {
                Ok(available) if !available.is_empty() => available,
                Ok(_) => return None,
                Err(error) => {
                    tracing::warn!(%error, "stdin cannot be read");
                    return None;
                }
            };
            // All that is kept across a dropped call is in `self`.
            let end = available.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(available.len(), |end| end + 1);
            let is_fitting = self.line.len() + taken <= MESSAGE_MAX + 1;
            if is_fitting && !self.is_dropping {
                self.line.extend_from_slice(&available[..taken]);
            } else {
                self.is_dropping = true;
                self.line = Vec::new();
            }
            self.reader.consume(taken);
            if end.is_some() {
                let line = core::mem::take(&mut self.line);
                return Some(if core::mem::take(&mut self.is_dropping) {
                    Read::TooLong
                } else {
                    Read::Line(line)
                });
            }
        }
    }

    /// Answers what is no message. Written by a task, for a dropped `receive` must not leave half a line.
    fn answer(&mut self, refusal: &rmcp::model::JsonRpcError) {
        let line = message::to_value(refusal).to_string();
        let out = Arc::clone(&self.out);
        self.answering = Some(tokio::spawn(async move {
            if let Err(error) = write(&out, line).await {
                tracing::warn!(%error, "stdout cannot be written");
            }
        }));
    }
}

/// One message that waits to be written, until this is dropped.
struct Unwritten(watch::Sender<usize>);

impl Unwritten {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count.clone())
    }
}

impl Drop for Unwritten {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Writes a line, whole.
async fn write(out: &Out, mut line: String) -> io::Result<()> {
    let mut out = out.lock().await;
    let Some(writer) = out.as_mut() else {
        return Err(io::ErrorKind::NotConnected.into());
    };
    line.push('\n');
    writer.write_all(line.as_bytes()).await?;
    writer.flush().await
}

impl<R: AsyncRead + Send + Unpin> Transport<RoleServer> for Lines<R> {
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let out = Arc::clone(&self.out);
        let unwritten = Unwritten::new(&self.unwritten);
        async move {
            // A line feed inside a string is escaped by JSON.
            let line = serde_json::to_string(&message)?;
            // In a task of its own, for a caller that gives up must not leave half a line.
            let writing = tokio::spawn(async move {
                let written = write(&out, line).await;
                drop(unwritten);
                written
            });
            writing.await.map_err(io::Error::other)?
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            // Before more is read: nobody can fill the memory with answers that are not taken.
            if let Some(answering) = &mut self.answering {
                let _ = answering.await;
                self.answering = None;
            }
            self.until_few_are_unread().await;
            let line = match self.read().await? {
                Read::Line(line) => line,
                Read::TooLong => {
                    let text = "the message is longer than a mebibyte";
                    self.answer(&message::refusal(None, ErrorCode::INVALID_REQUEST, text));
                    continue;
                }
            };
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            match message::read(line) {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {}
                Err(refusal) => self.answer(&refusal),
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        let answering = self.answering.take();
        let out = Arc::clone(&self.out);
        let close = async move {
            if let Some(answering) = answering {
                let _ = answering.await;
            }
            // Taken out, so that an answer that is ready later is not written after the end.
            let writer = out.lock().await.take();
            match writer {
                Some(mut writer) => writer.flush().await,
                None => Ok(()),
            }
        };
        // A client that does not read, and does not go away, does not hold up the end.
        let closed = tokio::time::timeout(CLOSE_TIME, close).await;
        closed.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{ErrorData, RequestId};
    use serde_json::Value;
    use tokio::io::AsyncReadExt;

    use super::*;

    /// Returns the methods of the messages that were received, and the lines that were answered.
    async fn exchange(input: &[u8]) -> (usize, Vec<Value>) {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        let mut lines = Lines::new(input, ours);
        let mut received = 0;
        while lines.receive().await.is_some() {
            received += 1;
        }
        lines.close().await.unwrap();
        let mut text = String::new();
        theirs.read_to_string(&mut text).await.unwrap();
        let answers = text.lines().map(|line| serde_json::from_str(line).unwrap());
        (received, answers.collect())
    }

    // ATTACKS A-05: a client that asks and does not read fills no memory, and does not hold up the end.
    #[tokio::test]
    async fn nothing_more_is_read_while_answers_are_not_taken() {
        let (ours, theirs) = tokio::io::duplex(16);
        let ping = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
        let input = ping.repeat(UNWRITTEN_MAX + 2);
        let mut lines = Lines::new(input.as_bytes(), ours);
        let answer = || {
            let error = ErrorData::internal_error("x".repeat(64), None);
            ServerJsonRpcMessage::error(error, Some(RequestId::Number(1)))
        };
        let mut sending = tokio::task::JoinSet::new();
        for _ in 0..UNWRITTEN_MAX {
            assert!(lines.receive().await.is_some());
            sending.spawn(lines.send(answer()));
        }
        let pause = Duration::from_millis(50);
        assert!(tokio::time::timeout(pause, lines.receive()).await.is_err());
        let started = tokio::time::Instant::now();
        assert!(lines.close().await.is_err());
        assert!(
            started.elapsed() < 2 * CLOSE_TIME,
            "{:?}",
            started.elapsed()
        );
        let reading = tokio::spawn(async move {
            let mut theirs = theirs;
            let mut text = String::new();
            theirs.read_to_string(&mut text).await.map(|_| text)
        });
        assert!(lines.receive().await.is_some());
        while let Some(sent) = sending.join_next().await {
            sent.unwrap().unwrap();
        }
        lines.close().await.unwrap();
        let text = reading.await.unwrap().unwrap();
        assert_eq!(text.lines().count(), UNWRITTEN_MAX);
    }

    // ATTACKS A-05: lines that are no messages are answered, and the next message is read.
    #[tokio::test]
    async fn what_is_no_message_does_not_end_the_input() {
        let ping = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n";
        let long = vec![b'x'; 10 * MESSAGE_MAX];
        let deep = "[".repeat(10_000);
        let mut input = Vec::new();
        for part in [
            &b"garbage\n\n  \r\n\xff\xfe\n"[..],
            ping,
            &long,
            b"\n",
            ping,
        ] {
            input.extend_from_slice(part);
        }
        input.extend_from_slice(deep.as_bytes());
        input.extend_from_slice(b"\n{\"jsonrpc\":\"2.0\",\"id\":1,\n\"method\":\"ping\"}\n");
        input.extend_from_slice(ping);
        // Without a line feed it is no line.
        input.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}");
        let (received, answers) = exchange(&input).await;
        assert_eq!(received, 3);
        let codes: Vec<_> = answers
            .iter()
            .map(|answer| answer["error"]["code"].as_i64().unwrap())
            .collect();
        assert_eq!(codes, [-32700, -32700, -32600, -32700, -32700, -32700]);
    }
}

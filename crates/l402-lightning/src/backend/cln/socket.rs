//! JSON-RPC over the Unix socket of lightningd: one connection per call, since a call may take as
//! long as a payment.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout_at};

use super::scan::{Scanned, Scanner};
use super::wire::{MAX_ANSWER, Refusal, garbled};
use crate::transport::{Failure, Proof};
use crate::{Error, ErrorKind};

/// The bytes that are read at a time.
const CHUNK: usize = 64 * 1024;

/// The socket of one lightningd.
#[derive(Debug)]
pub(super) struct Socket {
    path: PathBuf,
    calls: AtomicU64,
}

/// A message of lightningd: an answer, or a notification, which has no id.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    error: Option<Refusal>,
}

impl Socket {
    pub(super) fn new(path: PathBuf) -> Self {
        let calls = AtomicU64::new(0);
        Self { path, calls }
    }

    /// Calls a method, and waits for its answer up to the time limit.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
        time_limit: Duration,
    ) -> Result<T, Failure> {
        let now = Instant::now();
        let end = now.checked_add(time_limit).unwrap_or(now);
        let opened = timeout_at(end, UnixStream::connect(&self.path)).await;
        let mut stream = match opened {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(unsent(self.unreachable(&error))),
            Err(_) => return Err(unsent(self.late())),
        };
        // The id ties the answer to this call, whatever else arrives on the connection.
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let id = format!("l402/{method}/{number}");
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let exchange = self.exchange(&mut stream, &request, &id);
        let answer = timeout_at(end, exchange).await;
        let message = answer
            .unwrap_or_else(|_| Err(self.late()))
            .map_err(|error| sent(error, Proof::None))?;
        if let Some(refusal) = message.error {
            return Err(sent(refusal.error(), refusal.proof()));
        }
        let result = message.result.unwrap_or(Value::Null);
        serde_json::from_value(result)
            .map_err(|_| sent(garbled("not the expected JSON"), Proof::None))
    }

    /// Writes the request, and reads up to the answer with its id.
    async fn exchange(
        &self,
        stream: &mut UnixStream,
        request: &Value,
        id: &str,
    ) -> Result<Message, Error> {
        let text = format!("{request}\n\n");
        let written = stream.write_all(text.as_bytes()).await;
        written.map_err(|error| self.cut_short(&error))?;
        let (mut read, mut scanner, mut from) = (Vec::new(), Scanner::default(), 0_usize);
        loop {
            match scanner.read(read.get(from..).unwrap_or_default()) {
                Scanned::End(length) => {
                    let end = from.saturating_add(length);
                    let object: Vec<u8> = read.drain(..end).collect();
                    from = 0;
                    let message: Message = serde_json::from_slice(&object)
                        .map_err(|_| garbled("not the expected JSON"))?;
                    match message.id.as_ref().map(Value::as_str) {
                        Some(Some(named)) if named == id => return Ok(message),
                        // Notifications may stand before the answer.
                        None => {}
                        Some(_) => return Err(garbled("an answer to another call")),
                    }
                }
                Scanned::More => {
                    from = read.len();
                    self.read_on(stream, &mut read).await?;
                }
                Scanned::NoObject => return Err(garbled("no JSON")),
            }
        }
    }

    /// Appends what arrives next, up to the limit of an answer.
    async fn read_on(&self, stream: &mut UnixStream, read: &mut Vec<u8>) -> Result<(), Error> {
        let mut chunk = vec![0; CHUNK];
        let length = stream.read(&mut chunk).await;
        let length = length.map_err(|error| self.cut_short(&error))?;
        if length == 0 {
            return Err(self.cut_short(&io::ErrorKind::UnexpectedEof.into()));
        }
        if read.len().saturating_add(length) > MAX_ANSWER {
            return Err(garbled("over 8 MiB"));
        }
        read.extend_from_slice(chunk.get(..length).unwrap_or_default());
        Ok(())
    }

    fn unreachable(&self, error: &io::Error) -> Error {
        let path = self.path.display();
        let (kind, hint) = match error.kind() {
            io::ErrorKind::PermissionDenied => (
                ErrorKind::Unauthorized,
                "; this user may not open the socket",
            ),
            // The path is longer than the system allows.
            io::ErrorKind::InvalidInput => (ErrorKind::Local, ""),
            _ => (ErrorKind::Unavailable, "; is lightningd running?"),
        };
        Error::new(
            kind,
            format!("no connection to Core Lightning's socket {path}: {error}{hint}"),
        )
    }

    fn cut_short(&self, error: &io::Error) -> Error {
        let path = self.path.display();
        let text = format!("the connection ended with Core Lightning's socket {path}: {error}");
        Error::new(ErrorKind::Unavailable, text)
    }

    fn late(&self) -> Error {
        let path = self.path.display();
        let text = format!("Core Lightning's socket {path} did not answer in time");
        Error::new(ErrorKind::Timeout, text)
    }
}

/// Returns the failure of a call of which nothing has left.
fn unsent(error: Error) -> Failure {
    Failure {
        error,
        proof: Proof::None,
        status: None,
        sent: false,
    }
}

/// Returns the failure of a call that may have arrived.
fn sent(error: Error, proof: Proof) -> Failure {
    Failure {
        error,
        proof,
        status: None,
        sent: true,
    }
}

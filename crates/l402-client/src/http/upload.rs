//! A kept body on its way to a server.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use super::own_file::Check;
use super::spool::{SpoolFile, Spooled};

/// One sending of a file: while the connection takes a piece, the next one is read.
struct Upload {
    file: SpoolFile,
    /// The bytes that were given to the connection.
    sent: u64,
    /// The piece behind them.
    reading: Option<JoinHandle<io::Result<CheckedPiece>>>,
}

/// A piece, and the check of all that was read so far.
type CheckedPiece = (Bytes, Option<Check>);

/// The reason why a body could not be sent to its end.
#[derive(Debug)]
pub(super) struct Unsendable(String);

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unsendable {}

impl Unsendable {
    /// Returns the reason if it is that of this error.
    pub(super) fn of(error: &reqwest::Error) -> Option<&Self> {
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            if let Some(found) = inner.downcast_ref() {
                return Some(found);
            }
            cause = inner.source();
        }
        None
    }
}

impl Spooled {
    /// Returns the body for one request.
    pub(super) fn upload(&self) -> reqwest::Body {
        match self {
            Self::Memory(bytes) => bytes.clone().into(),
            Self::File(file) => reqwest::Body::wrap(Upload {
                file: file.clone(),
                sent: 0,
                reading: None,
            }),
        }
    }
}

impl Upload {
    /// Starts to read the piece at an offset.
    fn read(&mut self, at: u64, check: Option<Check>) {
        let file = self.file.clone();
        self.reading = Some(spawn_blocking(move || {
            let check = if at == 0 { file.begin()? } else { check };
            file.read_checked(at, check)
        }));
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Unsendable;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unsendable>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        if self.reading.is_none() {
            let at = self.sent;
            self.read(at, None);
        }
        let Some(reading) = &mut self.reading else {
            return Poll::Pending;
        };
        let read = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        let read = read.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()));
        let (piece, check) = match read {
            Ok(read) => read,
            Err(error) => return Poll::Ready(Some(Err(Unsendable(error.to_string())))),
        };
        self.sent += piece.len() as u64;
        if !self.is_end_stream() {
            let at = self.sent;
            self.read(at, check);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.sent >= self.file.len
    }

    /// Exact, so that the length goes out in the head.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.file.len.saturating_sub(self.sent))
    }
}

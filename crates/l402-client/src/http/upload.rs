//! A kept body on its way to a server.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use super::spool::{SpoolFile, Spooled};

/// One sending of a file: a piece is read when the connection asks for it.
struct Upload {
    file: SpoolFile,
    /// The bytes that were given to the connection.
    sent: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
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

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        let (file, sent) = (self.file.clone(), self.sent);
        let reading = self
            .reading
            .get_or_insert_with(|| spawn_blocking(move || file.read(sent)));
        let read = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        let piece = read.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()));
        Poll::Ready(Some(piece.map(|piece| {
            self.sent += piece.len() as u64;
            Frame::data(piece)
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.sent >= self.file.len
    }

    /// Exact, so that the length goes out in the head.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.file.len.saturating_sub(self.sent))
    }
}

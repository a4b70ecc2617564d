//! Lines of JSON over a socket, with limits.

use std::io;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// The longest line of a request, in bytes. An invoice has at most a few thousand.
pub(super) const REQUEST_MAX: u64 = 64 * 1024;

/// The longest line of an answer, in bytes: some thousand channels.
pub(super) const ANSWER_MAX: u64 = 4 * 1024 * 1024;

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Lines {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl Lines {
    pub(super) fn new(stream: UnixStream) -> Self {
        let (reader, writer) = stream.into_split();
        Self {
            reader: BufReader::new(reader),
            writer,
        }
    }

    /// Returns the next line without its end, of at most `max` bytes; `None` at the end of the
    /// connection.
    pub(super) async fn read(&mut self, max: u64) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.reader).take(max);
        bounded.read_until(b'\n', &mut line).await?;
        match line.pop() {
            Some(b'\n') => Ok(Some(line)),
            None => Ok(None),
            // The connection broke in mid-line, or the line is too long.
            Some(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    pub(super) async fn write(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.writer.write_all(&line).await
    }

    /// Waits until the other side closes the connection, or says something nobody asked for.
    pub(super) async fn closed(&mut self) {
        // Whatever comes, even an error, ends the use of this connection.
        let _ = self.reader.fill_buf().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_bounded_and_whole() {
        let (near, far) = UnixStream::pair().unwrap();
        let (mut near, mut far) = (Lines::new(near), Lines::new(far));
        near.write(&"one").await.unwrap();
        near.write(&"two").await.unwrap();
        assert_eq!(far.read(10).await.unwrap().unwrap(), b"\"one\"");
        assert!(far.read(3).await.is_err(), "too long");

        let (near, far) = UnixStream::pair().unwrap();
        let (mut near, mut far) = (Lines::new(near), Lines::new(far));
        near.writer.write_all(b"half").await.unwrap();
        drop(near);
        assert!(far.read(10).await.is_err(), "half a line");
        assert!(far.read(10).await.unwrap().is_none());
    }
}

//! The buffer between a connection and the parsers of its answers.

use core::pin::pin;
use core::task::{Context, Poll, ready};
use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How much is read at once, in bytes: it grows while reads are full, and shrinks again.
const READ_MIN: usize = 2 * 1024;
const READ_MAX: usize = 128 * 1024;

/// What is set aside for reading, at least, in bytes: several small answers.
const BUFFER: usize = 8 * 1024;

/// The bytes that were read and not yet used, and how much to read next.
pub(super) struct ReadBuffer {
    pub(super) bytes: BytesMut,
    /// How large the memory behind them may be.
    block: usize,
    expected: usize,
}

impl ReadBuffer {
    pub(super) fn new() -> Self {
        Self {
            bytes: BytesMut::new(),
            block: 0,
            expected: READ_MIN,
        }
    }

    /// Frees the memory if it has become large.
    pub(super) fn shrink(&mut self) {
        if self.block > BUFFER {
            (self.bytes, self.block) = (BytesMut::new(), 0);
        }
    }

    /// Reads once, and returns false at the end.
    pub(super) fn poll_more<R: AsyncRead + Unpin>(
        &mut self,
        from: &mut R,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        if self.bytes.capacity() - self.bytes.len() < self.expected {
            let block = self.expected.max(BUFFER);
            self.bytes.reserve(block);
            self.block = self.block.max(block);
        }
        let spare_capacity = self.bytes.capacity() - self.bytes.len();
        let count = ready!(pin!(from.read_buf(&mut self.bytes)).poll(cx))?;
        if count == spare_capacity {
            self.expected = (2 * spare_capacity).min(READ_MAX);
        } else if count < self.expected / 4 {
            self.expected = (self.expected / 2).max(READ_MIN);
        }
        Poll::Ready(Ok(count > 0))
    }
}

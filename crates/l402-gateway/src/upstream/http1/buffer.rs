//! The read buffer between a connection and the parsers of its answers.

use core::pin::pin;
use core::task::{Context, Poll, ready};
use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The least and the most that is read at once, in bytes. The amount doubles while reads fill the
/// buffer, and halves while they use less than a quarter of it.
const READ_MIN: usize = 2 * 1024;
const READ_MAX: usize = 128 * 1024;

/// The least memory that is reserved for reading, in bytes: several small answers fit in.
const BUFFER: usize = 8 * 1024;

/// The bytes that were read and not used yet.
pub(super) struct ReadBuffer {
    pub(super) bytes: BytesMut,
    /// The largest block of memory that may be behind `bytes`. `BytesMut` does not tell.
    block: usize,
    /// The number of bytes that the next read may bring.
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

    /// Frees the memory if it has become large, so that a thousand idle connections hold little.
    pub(super) fn shrink(&mut self) {
        if self.block > BUFFER {
            (self.bytes, self.block) = (BytesMut::new(), 0);
        }
    }

    /// Reads once, and returns false at the end of the connection.
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
        // A full read means that more is waiting, and that larger reads save system calls.
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

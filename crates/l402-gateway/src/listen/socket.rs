//! The byte stream of a client's connection, with bytes read ahead, strict framing, a time-out for
//! writing, and an end that loses no answer.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::frames::Frames;
use super::joined::joined;
use super::linger::Linger;
use crate::framing::{Framing, Place};
use crate::timer::IdleTimer;

/// The first bytes of an HTTP/2 client with prior knowledge (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What hyper reads in place of a head with two readings, and all after it. NUL stands in no head, so
/// that hyper refuses it. It does so only once a head looks whole, hence the line ends: without
/// them the refusal would wait for the time-out.
const SPOILT_HEAD: &[u8] = b"\0\r\n\r\n";

/// The byte stream of a client's connection.
pub(crate) struct Socket<S> {
    inner: S,
    /// Bytes that were read to find out the protocol. They are read again first.
    read_ahead: Bytes,
    /// Only for HTTP/1.1.
    framing: Option<Framing>,
    /// Only for HTTP/2.
    frames: Option<Box<Frames>>,
    /// The rest of [`SPOILT_HEAD`], for the time after the framing is broken.
    spoilt_head: &'static [u8],
    /// Set once the connection is a tunnel: its bytes are no longer requests.
    tunnel: Arc<AtomicBool>,
    /// Runs while the client takes no byte (ATTACKS D-05).
    write_timer: IdleTimer,
    /// Set once the sending side is closed.
    linger: Option<Linger>,
}

impl<S: AsyncRead + Unpin> Socket<S> {
    /// Wraps a stream. A client that takes no byte for `write_timeout` is disconnected.
    pub(crate) fn new(inner: S, write_timeout: Duration) -> Self {
        Self {
            inner,
            read_ahead: Bytes::new(),
            framing: None,
            frames: None,
            spoilt_head: SPOILT_HEAD,
            tunnel: Arc::default(),
            write_timer: IdleTimer::new(Some(write_timeout)),
            linger: None,
        }
    }

    /// Reads until it is clear if this is HTTP/2 by prior knowledge, and returns true if so.
    pub(crate) async fn speaks_http2(&mut self) -> io::Result<bool> {
        let mut read = Vec::with_capacity(PREFACE.len());
        while read.len() < PREFACE.len() && PREFACE.starts_with(&read) {
            // Not a byte more than the preface: what follows belongs to hyper.
            let wanted = (PREFACE.len() - read.len()) as u64;
            if (&mut self.inner).take(wanted).read_buf(&mut read).await? == 0 {
                break;
            }
        }
        let http2 = read == PREFACE;
        self.read_ahead = read.into();
        Ok(http2)
    }

    /// Checks the bytes as HTTP/1.1 requests, until the flag that is returned is set.
    pub(crate) fn with_framing(mut self) -> (Self, Arc<AtomicBool>) {
        self.framing = Some(Framing::default());
        let tunnel = Arc::clone(&self.tunnel);
        (self, tunnel)
    }

    /// Counts the frames of HTTP/2 that carry nothing. The preface has been read ahead.
    pub(crate) fn with_frames(mut self) -> Self {
        self.frames = Some(Box::new(Frames::after(PREFACE.len())));
        self
    }

    /// Reads the bytes that were read ahead first, then the stream.
    fn poll_read_raw(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_ahead.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let now = self
            .read_ahead
            .split_to(self.read_ahead.len().min(buf.remaining()));
        buf.put_slice(&now);
        Poll::Ready(Ok(()))
    }

    /// Reads what stands for bytes that have two readings: a head that is refused with 400, or an
    /// error, after which the body of the request is broken.
    fn read_spoilt(&mut self, place: Place, buf: &mut ReadBuf<'_>) -> io::Result<()> {
        let (now, rest) = match place {
            Place::InHead => self
                .spoilt_head
                .split_at(self.spoilt_head.len().min(buf.remaining())),
            Place::InBody => Default::default(),
        };
        if now.is_empty() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        buf.put_slice(now);
        self.spoilt_head = rest;
        Ok(())
    }

    /// Reads on after the sending side was closed, if the client may still be sending a request.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Neither the frames of HTTP/2 nor the bytes of a tunnel are followed.
        let Some(framing) = self
            .framing
            .as_ref()
            .filter(|_| !self.tunnel.load(Ordering::Relaxed))
        else {
            return Poll::Ready(());
        };
        let within_request = !framing.is_between_requests();
        let linger = self
            .linger
            .get_or_insert_with(|| Linger::new(within_request));
        linger.poll(&mut self.inner, cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // hyper may pass a buffer that holds bytes which were checked already.
        let before = buf.filled().len();
        if let Some(place) = self.framing.as_ref().and_then(Framing::broken) {
            return Poll::Ready(self.read_spoilt(place, buf));
        }
        ready!(self.poll_read_raw(cx, buf))?;
        // The bytes of a tunnel are no requests, and would be refused as broken ones.
        if self.framing.is_some() && self.tunnel.load(Ordering::Relaxed) {
            self.framing = None;
        }
        if let Some(framing) = &mut self.framing {
            let sound = framing.inspect(&buf.filled()[before..]);
            let broken = framing.broken();
            buf.set_filled(before + sound);
            // Nothing may be returned only at the end of the stream.
            if let (0, Some(place)) = (sound, broken) {
                return Poll::Ready(self.read_spoilt(place, buf));
            }
        }
        if let Some(frames) = &mut self.frames {
            frames.read(&buf.filled()[before..])?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Socket<S> {
    /// Writes, or fails if the client has taken nothing for too long.
    fn with_timeout<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(done) = write(Pin::new(&mut self.inner), cx) {
            self.write_timer.reset();
            return Poll::Ready(done);
        }
        // A tunnel may be silent for as long as its two sides like.
        if !self.tunnel.load(Ordering::Relaxed) && self.write_timer.poll_elapsed(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }

    /// Notes bytes that were written, and returns their number.
    fn wrote(&mut self, count: usize) -> usize {
        if let Some(frames) = &mut self.frames {
            frames.wrote(count);
        }
        count
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.with_timeout(cx, |inner, cx| inner.poll_write(cx, buf)))?;
        Poll::Ready(Ok(self.wrote(written)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(written) = joined(bufs, |all| self.as_mut().poll_write(cx, all)) {
            return written;
        }
        let write = |inner: Pin<&mut S>, cx: &mut Context<'_>| inner.poll_write_vectored(cx, bufs);
        let written = ready!(self.with_timeout(cx, write))?;
        Poll::Ready(Ok(self.wrote(written)))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with_timeout(cx, |inner, cx| inner.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(self.with_timeout(cx, |inner, cx| inner.poll_shutdown(cx)))?;
        }
        self.poll_linger(cx).map(Ok)
    }
}

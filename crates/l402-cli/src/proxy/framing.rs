//! Requests that can be read in one way only, checked before hyper reads them.
//!
//! hyper drops a `Content-Length` in silence if there is a `Transfer-Encoding`, and takes a bare line
//! feed for the end of a line. Who sends such a request may mean another one than hyper reads.
//!
//! ```text
//!   Head ── no body, or its length ──▶ that many bytes pass ──▶ Head
//!     ├── chunked, CONNECT ──▶ all bytes pass, and the connection ends with the answer
//!     └── two readings ──▶ Spoilt: hyper is given what it refuses with 400
//! ```

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The length of the longest head, in bytes.
const HEAD_MAX: usize = 64 * 1024;

/// The bytes that are read at once.
const READ: usize = 16 * 1024;

/// Bytes that hyper refuses with 400: NUL stands in no head.
const SPOILT: &[u8] = b"\0\r\n\r\n";

const HEAD_END: &[u8] = b"\r\n\r\n";

/// The byte stream of a connection, of which hyper sees sound requests alone.
pub(super) struct Checked<S> {
    inner: S,
    /// Bytes that were read and not passed on.
    held: BytesMut,
    /// The number of bytes that may pass before the next head.
    passing: u64,
    spoilt: bool,
}

impl<S> Checked<S> {
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            held: BytesMut::new(),
            passing: 0,
            spoilt: false,
        }
    }

    /// Looks for a whole head among the bytes that were read.
    fn take_head(&mut self) {
        // RFC 9112, section 2.2: an empty line before a request is ignored.
        while self.held.starts_with(b"\r\n") {
            self.held.advance(2);
        }
        let end = self
            .held
            .windows(HEAD_END.len())
            .position(|window| window == HEAD_END);
        match end.map(|end| (end, body_of(&self.held[..end + 2]))) {
            Some((end, Some(body))) => {
                let head = (end + HEAD_END.len()) as u64;
                self.passing = head.saturating_add(body);
            }
            Some((_, None)) => self.spoil(),
            None if self.held.len() > HEAD_MAX => self.spoil(),
            None => {}
        }
    }

    /// Passes nothing more of what the client sends.
    fn spoil(&mut self) {
        self.spoilt = true;
        self.held = BytesMut::from(SPOILT);
        self.passing = SPOILT.len() as u64;
    }

    fn pass(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let most = usize::try_from(self.passing).unwrap_or(usize::MAX);
        let count = most.min(self.held.len()).min(buf.remaining());
        buf.put_slice(&self.held[..count]);
        self.held.advance(count);
        self.passing -= count as u64;
        count > 0
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Checked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.passing == 0 && !self.spoilt {
                self.take_head();
            }
            if buf.remaining() == 0 || self.pass(buf) {
                return Poll::Ready(Ok(()));
            }
            if self.spoilt {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            let mut space = [0; READ];
            let mut read = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut self.inner).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                // The end; of a head that is not whole, hyper sees nothing.
                return Poll::Ready(Ok(()));
            }
            self.held.extend_from_slice(read.filled());
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Checked<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Returns the length of the body behind a head, which ends with a line end: `u64::MAX` if it is not
/// known. `None` for a head that can be read in two ways.
fn body_of(head: &[u8]) -> Option<u64> {
    let mut lines = head.split_inclusive(|byte| *byte == b'\n').map(line);
    let request = lines.next()??;
    let (mut length, mut chunked) = (None, false);
    for header in lines {
        let header = header?;
        let colon = header.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&header[..colon], header[colon + 1..].trim_ascii());
        // A folded line begins with a space, and `name :` ends with one.
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            if length.replace(number(value)?).is_some() {
                return None;
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return None;
            }
            chunked = true;
        }
    }
    match (chunked, length) {
        (true, Some(_)) => None,
        (true, None) => request.ends_with(b" HTTP/1.1").then_some(u64::MAX),
        (false, _) if request.starts_with(b"CONNECT ") => Some(u64::MAX),
        (false, length) => Some(length.unwrap_or(0)),
    }
}

/// Returns a line without its end. `None` if it ends otherwise than with CR LF, or holds another CR or NUL.
fn line(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\r\n")?;
    let is_plain = !line.iter().any(|byte| matches!(byte, b'\r' | b'\0'));
    is_plain.then_some(line)
}

/// Reads a length of 1 to 18 digits, which every server reads alike.
fn number(text: &[u8]) -> Option<u64> {
    let is_number = matches!(text.len(), 1..=18) && text.iter().all(u8::is_ascii_digit);
    let text = is_number
        .then(|| std::str::from_utf8(text).ok())
        .flatten()?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[test]
    fn a_body_is_known_by_its_head() {
        for (head, body) in [
            ("GET / HTTP/1.1\r\nhost: a\r\n", Some(0)),
            ("POST / HTTP/1.1\r\nContent-Length: 5\r\n", Some(5)),
            (
                "POST / HTTP/1.1\r\ntransfer-encoding:  Chunked \r\n",
                Some(u64::MAX),
            ),
            ("CONNECT a:443 HTTP/1.1\r\n", Some(u64::MAX)),
            ("GET / HTTP/1.0\r\n", Some(0)),
        ] {
            assert_eq!(body_of(head.as_bytes()), body, "{head}");
        }
    }

    /// ATTACKS H-21.
    #[test]
    fn a_head_with_two_readings_is_none() {
        for headers in [
            "content-length: 5\r\ncontent-length: 6\r\n",
            "content-length: 5\r\ncontent-length: 5\r\n",
            "content-length: 5, 5\r\n",
            "content-length: +5\r\n",
            "content-length:\r\n",
            "content-length: 5\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: gzip, chunked\r\n",
            "transfer-encoding : chunked\r\n",
            "x: y\r\n content-length: 5\r\n",
            "x: y\ncontent-length: 5\r\n",
            "x: y\rcontent-length: 5\r\n",
            "x: \0\r\n",
            "no colon\r\n",
        ] {
            let head = format!("POST / HTTP/1.1\r\n{headers}");
            assert_eq!(body_of(head.as_bytes()), None, "{head:?}");
        }
        let old = b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n";
        assert_eq!(body_of(old), None);
    }

    #[tokio::test]
    async fn sound_requests_pass_and_the_first_other_one_is_replaced() {
        const SOUND: &str =
            "POST /a HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n\r\n";
        let sent = format!("\r\n{SOUND}GET /c HTTP/1.1\nx: y\r\n\r\nGET /d HTTP/1.1\r\n\r\n");
        let mut checked = Checked::new(sent.as_bytes());
        let mut read = vec![0; SOUND.len() + SPOILT.len()];
        checked.read_exact(&mut read).await.unwrap();
        assert_eq!(read, [SOUND.as_bytes(), SPOILT].concat());
        assert!(checked.read(&mut read).await.is_err());
    }
}

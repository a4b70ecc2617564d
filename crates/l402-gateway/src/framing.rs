//! Strict framing of HTTP/1.1 requests, checked on the bytes before hyper reads them.
//!
//! hyper takes two things that a gateway must not: it drops `Content-Length` silently where
//! `Transfer-Encoding` stands beside it, and it accepts a bare line feed as a line's end. Another
//! server in the chain may read either the other way, and then sees a request that nobody paid
//! for (ATTACKS H-21 to H-23). What is ambiguous is spoiled with a NUL byte, which hyper refuses
//! with 400 and a closed connection.

use memchr::memchr;

use crate::number::{decimal, hexadecimal};

/// The longest line that can be part of a head; hyper's own limit is reached before.
const LINE_MAX: usize = 72 * 1024;

/// The longest line before a chunk: its size and its extensions (ATTACKS H-22).
const CHUNK_LINE_MAX: usize = 16 + 256;

const CONTENT_LENGTH: &[u8] = b"content-length";
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";

/// Follows one connection from its first byte.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    state: FramingState,
    /// The beginning of a line that goes on in the next read.
    partial: Vec<u8>,
    head: Head,
}

/// The place in a request where the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum FramingState {
    /// Spoiled: nothing more is judged.
    Broken,
    /// Bytes of a chunk.
    Chunk(u64),
    /// The line end after a chunk.
    ChunkEnd,
    /// The line before a chunk.
    ChunkSize,
    /// Request line and headers.
    #[default]
    Head,
    /// Bytes of a body of known length.
    Sized(u64),
    /// Fields after the last chunk.
    Trailers,
}

/// What the head of the request under way has said of its body.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    started: bool,
    length: Option<u64>,
    chunked: bool,
}

/// The bytes have no single reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

impl Framing {
    /// Returns true once a byte was spoiled.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn is_broken(&self) -> bool {
        self.state == FramingState::Broken
    }

    /// Judges what was read. Of an ambiguous request, the byte that makes it so becomes NUL.
    pub(crate) fn inspect(&mut self, bytes: &mut [u8]) {
        let mut at = 0;
        while at < bytes.len() && self.state != FramingState::Broken {
            at += match self.state {
                FramingState::Sized(left) => self.skip(
                    left,
                    bytes.len() - at,
                    FramingState::Sized,
                    FramingState::Head,
                ),
                FramingState::Chunk(left) => self.skip(
                    left,
                    bytes.len() - at,
                    FramingState::Chunk,
                    FramingState::ChunkEnd,
                ),
                _ => self.line(&mut bytes[at..]),
            };
        }
    }

    fn skip(
        &mut self,
        left: u64,
        here: usize,
        more: fn(u64) -> FramingState,
        then: FramingState,
    ) -> usize {
        let taken = usize::try_from(left).map_or(here, |left| left.min(here));
        let left = left - taken as u64;
        self.state = if left == 0 { then } else { more(left) };
        taken
    }

    /// Takes one line, or the beginning of one; gives its length.
    fn line(&mut self, bytes: &mut [u8]) -> usize {
        let Some(end) = memchr(b'\n', bytes) else {
            self.partial.extend_from_slice(bytes);
            // The bound is for the line without its end, of which the first byte may be here.
            if self.partial.len() > self.line_max() + 1 {
                self.spoil(bytes, bytes.len() - 1);
            }
            return bytes.len();
        };
        let verdict = if self.partial.is_empty() {
            self.whole_line(&bytes[..end])
        } else {
            let mut line = core::mem::take(&mut self.partial);
            line.extend_from_slice(&bytes[..end]);
            let verdict = self.whole_line(&line);
            line.clear();
            self.partial = line;
            verdict
        };
        if verdict.is_err() {
            self.spoil(bytes, end);
        }
        end + 1
    }

    fn line_max(&self) -> usize {
        if self.state == FramingState::ChunkSize {
            CHUNK_LINE_MAX
        } else {
            LINE_MAX
        }
    }

    fn spoil(&mut self, bytes: &mut [u8], at: usize) {
        bytes[at] = 0;
        self.state = FramingState::Broken;
        self.partial = Vec::new();
    }

    /// A line without its line feed.
    fn whole_line(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        let line = line.strip_suffix(b"\r").ok_or(Ambiguous)?;
        if line.len() > self.line_max() {
            return Err(Ambiguous);
        }
        self.state = match self.state {
            FramingState::Head if line.is_empty() && self.head.started => self.end_of_head()?,
            // Empty lines before a request are let go (RFC 9112, section 2.2).
            FramingState::Head if line.is_empty() => FramingState::Head,
            FramingState::Head => self.head_line(line)?,
            FramingState::ChunkSize => chunk_size(line)?,
            FramingState::ChunkEnd if line.is_empty() => FramingState::ChunkSize,
            FramingState::Trailers if line.is_empty() => self.end_of_request(),
            FramingState::Trailers => FramingState::Trailers,
            _ => return Err(Ambiguous),
        };
        Ok(())
    }

    fn head_line(&mut self, line: &[u8]) -> Result<FramingState, Ambiguous> {
        if !core::mem::replace(&mut self.head.started, true) {
            return Ok(FramingState::Head);
        }
        // Most lines are neither, and their first letter tells.
        if matches!(line[0], b'c' | b'C' | b't' | b'T') {
            self.header(line)?;
        }
        // A line that begins with white space would continue the one before it.
        if line[0].is_ascii_whitespace() {
            Err(Ambiguous)
        } else {
            Ok(FramingState::Head)
        }
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        let colon = memchr(b':', line).ok_or(Ambiguous)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(CONTENT_LENGTH) {
            let twice = self
                .head
                .length
                .replace(decimal(value).ok_or(Ambiguous)?)
                .is_some();
            return if twice { Err(Ambiguous) } else { Ok(()) };
        }
        if name.eq_ignore_ascii_case(TRANSFER_ENCODING) {
            let twice = core::mem::replace(&mut self.head.chunked, true);
            let known = value.eq_ignore_ascii_case(b"chunked");
            return if known && !twice {
                Ok(())
            } else {
                Err(Ambiguous)
            };
        }
        Ok(())
    }

    fn end_of_head(&mut self) -> Result<FramingState, Ambiguous> {
        let Head {
            length, chunked, ..
        } = self.head;
        match (length, chunked) {
            (Some(_), true) => Err(Ambiguous),
            (None, true) => Ok(FramingState::ChunkSize),
            (None | Some(0), false) => Ok(self.end_of_request()),
            (Some(length), false) => {
                self.head = Head::default();
                Ok(FramingState::Sized(length))
            }
        }
    }

    fn end_of_request(&mut self) -> FramingState {
        self.head = Head::default();
        FramingState::Head
    }
}

/// `1a;name=value`: the size in hexadecimal digits, and extensions that nobody reads.
fn chunk_size(line: &[u8]) -> Result<FramingState, Ambiguous> {
    let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
    Ok(match hexadecimal(size).ok_or(Ambiguous)? {
        0 => FramingState::Trailers,
        size => FramingState::Chunk(size),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the bytes pass, read in pieces of this length.
    fn passes(text: &str, piece: usize) -> bool {
        let mut framing = Framing::default();
        let mut bytes = text.as_bytes().to_vec();
        bytes
            .chunks_mut(piece)
            .for_each(|chunk| framing.inspect(chunk));
        let untouched = bytes == text.as_bytes();
        assert_eq!(untouched, !framing.is_broken(), "{text:?}");
        untouched
    }

    fn judged(text: &str) -> bool {
        let verdicts: Vec<bool> = [1, 2, 3, 7, 4096].map(|piece| passes(text, piece)).into();
        assert!(
            verdicts.iter().all(|v| *v == verdicts[0]),
            "{text:?}: {verdicts:?}"
        );
        verdicts[0]
    }

    #[test]
    fn plain_requests_pass_one_after_another() {
        let body = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n\nab\n\n";
        let chunked = "POST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n\
                       3;x=y\r\na\nb\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n";
        let get = "\r\nGET / HTTP/1.1\r\nContent-Type: t\r\nTE: trailers\r\n\r\n";
        assert!(judged(&format!("{body}{chunked}{get}{get}{body}{chunked}")));
    }

    #[test]
    fn two_lengths_are_refused() {
        for headers in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            "Content-Length: 5\r\nContent-Length: 5",
            "Content-Length: 5\r\ncontent-length: 6",
            "Content-Length: 5, 5",
            "Content-Length: +5",
            "Content-Length:",
            "Content-Length: 99999999999999999999",
        ] {
            assert!(
                !judged(&format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n")),
                "{headers}"
            );
        }
    }

    #[test]
    fn codings_that_can_be_read_two_ways_are_refused() {
        for value in [
            "xchunked",
            "chunked, identity",
            "identity",
            "",
            "chunked\r\n chunked",
        ] {
            let text = format!("POST / HTTP/1.1\r\nTransfer-Encoding: {value}\r\n\r\n");
            assert!(!judged(&text), "{value:?}");
        }
        let twice = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\
                     Transfer-Encoding: chunked\r\n\r\n";
        assert!(!judged(twice));
    }

    #[test]
    fn a_bare_line_feed_ends_no_line() {
        for text in [
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "\nGET / HTTP/1.1\r\n\r\n",
        ] {
            assert!(!judged(text), "{text:?}");
        }
    }

    #[test]
    fn the_bound_of_a_line_does_not_depend_on_how_it_is_cut() {
        let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let passes = |length| judged(&format!("{head}1;{}\r\na\r\n", "x".repeat(length - 2)));
        assert!(passes(CHUNK_LINE_MAX));
        assert!(!passes(CHUNK_LINE_MAX + 1));
    }

    #[test]
    fn chunks_are_read_strictly() {
        let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let long = format!("1;{}\r\na\r\n", "x".repeat(300));
        for body in [
            "5\nhello\r\n",
            " 5\r\n",
            "5 \r\nhello",
            "0x5\r\n",
            "2\r\nabc\r\n",
            "\r\n",
            &long,
        ] {
            assert!(!judged(&format!("{head}{body}")), "{body:?}");
        }
    }
}

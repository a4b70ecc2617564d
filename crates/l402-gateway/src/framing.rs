//! Strict framing of HTTP/1.1 requests, checked on the bytes before hyper reads them.
//!
//! hyper accepts two things that a gateway must not: it drops `Content-Length` silently if there is
//! a `Transfer-Encoding`, and it takes a bare line feed for the end of a line. Another server in
//! the chain may read either the other way, and then sees a request that nobody has paid for
//! (ATTACKS H-21 to H-23). hyper is given nothing from the first line on that can be read in two
//! ways: the socket puts its own bytes there, which hyper refuses at once (`listen/socket.rs`).
//!
//! The states, each named after the bytes that come next:
//!
//! ```text
//!            Content-Length: n
//!       ┌────────────────────────▶ Sized(n) ──── n bytes ────┐
//!       │                                                    ▼
//!      Head ◀──────────────────────────────────────────── (next request)
//!       │                                                    ▲
//!       │ chunked             size > 0                       │ empty line
//!       └─────────▶ ChunkSize ────────▶ Chunk(n)             │
//!                    │     ▲               │ n bytes         │
//!                    │     └─ empty line ─ ChunkEnd          │
//!                    └─ size = 0 ─────────────────────▶ Trailers
//!
//!      Head ── a line that can be read in two ways ──▶ Broken(InHead)
//!      any other state ── the same ──────────────────▶ Broken(InBody)
//! ```

use memchr::memchr;

use crate::number::{decimal, hexadecimal};

/// The length of the longest line of a head, in bytes. hyper's own limit is reached before.
const LINE_MAX: usize = 72 * 1024;

/// The length of the longest line before a chunk, in bytes: its size and its extensions (ATTACKS
/// H-22).
const CHUNK_LINE_MAX: usize = 16 + 256;

const CONTENT_LENGTH: &[u8] = b"content-length";
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";

/// The framing of one connection's requests, followed from the first byte.
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
    /// A line can be read in two ways. Nothing from there on is passed.
    Broken(Place),
    /// This number of bytes of a chunk.
    Chunk(u64),
    /// The line end after a chunk.
    ChunkEnd,
    /// The line before a chunk.
    ChunkSize,
    /// Request line and headers.
    #[default]
    Head,
    /// This number of bytes of a body of known length.
    Sized(u64),
    /// Fields after the last chunk.
    Trailers,
}

/// The part of a request in which a line stands that can be read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before the body, after which there may still be an answer of 400.
    InHead,
    /// In the framing of the body, while the request is under way.
    InBody,
}

/// The headers of the present request that frame its body.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    /// Set by the request line.
    started: bool,
    /// Set by the request line: HTTP/1.0, which knows no chunks.
    http10: bool,
    length: Option<u64>,
    chunked: bool,
}

/// The bytes can be read in more than one way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

impl Framing {
    /// Returns where a line stands that can be read in two ways, if there was one.
    pub(crate) fn broken(&self) -> Option<Place> {
        match self.state {
            FramingState::Broken(place) => Some(place),
            _ => None,
        }
    }

    /// Returns true if the last byte was the end of a request, or none has come yet: what follows
    /// is the next request.
    #[cfg(not(fuzzing))]
    pub(crate) fn is_between_requests(&self) -> bool {
        self.state == FramingState::Head && !self.head.started && self.partial.is_empty()
    }

    /// Checks the bytes that were read, and returns the number of those that may be passed on: all
    /// of them, or those before the line that can be read in two ways. A part of that line may
    /// have passed before, if it came in several reads.
    pub(crate) fn inspect(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() && self.broken().is_none() {
            // Bodies are skipped as a whole, since only lines can be ambiguous.
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
                _ => self.line(&bytes[at..]),
            };
        }
        at
    }

    /// Skips bytes of a body, and returns their number.
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

    /// Takes one line, or the beginning of one, and returns its length. Returns 0 if it can be read
    /// in two ways.
    fn line(&mut self, bytes: &[u8]) -> usize {
        let Some(end) = memchr(b'\n', bytes) else {
            self.partial.extend_from_slice(bytes);
            // The bound is for the line without its end. One byte of that, the carriage return, may
            // already be here.
            if self.partial.len() > self.line_max() + 1 {
                return self.refuse();
            }
            return bytes.len();
        };
        // Most lines come whole, and are read without a copy.
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
        match verdict {
            Ok(()) => end + 1,
            Err(Ambiguous) => self.refuse(),
        }
    }

    fn line_max(&self) -> usize {
        if self.state == FramingState::ChunkSize {
            CHUNK_LINE_MAX
        } else {
            LINE_MAX
        }
    }

    /// Passes nothing more, and returns the length of the line that does not pass: none of it does.
    fn refuse(&mut self) -> usize {
        let place = match self.state {
            FramingState::Head => Place::InHead,
            _ => Place::InBody,
        };
        self.state = FramingState::Broken(place);
        self.partial = Vec::new();
        0
    }

    /// Takes a whole line, without its line feed.
    fn whole_line(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        let line = line.strip_suffix(b"\r").ok_or(Ambiguous)?;
        if line.len() > self.line_max() {
            return Err(Ambiguous);
        }
        self.state = match self.state {
            FramingState::Head if line.is_empty() && self.head.started => self.end_of_head()?,
            // Empty lines before a request are allowed (RFC 9112, section 2.2).
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

    /// Takes a line of a head: the request line, then headers.
    fn head_line(&mut self, line: &[u8]) -> Result<FramingState, Ambiguous> {
        if !core::mem::replace(&mut self.head.started, true) {
            self.head.http10 = line.ends_with(b"HTTP/1.0");
            return Ok(FramingState::Head);
        }
        // Only two headers matter here, and the first letter rules out nearly all others.
        if matches!(line[0], b'c' | b'C' | b't' | b'T') {
            self.header(line)?;
        }
        // Some servers read a line that begins with white space as the rest of the line before it.
        if line[0].is_ascii_whitespace() {
            Err(Ambiguous)
        } else {
            Ok(FramingState::Head)
        }
    }

    /// Takes a header, and keeps its value if it frames the body.
    fn header(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        let colon = memchr(b':', line).ok_or(Ambiguous)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(CONTENT_LENGTH) {
            // Two lengths are refused also if they are the same.
            let twice = self
                .head
                .length
                .replace(decimal(value).ok_or(Ambiguous)?)
                .is_some();
            return if twice { Err(Ambiguous) } else { Ok(()) };
        }
        if name.eq_ignore_ascii_case(TRANSFER_ENCODING) {
            let twice = core::mem::replace(&mut self.head.chunked, true);
            let is_chunked = value.eq_ignore_ascii_case(b"chunked");
            return if is_chunked && !twice {
                Ok(())
            } else {
                Err(Ambiguous)
            };
        }
        Ok(())
    }

    /// Returns the state after the head.
    fn end_of_head(&mut self) -> Result<FramingState, Ambiguous> {
        let Head {
            length,
            chunked,
            http10,
            ..
        } = self.head;
        match (length, chunked) {
            // A server of HTTP/1.0 does not know the coding, and reads the chunks as the next
            // request (RFC 9112, section 6.1).
            (_, true) if http10 => Err(Ambiguous),
            // RFC 9112, section 6.3, allows to drop the length. Refused, since another server in
            // the chain may drop the coding instead.
            (Some(_), true) => Err(Ambiguous),
            (None, true) => Ok(FramingState::ChunkSize),
            (None | Some(0), false) => Ok(self.end_of_request()),
            (Some(length), false) => {
                self.head = Head::default();
                Ok(FramingState::Sized(length))
            }
        }
    }

    /// Returns the state after a request: the head of the next.
    fn end_of_request(&mut self) -> FramingState {
        self.head = Head::default();
        FramingState::Head
    }
}

/// Reads the size of a chunk from a line such as `1a;name=value`. Extensions are ignored.
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

    /// Returns true if the bytes pass, read in pieces of this length.
    fn passes(text: &str, piece: usize) -> bool {
        let mut framing = Framing::default();
        let passed = text.as_bytes().chunks(piece).map(|it| framing.inspect(it));
        let whole = passed.sum::<usize>() == text.len();
        assert_eq!(whole, framing.broken().is_none(), "{text:?}");
        whole
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
    fn http_1_0_has_no_chunks() {
        let post = |version: &str, framing: &str| {
            judged(&format!("POST / HTTP/{version}\r\n{framing}\r\n\r\n"))
        };
        assert!(!post("1.0", "Transfer-Encoding: chunked"));
        assert!(post("1.1", "Transfer-Encoding: chunked"));
        assert!(post("1.0", "Content-Length: 3"));
    }

    #[test]
    fn the_place_of_a_request_is_known_at_its_end() {
        let mut framing = Framing::default();
        let mut after = |text: &str| {
            framing.inspect(text.as_bytes());
            framing.is_between_requests()
        };
        for (text, between) in [
            ("", true),
            ("\r\nPOST / HTTP/1.1\r\n", false),
            ("Content-Length: 2\r\n", false),
            ("\r\na", false),
            ("b", true),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
                false,
            ),
            ("\r\n", true),
            ("G", false),
        ] {
            assert_eq!(after(text), between, "{text:?}");
        }
    }

    #[test]
    fn nothing_passes_after_a_line_that_can_be_read_in_two_ways() {
        let mut framing = Framing::default();
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n";
        assert_eq!(
            framing.inspect(&[head, &b" b\r\n\r\n"[..]].concat()),
            head.len()
        );
        assert_eq!(framing.broken(), Some(Place::InHead));
        assert_eq!(framing.inspect(b"GET / HTTP/1.1\r\n\r\n"), 0);
        let mut framing = Framing::default();
        let head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n";
        assert_eq!(
            framing.inspect(&[head, &b"0x1\r\n"[..]].concat()),
            head.len()
        );
        assert_eq!(framing.broken(), Some(Place::InBody));
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

//! A body in chunks, joined again (RFC 9112, section 7.1).
//!
//! ```text
//!             size > 0              all bytes taken
//!   Size ──────────────────▶ Data ──────────────────▶ DataEnd
//!    │ ▲                                                 │
//!    │ └───────────────── empty line ────────────────────┘
//!    │ size = 0
//!    ▼
//!   Trailers ── empty line ──▶ the end
//! ```

use bytes::{Buf as _, Bytes, BytesMut};
use memchr::memchr;

use super::head::Malformed;
use crate::number::hexadecimal;

/// The length in bytes of the longest line before a chunk, its extensions included.
const LINE_MAX: usize = 4 * 1024;

/// The length in bytes of all trailers together.
const TRAILERS_MAX: usize = 16 * 1024;

/// The place in a body where the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// The line before a chunk.
    #[default]
    Size,
    /// This number of bytes of a chunk, at least one.
    Data(u64),
    /// The line end after a chunk.
    DataEnd,
    /// The fields after the last chunk; this number of bytes of them has been dropped.
    Trailers(usize),
}

/// The next step of a reader.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A piece of the body.
    Data(Bytes),
    /// The end of the body.
    End,
    /// More bytes have to be read first.
    Read,
}

impl Chunks {
    /// Takes the next piece off the bytes that were read. Drops extensions and trailers, because
    /// nothing has checked them.
    pub(crate) fn next(&mut self, read: &mut BytesMut) -> Result<Next, Malformed> {
        loop {
            *self = match *self {
                Self::Data(_) if read.is_empty() => return Ok(Next::Read),
                Self::Data(left) => {
                    // Passed on as it comes: to wait for the whole chunk would delay streams and
                    // take memory.
                    let here = usize::try_from(left).map_or(read.len(), |l| l.min(read.len()));
                    let rest = left - here as u64;
                    *self = if rest == 0 {
                        Self::DataEnd
                    } else {
                        Self::Data(rest)
                    };
                    return Ok(Next::Data(read.split_to(here).freeze()));
                }
                state => {
                    let Some(end) = line_end(read)? else {
                        return Ok(Next::Read);
                    };
                    let Some(next) = state.after(&read[..end])? else {
                        read.advance(end + 2);
                        return Ok(Next::End);
                    };
                    read.advance(end + 2);
                    next
                }
            }
        }
    }

    /// Returns the state after a line, or `None` at the end of the body.
    fn after(self, line: &[u8]) -> Result<Option<Self>, Malformed> {
        match self {
            Self::Size => match size(line)? {
                0 => Ok(Some(Self::Trailers(0))),
                size => Ok(Some(Self::Data(size))),
            },
            Self::Trailers(_) if line.is_empty() => Ok(None),
            Self::Trailers(before) if before + line.len() <= TRAILERS_MAX => {
                Ok(Some(Self::Trailers(before + line.len() + 2)))
            }
            Self::Trailers(_) => Err(Malformed("the trailers of the answer are too long")),
            _ if line.is_empty() => Ok(Some(Self::Size)),
            _ => Err(Malformed("a chunk of the answer is longer than it says")),
        }
    }
}

/// Returns the length of the first line without its end, or `None` if the end has not come yet.
fn line_end(read: &[u8]) -> Result<Option<usize>, Malformed> {
    match memchr(b'\n', read) {
        Some(at) if at > LINE_MAX => {}
        Some(at) => match memchr(b'\r', &read[..at]) {
            // A carriage return elsewhere, or none, is refused: some readers take a bare CR or a
            // bare LF for the end of a line, others do not.
            Some(end) if end + 1 == at => return Ok(Some(end)),
            _ => return Err(Malformed("a line among the chunks has a wrong end")),
        },
        None if read.len() <= LINE_MAX => return Ok(None),
        None => {}
    }
    Err(Malformed("a line among the chunks is too long"))
}

/// Reads the size of a chunk from a line such as `1a;name=value`. Some servers pad it with spaces.
fn size(line: &[u8]) -> Result<u64, Malformed> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let padding = digits
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b' ' | b'\t'));
    let digits = &digits[..digits.len() - padding.count()];
    hexadecimal(digits).ok_or(Malformed("a chunk of the answer has a wrong size"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body and the bytes after it, or `None` if it has no end.
    type Reading = Result<Option<(Vec<u8>, Vec<u8>)>, Malformed>;

    /// Reads bytes that come in pieces of this length.
    fn read(text: &str, piece: usize) -> Reading {
        let (mut chunks, mut read, mut body) = (Chunks::default(), BytesMut::new(), Vec::new());
        let mut pieces = text.as_bytes().chunks(piece);
        loop {
            match chunks.next(&mut read)? {
                Next::Data(data) => body.extend_from_slice(&data),
                Next::Read => match pieces.next() {
                    Some(piece) => read.extend_from_slice(piece),
                    None => return Ok(None),
                },
                Next::End => {
                    let rest = pieces.flatten().copied();
                    return Ok(Some((body, read.iter().copied().chain(rest).collect())));
                }
            }
        }
    }

    fn judged(text: &str) -> Reading {
        let whole = read(text, 4096);
        for piece in [1, 2, 3, 7] {
            let pieces = read(text, piece);
            assert_eq!(pieces.is_ok(), whole.is_ok(), "{text:?} by {piece}");
            assert_eq!(
                pieces.unwrap_or_default(),
                whole.clone().unwrap_or_default()
            );
        }
        whole
    }

    #[test]
    fn chunks_make_a_body_and_what_follows_is_left() {
        let text = "3;x=y\r\na\nb\r\nA \r\n0123456789\r\n000\r\nTrailer: t\r\n\r\nHTTP/1.1";
        let (body, rest) = judged(text).unwrap().expect("it ends");
        assert_eq!(
            (&body[..], &rest[..]),
            (&b"a\nb0123456789"[..], &b"HTTP/1.1"[..])
        );
        let (body, rest) = judged("0\r\n\r\n").unwrap().expect("it ends");
        assert!(body.is_empty() && rest.is_empty());
    }

    #[test]
    fn a_body_that_breaks_off_has_no_end() {
        for text in [
            "",
            "3",
            "3\r\n",
            "3\r\nab",
            "3\r\nabc\r\n",
            "0\r\n",
            "0\r\na: b\r\n",
        ] {
            assert_eq!(judged(text), Ok(None), "{text:?}");
        }
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        let long = format!("1;{}\r\na\r\n", "x".repeat(LINE_MAX));
        let many = format!("0\r\n{}\r\n", "a: b\r\n".repeat(TRAILERS_MAX));
        for text in [
            "3\nabc\r\n",
            "\r\n",
            " 3\r\nabc\r\n",
            "0x3\r\nabc\r\n",
            "-1\r\n",
            "+1\r\na\r\n",
            "2\r\nabc\r\n",
            "4\r\nabc\r\n0\r\n\r\n",
            "fffffffffffffffff\r\n",
            "0\r\na: b\n\r\n",
            &long,
            &many,
        ] {
            assert!(judged(text).is_err(), "{text:?}");
        }
    }
}

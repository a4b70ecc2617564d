//! The head of an answer of HTTP/1.1, parsed by `httparse`, and the framing of the body that
//! follows.
//!
//! An answer that has two readings is refused: the next answer on its connection could be taken for
//! part of it, and be given to another client (RFC 9112, section 6.3).

use core::fmt;
use core::mem::{self, MaybeUninit};

use bytes::{Buf as _, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use super::chunks::Chunks;
use crate::number::decimal;

/// The largest number of headers in an answer.
pub(crate) const HEADERS_MAX: usize = 256;

/// The largest length of a head, in bytes.
pub(crate) const HEAD_MAX: u32 = 128 * 1024;

const TOO_LONG: Malformed = Malformed("the head of the answer is too long");

/// The part of a body that is still to come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Remaining {
    Nothing,
    /// This number of bytes, at least one.
    Length(u64),
    Chunked(Chunks),
    /// Everything up to the end of the connection.
    UntilClosed,
}

/// The head of an answer, without its headers for the connection and for the framing in chunks.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) answer: Response<()>,
    pub(crate) body: Remaining,
    /// True if the connection may be used again after this answer.
    pub(crate) keep: bool,
}

/// The reason why the bytes of an upstream are not HTTP, or have two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(super) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

/// Takes a head off the bytes that were read, or returns `None` if more have to come. Skips interim
/// answers except 101.
///
/// `request_is_head` is true if the request was HEAD. `spare` is a map that is reused for the headers.
pub(crate) fn take(
    read: &mut BytesMut,
    request_is_head: bool,
    spare: &mut HeaderMap,
) -> Result<Option<Head>, Malformed> {
    while let Some(head) = take_one(read, request_is_head, spare)? {
        let status = head.answer.status();
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Some(head));
        }
    }
    // Checked for an incomplete head too: an endless one would fill the memory.
    if read.len() > HEAD_MAX as usize {
        return Err(TOO_LONG);
    }
    Ok(None)
}

/// Takes one head off the bytes, interim answers included.
fn take_one(
    read: &mut BytesMut,
    request_is_head: bool,
    spare: &mut HeaderMap,
) -> Result<Option<Head>, Malformed> {
    // Uninitialised, because these are far more than most answers fill.
    let mut lines = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let parsing = config.parse_response_with_uninit_headers(&mut parsed, read, &mut lines);
    let length = match parsing {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_MAX as usize => length,
        Ok(httparse::Status::Complete(_)) => return Err(TOO_LONG),
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Malformed("the answer has too many headers"));
        }
        Err(_) => return Err(Malformed("what was answered is not HTTP/1.1")),
    };
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(Malformed("the answer has no known status"))?;
    let mut framing = FramingHeaders::default();
    let mut answer = Response::new(());
    let mut headers = mem::take(spare);
    headers.clear();
    for line in parsed.headers.iter() {
        framing.read(line, &mut headers)?;
    }
    let http10 = parsed.version == Some(0);
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    read.advance(length);
    framing.head(answer, http10, request_is_head).map(Some)
}

/// The headers of an answer that frame its body or are about its connection.
#[derive(Default)]
struct FramingHeaders {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
}

impl FramingHeaders {
    /// Reads a header, and adds it to `to` unless it is for this connection alone.
    fn read(&mut self, line: &httparse::Header<'_>, to: &mut HeaderMap) -> Result<(), Malformed> {
        let name = HeaderName::from_bytes(line.name.as_bytes());
        let name = name.map_err(|_| Malformed("a header of the answer has a wrong name"))?;
        let value = line.value;
        if name == header::TRANSFER_ENCODING {
            // Neither a list nor a second line: servers differ in how they combine codings.
            let twice = mem::replace(&mut self.chunked, true);
            return if !twice && value.eq_ignore_ascii_case(b"chunked") {
                Ok(())
            } else {
                Err(Malformed("the answer has an unknown transfer coding"))
            };
        }
        if name == header::CONTENT_LENGTH {
            let length = decimal(value.trim_ascii());
            let length = length.ok_or(Malformed("the answer has a wrong Content-Length"))?;
            // Two equal lengths are refused too: another reader may join them, or take the first.
            if self.length.replace(length).is_some() {
                return Err(Malformed("the answer has two lengths"));
            }
        } else if name == header::CONNECTION && self.connection(value) {
            return Ok(());
        }
        let value = HeaderValue::from_bytes(value);
        let value = value.map_err(|_| Malformed("a header of the answer has a wrong value"))?;
        to.append(name, value);
        Ok(())
    }

    /// Reads a value of `Connection`, and returns true if the line can be dropped: it holds only
    /// `close` and `keep-alive`.
    fn connection(&mut self, value: &[u8]) -> bool {
        // A value that names headers is kept: the headers that it names are dropped later.
        let mut names_none = true;
        for word in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            match word {
                word if word.eq_ignore_ascii_case(b"close") => self.close = true,
                word if word.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                _ => names_none = false,
            }
        }
        names_none
    }

    /// Returns the head, once all headers are read (RFC 9112, section 6.3).
    fn head(
        self,
        answer: Response<()>,
        http10: bool,
        request_is_head: bool,
    ) -> Result<Head, Malformed> {
        // HTTP/1.0 knows no chunks, and a length beside chunks is the classic way to have one
        // answer read as two.
        if self.chunked && (http10 || self.length.is_some()) {
            return Err(Malformed("the length of the answer can be read two ways"));
        }
        let status = answer.status();
        let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let body = match self.length {
            // After 101 the bytes belong to another protocol. Other interim answers are skipped.
            _ if status.is_informational() => Remaining::UntilClosed,
            _ if bodiless || request_is_head => Remaining::Nothing,
            _ if self.chunked => Remaining::Chunked(Chunks::default()),
            Some(0) => Remaining::Nothing,
            Some(length) => Remaining::Length(length),
            None => Remaining::UntilClosed,
        };
        let keep = !self.close && (!http10 || self.keep_alive) && body != Remaining::UntilClosed;
        Ok(Head { answer, body, keep })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Option<Head>, Malformed> {
        asked(text, false)
    }

    fn asked(text: &str, request_is_head: bool) -> Result<Option<Head>, Malformed> {
        take(
            &mut text.as_bytes().into(),
            request_is_head,
            &mut HeaderMap::new(),
        )
    }

    fn whole(text: &str) -> Head {
        head(text).expect("sound").expect("whole")
    }

    #[test]
    fn a_head_is_taken_once_it_is_whole_and_no_more_than_it() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: 1\r\na: 2\r\n\r\nhello";
        let end = text.find("hello").unwrap();
        let mut read = BytesMut::new();
        let mut spare = HeaderMap::new();
        spare.insert("stale", HeaderValue::from_static("x"));
        for byte in &text.as_bytes()[..end - 1] {
            read.extend_from_slice(&[*byte]);
            assert!(take(&mut read, false, &mut spare).unwrap().is_none());
        }
        read.extend_from_slice(&text.as_bytes()[end - 1..]);
        let head = take(&mut read, false, &mut spare).unwrap().unwrap();
        assert_eq!(&read[..], b"hello");
        assert_eq!((head.body, head.keep), (Remaining::Length(5), true));
        let headers = head.answer.headers();
        assert_eq!(headers.len(), 3, "{headers:?}");
        assert_eq!(headers.get_all("a").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(headers["content-length"], "5");
    }

    #[test]
    fn interim_answers_go_and_a_switch_of_protocols_stays() {
        let mut read = BytesMut::from(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
             HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n\x01",
        );
        let mut next = || take(&mut read, false, &mut HeaderMap::new()).unwrap();
        let head = next().unwrap();
        assert_eq!(
            (head.answer.status().as_u16(), head.body),
            (204, Remaining::Nothing)
        );
        assert!(head.answer.headers().is_empty());
        assert_eq!(next().unwrap().answer.status().as_u16(), 101);
        assert_eq!(&read[..], b"\x01");
    }

    #[test]
    fn what_ends_a_body_is_read_as_the_standard_says() {
        let body = |text: &str| whole(&format!("HTTP/1.1 {text}\r\n\r\n")).body;
        assert_eq!(body("200 OK\r\ncontent-length: 007"), Remaining::Length(7));
        assert_eq!(body("200 OK\r\ncontent-length: 0"), Remaining::Nothing);
        assert_eq!(body("200 OK"), Remaining::UntilClosed);
        assert_eq!(
            body("200 OK\r\nTransfer-Encoding: Chunked"),
            Remaining::Chunked(Chunks::default())
        );
        assert_eq!(
            body("304 Not Modified\r\ncontent-length: 7"),
            Remaining::Nothing
        );
        let request_is_head = asked("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n", true);
        let request_is_head = request_is_head.unwrap().unwrap();
        assert_eq!(request_is_head.body, Remaining::Nothing);
        assert_eq!(request_is_head.answer.headers()["content-length"], "7");
    }

    #[test]
    fn a_connection_is_kept_only_where_both_may() {
        let keep = |line: &str| whole(&format!("{line}\r\ncontent-length: 1\r\n\r\n")).keep;
        assert!(keep("HTTP/1.1 200 OK"));
        assert!(keep("HTTP/1.1 200 OK\r\nConnection: x, Keep-Alive"));
        assert!(!keep("HTTP/1.1 200 OK\r\nConnection: keep-alive , CLOSE"));
        assert!(!keep(
            "HTTP/1.1 200 OK\r\nConnection: x\r\nConnection: close"
        ));
        assert!(!keep("HTTP/1.0 200 OK"));
        assert!(keep("HTTP/1.0 200 OK\r\nConnection: keep-alive"));
        assert!(!whole("HTTP/1.1 200 OK\r\n\r\n").keep);
    }

    #[test]
    fn what_connection_names_is_left_for_the_next_step_to_drop() {
        let head = whole("HTTP/1.1 204 x\r\nConnection: close\r\nConnection: x-a, close\r\n\r\n");
        let kept = head.answer.headers().get_all("connection");
        assert_eq!(kept.iter().collect::<Vec<_>>(), ["x-a, close"]);
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        for headers in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            "Content-Length: 5\r\nContent-Length: 5",
            "Content-Length: 5, 5",
            "Content-Length: +5",
            "Content-Length: -1",
            "Content-Length:",
            "Content-Length: 99999999999999999999",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding : chunked",
            " a: folded",
            "no colon",
            "a: \0",
        ] {
            let refused = head(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n"));
            assert!(refused.is_err(), "{headers}: {refused:?}");
        }
        for text in [
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/2 200 OK\r\n\r\n",
            "HTTP/1.1 099 x\r\n\r\n",
            "220 mail.example ESMTP\r\n",
        ] {
            assert!(head(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_head_has_its_bounds() {
        let line = |count| format!("HTTP/1.1 204 x\r\n{}\r\n", "a: 1\r\n".repeat(count));
        assert!(head(&line(HEADERS_MAX)).is_ok());
        assert!(head(&line(HEADERS_MAX + 1)).is_err());
        let long = format!("HTTP/1.1 204 x\r\na: {}", "x".repeat(HEAD_MAX as usize));
        assert!(head(&long).is_err());
    }
}

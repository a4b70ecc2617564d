//! Answers of one connection, read one after the other.

use std::io::{self, Read};
use std::ops::Range;

/// More lines than any server here sends.
const HEADERS: usize = 48;

/// Where reading begins; an answer that announces more gets more.
const CAPACITY: usize = 8 * 1024;

/// Holds the bytes of the answer that is being read.
#[derive(Debug)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    filled: usize,
    head: Option<Head>,
}

/// A head that was parsed: the body is waited for without parsing it again.
#[derive(Debug)]
struct Head {
    status: u16,
    challenge: Option<Range<usize>>,
    body: Range<usize>,
}

/// One whole answer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// The first `www-authenticate` line that holds an invoice.
    pub(crate) challenge: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            buffer: vec![0; CAPACITY],
            filled: 0,
            head: None,
        }
    }
}

impl Reader {
    /// Reads once. 0 is the end of the connection.
    ///
    /// # Errors
    /// Those of the connection.
    pub(crate) fn read_from(&mut self, connection: &mut impl Read) -> io::Result<usize> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.filled * 2, 0);
        }
        let read = connection.read(&mut self.buffer[self.filled..])?;
        self.filled += read;
        Ok(read)
    }

    /// Whether the last read took all the room there was: then more may be waiting.
    pub(crate) fn is_full(&self) -> bool {
        self.filled == self.buffer.len()
    }

    /// The answer, once it is whole.
    ///
    /// # Errors
    /// For what is no answer of HTTP/1.1 with a stated length, or has bytes behind it.
    pub(crate) fn answer(&mut self) -> Result<Option<Answer<'_>>, String> {
        if self.head.is_none() {
            self.head = parse(&self.buffer[..self.filled])?;
        }
        let Some(head) = &self.head else {
            return Ok(None);
        };
        if self.filled < head.body.end {
            let missing = head.body.end.saturating_sub(self.buffer.len());
            self.buffer.resize(self.buffer.len() + missing, 0);
            return Ok(None);
        }
        if self.filled > head.body.end {
            return Err(format!("{} bytes too many", self.filled - head.body.end));
        }
        let challenge = head.challenge.clone().and_then(|range| {
            let line = self.buffer.get(range)?;
            str::from_utf8(line).ok()
        });
        Ok(Some(Answer {
            status: head.status,
            challenge,
            body: &self.buffer[head.body.clone()],
        }))
    }

    /// Forgets the answer: the next one follows.
    pub(crate) fn clear(&mut self) {
        self.filled = 0;
        self.head = None;
    }

    /// What has come so far, for an error.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.buffer[..self.filled]).into_owned()
    }
}

fn parse(bytes: &[u8]) -> Result<Option<Head>, String> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(|error| error.to_string())?;
    let httparse::Status::Complete(end) = parsed else {
        return Ok(None);
    };
    let status = response.code.unwrap_or_default();
    let (mut length, mut challenge) = (None, None);
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            length = number(header.value);
        } else if header.name.eq_ignore_ascii_case("www-authenticate") {
            challenge = challenge.or_else(|| challenge_range(bytes, header.value));
        }
    }
    let length: usize = length.ok_or("an answer without a content-length")?;
    Ok(Some(Head {
        status,
        challenge,
        body: end..end + length,
    }))
}

fn number(value: &[u8]) -> Option<usize> {
    str::from_utf8(value).ok()?.parse().ok()
}

/// Where in the buffer this line is, if it asks for a payment.
fn challenge_range(buffer: &[u8], line: &[u8]) -> Option<Range<usize>> {
    let text = str::from_utf8(line).ok()?;
    let names_an_invoice = text.contains(" invoice=\"");
    let start = line.as_ptr().addr().checked_sub(buffer.as_ptr().addr())?;
    names_an_invoice.then_some(start..start + line.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &[u8]) -> Reader {
        let mut reader = Reader::default();
        feed(&mut reader, bytes);
        reader
    }

    fn feed(reader: &mut Reader, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            reader.read_from(&mut bytes).expect("memory is read");
            let _ = reader.answer();
        }
    }

    #[test]
    fn reads_status_body_and_challenge() {
        let mut reader = reader(
            b"HTTP/1.1 402 Payment Required\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\
              www-authenticate: L402 macaroon=\"AA\", invoice=\"lnbcrt1\"\r\n\
              Content-Length: 3\r\n\r\nabc",
        );
        let answer = reader.answer().unwrap().unwrap();
        assert_eq!((answer.status, answer.body), (402, &b"abc"[..]));
        let line = "L402 macaroon=\"AA\", invoice=\"lnbcrt1\"";
        assert_eq!(answer.challenge, Some(line));
    }

    #[test]
    fn waits_for_every_byte() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody";
        let mut reader = Reader::default();
        for byte in &whole[..whole.len() - 1] {
            feed(&mut reader, &[*byte]);
            assert!(reader.answer().unwrap().is_none());
        }
        feed(&mut reader, b"y");
        assert_eq!(reader.answer().unwrap().unwrap().body, b"body");
    }

    #[test]
    fn grows_for_a_large_body_and_reads_the_next_answer() {
        let body = vec![b'x'; 100_000];
        let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n".to_vec();
        bytes.extend(&body);
        let mut reader = reader(&bytes);
        assert_eq!(reader.answer().unwrap().unwrap().body, body);
        reader.clear();
        feed(&mut reader, b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n");
        let answer = reader.answer().unwrap().unwrap();
        assert_eq!((answer.status, answer.body), (404, &b""[..]));
    }

    #[test]
    fn refuses_bytes_behind_an_answer() {
        let mut reader = reader(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab");
        assert_eq!(reader.answer().unwrap_err(), "1 bytes too many");
    }

    #[test]
    fn refuses_an_answer_without_a_length() {
        let mut reader = reader(b"HTTP/1.1 200 OK\r\nserver: x\r\n\r\n");
        assert!(reader.answer().unwrap_err().contains("content-length"));
    }

    #[test]
    fn refuses_what_is_no_http() {
        let mut reader = reader(b"220 mail.example ready\r\n\r\n");
        assert!(reader.answer().is_err());
    }
}

//! Entry points of the fuzz targets. Each takes the bytes of a stranger, and checks the promises of
//! the parser that reads them.
//!
//! Compiled only with `--cfg fuzzing`, which cargo-fuzz sets. Not a part of the public interface.

use bytes::BytesMut;
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::framing::{Framing, Place};
use crate::listen::proxy_header;
use crate::number::decimal;
use crate::upstream::http1::chunks::{Chunks, Next};
use crate::upstream::http1::head::{self, HEADERS_MAX, Malformed, Remaining};

/// Checks the framing of requests: the verdict does not depend on how the bytes are cut, what is
/// refused stays refused, and an accepted head has one framing at most.
///
/// # Panics
/// If one of these does not hold.
pub fn framing(data: &[u8]) {
    let (whole, verdict) = inspect(data, data.len());
    // Byte by byte, and in pieces that cut lines at changing places.
    for size in [1, 7] {
        let (passed, in_pieces) = inspect(data, size);
        assert_eq!(verdict, in_pieces, "in pieces of {size}");
        assert!(passed >= whole, "sound lines pass however they are cut");
    }
    if verdict.is_none() {
        assert_eq!(data.len(), whole);
        heads_have_one_framing(data);
    }
}

/// Returns the number of bytes that pass in pieces, and the place of a line that does not.
fn inspect(data: &[u8], size: usize) -> (usize, Option<Place>) {
    let (mut framing, mut passed) = (Framing::default(), 0);
    for piece in data.chunks(size.max(1)) {
        let was_broken = framing.broken().is_some();
        let here = framing.inspect(piece);
        assert!(!was_broken || here == 0, "nothing passes after it");
        passed += here;
    }
    (passed, framing.broken())
}

/// Checks the accepted requests with another parser, up to the first body in chunks.
fn heads_have_one_framing(mut data: &[u8]) {
    loop {
        let mut lines = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut lines);
        let Ok(httparse::Status::Complete(end)) = request.parse(data) else {
            return;
        };
        // By hand, since the parser knows nothing of framing: two readers that agree are the test.
        let values = |name: &str| -> Vec<&[u8]> {
            let named = request
                .headers
                .iter()
                .filter(|line| line.name.eq_ignore_ascii_case(name));
            named.map(|line| line.value).collect()
        };
        let length = match (
            &values("content-length")[..],
            &values("transfer-encoding")[..],
        ) {
            ([], []) => 0,
            ([length], []) => decimal(length.trim_ascii()).expect("a length in digits"),
            ([], [coding]) => {
                assert!(coding.trim_ascii().eq_ignore_ascii_case(b"chunked"));
                return;
            }
            both => panic!("two framings: {both:?}"),
        };
        let body = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(next) = data
            .get(end.saturating_add(body)..)
            .filter(|next| !next.is_empty())
        else {
            return;
        };
        data = next;
    }
}

/// Checks the heads of answers: the result does not depend on how the bytes are cut, and a head
/// that is written again has the same meaning. The first byte says if the request was HEAD.
///
/// # Panics
/// If one of these does not hold.
pub fn head(data: &[u8]) {
    let Some((first, data)) = data.split_first() else {
        return;
    };
    let to_head = first % 2 == 1;
    let whole = read_head(data, data.len(), to_head);
    assert_eq!(whole, read_head(data, 1, to_head), "byte by byte");
    let Ok(Some(head)) = whole else { return };
    if let Some(text) = head.write() {
        let again = read_head(&text, text.len(), to_head).map(|again| again.expect("a whole head"));
        let again = again.expect("our own head");
        assert_eq!(
            again,
            MeaningOfHead {
                left: Vec::new(),
                ..head
            }
        );
    }
}

/// The meaning of a head, and the bytes after it.
#[derive(Debug, PartialEq, Eq)]
struct MeaningOfHead {
    status: StatusCode,
    headers: HeaderMap,
    body: Remaining,
    keep: bool,
    left: Vec<u8>,
}

/// Reads a head in pieces; `None` if it is not whole.
fn read_head(data: &[u8], size: usize, to_head: bool) -> Result<Option<MeaningOfHead>, Malformed> {
    let (mut read, mut pieces) = (BytesMut::new(), data.chunks(size.max(1)));
    while let Some(piece) = pieces.next() {
        read.extend_from_slice(piece);
        if let Some(head) = head::take(&mut read, to_head, &mut HeaderMap::new())? {
            pieces.for_each(|piece| read.extend_from_slice(piece));
            return Ok(Some(MeaningOfHead {
                status: head.answer.status(),
                headers: head.answer.headers().clone(),
                body: head.body,
                keep: head.keep,
                left: read.to_vec(),
            }));
        }
    }
    Ok(None)
}

impl MeaningOfHead {
    /// Returns the head as text, or `None` if it would have too many headers.
    fn write(&self) -> Option<Vec<u8>> {
        let mut headers = self.headers.clone();
        if matches!(self.body, Remaining::Chunked(_)) {
            headers.append("transfer-encoding", HeaderValue::from_static("chunked"));
        }
        if !self.keep {
            headers.append("connection", HeaderValue::from_static("close"));
        }
        let mut text = format!("HTTP/1.1 {} \r\n", self.status.as_u16()).into_bytes();
        let mut line = |(name, value): (&HeaderName, &HeaderValue)| {
            text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        };
        headers.iter().for_each(&mut line);
        text.extend_from_slice(b"\r\n");
        (headers.len() <= HEADERS_MAX).then_some(text)
    }
}

/// Checks bodies in chunks: the result does not depend on how the bytes are cut, and a body that is
/// written again as one chunk is read the same.
///
/// # Panics
/// If one of these does not hold.
pub fn chunks(data: &[u8]) {
    let whole = read_chunks(data, data.len());
    for size in [1, 7] {
        assert_eq!(whole, read_chunks(data, size), "in pieces of {size}");
    }
    let Ok(Some((body, left))) = whole else {
        return;
    };
    assert!(body.len() + left.len() < data.len());
    let mut text = Vec::new();
    if !body.is_empty() {
        text = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat();
    }
    text.extend([b"0\r\n\r\n", &left[..]].concat());
    assert_eq!(read_chunks(&text, text.len()), Ok(Some((body, left))));
}

/// Returns a body and the bytes after it; `None` if it has no end.
fn read_chunks(data: &[u8], size: usize) -> Result<Option<(Vec<u8>, Vec<u8>)>, Malformed> {
    let (mut chunks, mut read, mut body) = (Chunks::default(), BytesMut::new(), Vec::new());
    let mut pieces = data.chunks(size.max(1));
    loop {
        match chunks.next(&mut read)? {
            Next::Data(data) => body.extend_from_slice(&data),
            Next::Read => match pieces.next() {
                Some(piece) => read.extend_from_slice(piece),
                None => return Ok(None),
            },
            Next::End => {
                pieces.for_each(|piece| read.extend_from_slice(piece));
                return Ok(Some((body, read.to_vec())));
            }
        }
    }
}

/// Checks the headers of the PROXY protocol: the result depends on no byte behind the header, and is
/// the same once all of it is there. An address has its canonical form.
///
/// # Panics
/// If one of these does not hold.
pub fn proxy_header(data: &[u8]) {
    let whole = proxy_header::read(data);
    // A header of more bytes than the data has been refused or waits for more.
    for end in 0..data.len().min(512) {
        match proxy_header::read(&data[..end]) {
            Ok(None) => {}
            early => {
                assert_eq!(early, whole, "at {end}");
                break;
            }
        }
    }
    if let Ok(Some((header, length))) = whole {
        assert!(length <= data.len().min(proxy_header::HEADER_MAX));
        let ip = header.source.map(|source| source.ip());
        assert_eq!(ip, ip.map(|ip| ip.to_canonical()));
    }
}

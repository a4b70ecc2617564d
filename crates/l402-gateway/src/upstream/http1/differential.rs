//! Our reading of answers beside that of hyper's client, on the same bytes.
//!
//! What both accept they must read alike, and where one of them refuses what the other accepts,
//! it is for a reason that is named here.

use core::ops::Range;
use core::time::Duration;
use std::cell::RefCell;
use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use super::chunks::Next;
use super::head::{self, Head, Remaining};

const CASES: u32 = 12_000;

/// Why we refuse what hyper accepts, in the cases that are made here.
const ONLY_HYPER: [&str; 12] = [
    "a bare line feed among the trailers",
    "a close beside what is not text",
    "a coding beside chunked",
    "a coding that is not chunked",
    "a length beside chunks",
    "a length in more than 18 digits",
    "a list of lengths",
    "a size in more than 15 digits",
    "a wrong length that nobody reads",
    "chunked twice",
    "chunks that nobody reads",
    "two equal lengths",
];

/// Why hyper refuses what we accept. The trailers are read by it and dropped by us.
const ONLY_US: [&str; 2] = [
    "a keep-alive beside what is not text",
    "a trailer that is no header",
];

/// An answer as an upstream may send it, and how it comes.
#[derive(Clone, Debug)]
struct Case {
    to_head: bool,
    bytes: Vec<u8>,
    /// How many bytes are read at once, over and over.
    pieces: Vec<usize>,
}

/// An answer as one of the two readers understands it.
#[derive(Debug)]
struct ReadAnswer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    /// Whether another request may follow on the connection.
    keep: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Both { keep: bool },
    Neither,
    OnlyHyper(&'static str),
    OnlyUs(&'static str),
}

const CUT: &str = "the answer breaks off";

/// What comes from an upstream that closes at the end.
struct Feed<'a> {
    read: BytesMut,
    rest: &'a [u8],
    pieces: core::iter::Cycle<core::slice::Iter<'a, usize>>,
}

impl Feed<'_> {
    fn more(&mut self) -> Result<(), &'static str> {
        if self.rest.is_empty() {
            return Err(CUT);
        }
        let size = self.pieces.next().expect("there are sizes");
        let (piece, rest) = self.rest.split_at((*size).min(self.rest.len()));
        self.read.extend_from_slice(piece);
        self.rest = rest;
        Ok(())
    }

    fn head(&mut self, to_head: bool) -> Result<Head, &'static str> {
        loop {
            let head = head::take(&mut self.read, to_head, &mut HeaderMap::new());
            if let Some(head) = head.map_err(|malformed| malformed.0)? {
                return Ok(head);
            }
            self.more()?;
        }
    }

    fn body(&mut self, left: Remaining) -> Result<Vec<u8>, &'static str> {
        let mut body = Vec::new();
        match left {
            Remaining::Nothing => {}
            Remaining::Length(length) => {
                while (self.read.len() as u64) < length {
                    self.more()?;
                }
                let length = usize::try_from(length).expect("so many bytes are there");
                body.extend_from_slice(&self.read.split_to(length));
            }
            Remaining::Chunked(mut chunks) => loop {
                match chunks
                    .next(&mut self.read)
                    .map_err(|malformed| malformed.0)?
                {
                    Next::Data(data) => body.extend_from_slice(&data),
                    Next::Read => self.more()?,
                    Next::End => break,
                }
            },
            Remaining::UntilClosed => {
                while self.more().is_ok() {}
                body.extend_from_slice(&self.read.split());
            }
        }
        Ok(body)
    }
}

fn ours(case: &Case, pieces: &[usize]) -> Result<ReadAnswer, &'static str> {
    let mut feed = Feed {
        read: BytesMut::new(),
        rest: &case.bytes,
        pieces: pieces.iter().cycle(),
    };
    let Head { answer, body, keep } = feed.head(case.to_head)?;
    let (parts, ()) = answer.into_parts();
    // What follows a switch of protocols is no body.
    let switched = parts.status == StatusCode::SWITCHING_PROTOCOLS;
    let body = feed.body(if switched { Remaining::Nothing } else { body })?;
    Ok(ReadAnswer {
        status: parts.status,
        headers: parts.headers,
        body,
        keep: keep && feed.read.is_empty() && feed.rest.is_empty(),
    })
}

/// Hyper's reading, or its innermost reason for none. The clock stands still until nobody has
/// anything to do.
async fn theirs(case: &Case) -> Result<ReadAnswer, String> {
    let (client, upstream) = tokio::io::duplex(1 << 20);
    let (sender, connection) = http1::handshake(TokioIo::new(client)).await.expect("open");
    let asked = ask(sender, case.to_head);
    let (answer, _, _) = tokio::join!(asked, connection, speak(upstream, &case.bytes));
    answer.map_err(|error| {
        let mut reason: &dyn core::error::Error = &error;
        while let Some(source) = reason.source() {
            reason = source;
        }
        reason.to_string()
    })
}

async fn ask(mut sender: SendRequest<Empty<Bytes>>, to_head: bool) -> hyper::Result<ReadAnswer> {
    let method = if to_head { Method::HEAD } else { Method::GET };
    let request = Request::builder().method(method).uri("/");
    let request = request.body(Empty::new()).expect("a sound request");
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    sleep(Duration::from_millis(1)).await;
    Ok(ReadAnswer {
        status: head.status,
        headers: head.headers,
        body,
        keep: sender.is_ready(),
    })
}

/// Answers once it was asked, and says that there is no more once nobody does anything with it.
async fn speak(mut wire: DuplexStream, bytes: &[u8]) -> DuplexStream {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(wire.read_u8().await.expect("a whole request"));
    }
    wire.write_all(bytes).await.expect("there is room");
    sleep(Duration::from_secs(1)).await;
    wire.shutdown().await.expect("it was open");
    wire
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    runtime.expect("a runtime")
}

/// Who accepts it; an error where both do and read it differently, or nothing explains why one
/// does not.
fn judge(case: &Case, runtime: &Runtime) -> Result<Verdict, String> {
    let ours = ours(case, &case.pieces);
    let whole = self::ours(case, &[usize::MAX]);
    if format!("{ours:?}") != format!("{whole:?}") {
        return Err(format!("in pieces {ours:?}, at once {whole:?}"));
    }
    let theirs = runtime.block_on(theirs(case));
    let differ = format!("ours {ours:?}, theirs {theirs:?}");
    let verdict = match (ours, theirs) {
        (Ok(ours), Ok(theirs)) if !alike(&ours, &theirs) => None,
        (Ok(ours), Ok(theirs)) if ours.keep == theirs.keep => {
            Some(Verdict::Both { keep: ours.keep })
        }
        (Ok(ours), Ok(theirs)) => kept_by_one(&theirs, ours.keep),
        (Ok(_), Err(why)) => refused_by_hyper(&why).map(Verdict::OnlyUs),
        (Err(why), Ok(theirs)) => refused_by_us(why, case, &theirs).map(Verdict::OnlyHyper),
        (Err(_), Err(_)) => Some(Verdict::Neither),
    };
    verdict.ok_or(differ)
}

/// Whether both would hand on the same answer. We keep back what is for the connection alone.
fn alike(ours: &ReadAnswer, theirs: &ReadAnswer) -> bool {
    let end_to_end = |answer: &ReadAnswer| {
        let mut headers = answer.headers.clone();
        headers.remove(header::TRANSFER_ENCODING);
        headers.remove(header::CONNECTION);
        headers
    };
    let naming = |answer: &ReadAnswer| -> Vec<HeaderValue> {
        let lines = answer.headers.get_all(header::CONNECTION).iter();
        lines.filter(|line| names_a_header(line)).cloned().collect()
    };
    ours.status == theirs.status
        && ours.body == theirs.body
        && end_to_end(ours) == end_to_end(theirs)
        && naming(ours) == naming(theirs)
        && !ours.headers.contains_key(header::TRANSFER_ENCODING)
}

fn names_a_header(line: &HeaderValue) -> bool {
    let line = line.as_bytes().to_ascii_lowercase();
    let mut names = line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    names.any(|name| !matches!(name, b"" | b"close" | b"keep-alive"))
}

/// Why only one of us keeps the connection: hyper hears nothing on a line that is not text.
fn kept_by_one(theirs: &ReadAnswer, by_us: bool) -> Option<Verdict> {
    let mut lines = theirs.headers.get_all(header::CONNECTION).iter();
    let unheard = lines.any(|line| line.to_str().is_err());
    unheard.then_some(if by_us {
        Verdict::OnlyUs("a keep-alive beside what is not text")
    } else {
        Verdict::OnlyHyper("a close beside what is not text")
    })
}

fn refused_by_hyper(why: &str) -> Option<&'static str> {
    Some(match why {
        "invalid header name" | "invalid header value" => "a trailer that is no header",
        "chunk extensions over limit" => "long extensions",
        "chunk trailers bytes over limit" => "long trailers",
        "chunk trailers count overflow" => "many trailers",
        _ => return None,
    })
}

fn refused_by_us(why: &str, case: &Case, theirs: &ReadAnswer) -> Option<&'static str> {
    let coded = theirs.headers.contains_key(header::TRANSFER_ENCODING);
    let unread = case.to_head || has_interim(&case.bytes) || is_bodiless(theirs.status);
    match why {
        "the answer has two lengths" | "the answer has a wrong Content-Length" => {
            length_refused(theirs, unread || coded)
        }
        "the length of the answer can be read two ways"
        | "the answer has an unknown transfer coding"
            if unread =>
        {
            Some("chunks that nobody reads")
        }
        "the length of the answer can be read two ways" => {
            coded.then_some("a length beside chunks")
        }
        "the answer has an unknown transfer coding" => coding_refused(theirs),
        "a chunk of the answer has a wrong size" => Some("a size in more than 15 digits"),
        "a line among the chunks has a wrong end" => Some("a bare line feed among the trailers"),
        "a line among the chunks is too long" => Some("a long line among the chunks"),
        "the head of the answer is too long" => Some("a long head"),
        _ => None,
    }
}

fn length_refused(theirs: &ReadAnswer, unread: bool) -> Option<&'static str> {
    let lengths = theirs.headers.get_all(header::CONTENT_LENGTH).iter();
    let lengths: Vec<&[u8]> = lengths.map(HeaderValue::as_bytes).collect();
    match lengths[..] {
        _ if unread => Some("a wrong length that nobody reads"),
        [_, _, ..] => Some("two equal lengths"),
        [length] if length.contains(&b',') => Some("a list of lengths"),
        [length] if length.len() > 18 => Some("a length in more than 18 digits"),
        _ => None,
    }
}

fn coding_refused(theirs: &ReadAnswer) -> Option<&'static str> {
    let codings = theirs.headers.get_all(header::TRANSFER_ENCODING).iter();
    let codings: Vec<_> = codings
        .map(|coding| coding.as_bytes().to_ascii_lowercase())
        .collect();
    let last = codings.last()?;
    Some(if codings.iter().all(|coding| coding == b"chunked") {
        "chunked twice"
    } else if last.ends_with(b"chunked") {
        "a coding beside chunked"
    } else {
        "a coding that is not chunked"
    })
}

fn is_bodiless(status: StatusCode) -> bool {
    matches!(status.as_u16(), 101 | 204 | 304)
}

fn has_interim(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii_start();
    bytes.get(8..10) == Some(b" 1") && bytes.get(9..12) != Some(b"101")
}

/// One of these, which stand between bars.
fn one_of(texts: &'static str) -> impl Strategy<Value = String> {
    let texts: Vec<&str> = texts.split('|').collect();
    select(texts).prop_map(str::to_owned)
}

/// One of the usual, so many times more often than an odd one.
fn text(weight: u32, usual: &'static str, odd: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![weight => one_of(usual), 1 => one_of(odd)]
}

fn line_end() -> impl Strategy<Value = String> {
    text(120, "\r\n", "\n|\r||\r\r\n| \r\n")
}

fn status_line() -> impl Strategy<Value = String> {
    let version = text(
        30,
        "HTTP/1.1 |HTTP/1.1 |HTTP/1.1 |HTTP/1.1 |HTTP/1.1 |HTTP/1.0 ",
        "HTTP/1.2 |HTTP/2 |http/1.1 |HTTP/1.1  |\r\nHTTP/1.1 |ICY ",
    );
    let status = text(
        30,
        "200|200|200|200|200|206|205|404|500|204|304",
        "101|100|199|099|999|20|2000|+20",
    );
    let reason = text(30, " OK|| | \u{e4}h", "\tOK| a\0|OK|  x ");
    (version, status, reason, line_end()).prop_map(|(a, b, c, d)| a + &b + &c + &d)
}

/// A header that says nothing of framing, except where it tells of the connection.
fn plain_header() -> impl Strategy<Value = String> {
    let other = text(
        30,
        "A: 1|a:2|A:\t3 |b: \u{e9}|B:|Set-Cookie: x=1|set-cookie: y=2",
        "a : 1| a: 1|a|: 1|a: \0|a: 1\n 2|\u{e9}: 1|a: 1\r2|T[]: 1",
    );
    let connection = text(
        5,
        "Connection: close|Connection: keep-alive|connection:Keep-Alive , x-a|\
         CONNECTION: x-a,CLOSE|Connection: x-a|Keep-Alive: timeout=5|\
         Connection: keep-alive, \u{e9}",
        "Connection:|Connection: close, \u{e9}|\
         Connection: closed|Connection: ,close,|Connection: \tkeep-alive\t;",
    );
    prop_oneof![3 => other, 1 => connection]
        .prop_flat_map(|header| line_end().prop_map(move |end| header.clone() + &end))
}

fn interim() -> impl Strategy<Value = String> {
    text(
        10,
        "HTTP/1.1 100 Continue\r\n\r\n|\
         HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: close\r\n\r\n|\
         HTTP/1.0 102\n\n",
        "HTTP/1.1 100 Continue\r\n|HTTP/1.1 100\r\nContent-Length: 2\r\n\r\n|\
         HTTP/1.1 100\r\nContent-Length: x\r\n\r\n|\
         HTTP/1.1 100\r\nTransfer-Encoding: x\r\n\r\n|\
         HTTP/1.1 100\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
    )
}

/// What a header says of its body's length, which is mostly true.
fn length(true_one: usize) -> impl Strategy<Value = String> {
    let dressed = one_of(
        "Content-Length: #|content-length:#|CONTENT-LENGTH:\t # \t|\
         Content-Length: 00#",
    );
    let odd = one_of(
        "Content-Length: +#|Content-Length: -#|Content-Length: #, #|\
         Content-Length: #,|Content-Length: #;|Content-Length: # 1|\
         Content-Length: 0x#|Content-Length: 1#|\
         Content-Length: 00000000000000000000#|\
         Content-Length: 99999999999999999999|Content-Length: 18446744073709551615|\
         Content-Length:|Content-Length: #\r\ncontent-length: #|\
         Content-Length: #\r\ncontent-length: 1#|Content-Length : #",
    );
    let off = prop_oneof![16 => Just(0), 1 => Just(1), 1 => Just(-1)];
    (prop_oneof![8 => dressed, 1 => odd], off).prop_map(move |(header, off)| {
        let said = true_one.saturating_add_signed(off);
        header.replace('#', &said.to_string()) + "\r\n"
    })
}

fn coding() -> impl Strategy<Value = String> {
    let coding = text(
        10,
        "Transfer-Encoding: chunked|transfer-encoding:Chunked|\
         Transfer-ENCODING: \tCHUNKED ",
        "Transfer-Encoding: gzip, chunked|Transfer-Encoding: chunked, gzip|\
         Transfer-Encoding: gzip|Transfer-Encoding: identity|\
         Transfer-Encoding: xchunked|Transfer-Encoding: chunked;q=1|\
         Transfer-Encoding: chunked,|Transfer-Encoding: ,chunked|\
         Transfer-Encoding: \"chunked\"|Transfer-Encoding:|\
         Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked|\
         Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked|\
         Transfer-Encoding: chunked\r\nTransfer-Encoding: identity|\
         Transfer-Encoding : chunked|\
         Transfer-Encoding: chunked\r\nContent-Length: 3|\
         Content-Length: 3\r\nTransfer-Encoding: chunked",
    );
    coding.prop_map(|coding| coding + "\r\n")
}

/// Bytes that could be taken for something else.
fn content(words: Range<usize>) -> impl Strategy<Value = String> {
    let word = one_of("a|hello|\r\n|\n|0\r\n\r\n|5;x\r\n|HTTP/1.1 200 OK\r\n");
    several(word, words)
}

fn several(
    text: impl Strategy<Value = String>,
    count: Range<usize>,
) -> impl Strategy<Value = String> {
    vec(text, count).prop_map(|texts| texts.concat())
}

/// The line before a chunk.
fn size(true_one: usize) -> impl Strategy<Value = String> {
    let dress = text(
        15,
        "#|#|00#|# |#\t |#;a=b|# ; a=\"b\"|#;|#;a=\u{e9}",
        " #|0x#|+#|#h|1#||#\r|# \r|#\u{c}|# \u{c}|#;a\rb|#;a\nb|0000000000000000#|\
         00000000000000#|10000000000000000#|#\u{b}|#\0|# 1",
    );
    let off = prop_oneof![40 => Just(0), 1 => Just(1), 1 => Just(-1)];
    (dress, off, any::<bool>(), line_end()).prop_map(move |(dress, off, upper, end)| {
        let said = true_one.saturating_add_signed(off);
        let digits = if upper {
            format!("{said:X}")
        } else {
            format!("{said:x}")
        };
        dress.replace('#', &digits) + &end
    })
}

fn chunk() -> impl Strategy<Value = String> {
    content(1..4).prop_flat_map(|content| {
        let chunk = (size(content.len()), line_end());
        chunk.prop_map(move |(size, end)| size + &content + &end)
    })
}

fn trailer() -> impl Strategy<Value = String> {
    let trailer = text(
        10,
        "A: 1|b:|Content-Length: 5|Transfer-Encoding: chunked|c: \u{e9}",
        "a| a: 1|a : 1|: 1|a: \0|a: 1\r2|a: 1\nb: 2|\ra: 1|\r|\n|a\n",
    );
    (trailer, line_end()).prop_map(|(trailer, end)| trailer + &end)
}

fn chunks() -> impl Strategy<Value = String> {
    let (chunks, trailers) = (several(chunk(), 0..4), several(trailer(), 0..3));
    (chunks, size(0), trailers, line_end())
        .prop_map(|(chunks, last, trailers, end)| chunks + &last + &trailers + &end)
}

/// The headers of framing, and a body that mostly fits them.
fn framed() -> impl Strategy<Value = (String, String)> {
    let sized = content(0..4).prop_flat_map(|body| (length(body.len()), Just(body)));
    let until_closed = content(0..4).prop_map(|body| (String::new(), body));
    prop_oneof![
        10 => sized,
        10 => (coding(), chunks()),
        4 => until_closed,
        1 => (length(3), chunks()),
        1 => (coding(), content(0..4)),
    ]
}

fn answer() -> impl Strategy<Value = String> {
    let interims = prop_oneof![6 => Just(String::new()), 1 => several(interim(), 1..3)];
    let headers = || several(plain_header(), 0..3);
    let blank = text(30, "\r\n", "\n");
    let stray = text(10, "", "x|\r\n|\n|\0|0\r\n\r\n|HTTP/1.1 200 OK\r\n\r\n");
    let head = (interims, status_line(), headers());
    (head, framed(), headers(), blank, stray).prop_map(
        |((interims, line, before), (framing, body), after, blank, stray)| {
            interims + &line + &before + &framing + &after + &blank + &body + &stray
        },
    )
}

#[derive(Clone, Debug)]
enum Fault {
    Cut(Index),
    Insert(Index, u8),
    Remove(Index),
    Set(Index, u8),
}

impl Fault {
    fn strike(&self, bytes: &mut Vec<u8>) {
        match self {
            _ if bytes.is_empty() => {}
            Self::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Self::Insert(at, byte) => bytes.insert(at.index(bytes.len()), *byte),
            Self::Remove(at) => drop(bytes.remove(at.index(bytes.len()))),
            Self::Set(at, byte) => *at.get_mut(bytes) = *byte,
        }
    }
}

fn fault() -> impl Strategy<Value = Fault> {
    let at = any::<Index>;
    let telling = b"\r\n \t,:;019af\0\x0b\x0c\x7f\xff-+".as_slice();
    let byte = || prop_oneof![4 => select(telling), 1 => any::<u8>()];
    prop_oneof![
        2 => at().prop_map(Fault::Cut),
        2 => (at(), byte()).prop_map(|(at, byte)| Fault::Insert(at, byte)),
        1 => at().prop_map(Fault::Remove),
        2 => (at(), byte()).prop_map(|(at, byte)| Fault::Set(at, byte)),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let faults = prop_oneof![4 => Just(Vec::new()), 1 => vec(fault(), 1..4)];
    let to_head = prop::bool::weighted(0.1);
    (to_head, answer(), faults, vec(1..40_usize, 1..4)).prop_map(
        |(to_head, text, faults, pieces)| {
            let mut bytes = text.into_bytes();
            faults.iter().for_each(|fault| fault.strike(&mut bytes));
            Case {
                to_head,
                bytes,
                pieces,
            }
        },
    )
}

#[test]
fn hyper_reads_what_we_read() {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let (runtime, verdicts) = (runtime(), RefCell::new(BTreeMap::new()));
    let run = TestRunner::new_with_rng(config, rng).run(&case(), |case| {
        let verdict = judge(&case, &runtime).map_err(TestCaseError::fail)?;
        *verdicts.borrow_mut().entry(verdict).or_insert(0) += 1;
        Ok(())
    });
    if let Err(difference) = run {
        panic!("{difference}");
    }
    let verdicts = verdicts.into_inner();
    let both = [false, true].map(|keep| verdicts[&Verdict::Both { keep }]);
    assert!(both.iter().all(|count| *count > CASES / 8), "{verdicts:?}");
    let mut named: Vec<_> = ONLY_HYPER.map(Verdict::OnlyHyper).into();
    named.extend(ONLY_US.map(Verdict::OnlyUs));
    let others = |verdict: &&Verdict| !matches!(verdict, Verdict::Both { .. } | Verdict::Neither);
    let seen: Vec<_> = verdicts.keys().filter(others).collect();
    assert!(seen.iter().copied().eq(&named), "{verdicts:?}");
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

fn verdict(text: &str) -> Verdict {
    asked(text, false)
}

fn asked(text: &str, to_head: bool) -> Verdict {
    in_pieces(text, to_head, vec![1, 7])
}

fn in_pieces(text: &str, to_head: bool, pieces: Vec<usize>) -> Verdict {
    let case = Case {
        to_head,
        bytes: text.into(),
        pieces,
    };
    judge(&case, &runtime()).expect("a difference that is known")
}

#[test]
fn both_see_whether_another_request_may_follow() {
    let sized = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let chunked = format!("{CHUNKED}2\r\nok\r\n0\r\nA: 1\r\n\r\n");
    for text in [
        sized,
        &chunked,
        "HTTP/1.1 304 x\r\nContent-Length: 2\r\n\r\n",
    ] {
        assert_eq!(verdict(text), Verdict::Both { keep: true }, "{text:?}");
        let stray = format!("{text}\r\n");
        assert_eq!(verdict(&stray), Verdict::Both { keep: false }, "{text:?}");
        let cut = &text[..text.len() - 1];
        assert_eq!(verdict(cut), Verdict::Neither, "{text:?}");
    }
    assert_eq!(asked(sized, true), Verdict::Both { keep: false });
    let old = sized.replace("/1.1", "/1.0");
    assert_eq!(verdict(&old), Verdict::Both { keep: false });
    let until_closed = "HTTP/1.1 200 OK\r\n\r\nok";
    assert_eq!(verdict(until_closed), Verdict::Both { keep: false });
}

#[test]
fn lengths_that_hyper_makes_sense_of_are_refused() {
    let refused = |headers: &str, body: &str, why| {
        let text = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{body}");
        assert_eq!(verdict(&text), Verdict::OnlyHyper(why), "{headers}");
    };
    let sized = |headers: &str, why| refused(headers, "ok", why);
    let twice = "Content-Length: 2\r\nContent-Length: 2";
    sized(twice, "two equal lengths");
    sized("Content-Length: 2, 2", "a list of lengths");
    let digits = "Content-Length: 0000000000000000002";
    sized(digits, "a length in more than 18 digits");

    let coded = |headers: &str, why| refused(headers, "2\r\nok\r\n0\r\n\r\n", why);
    let both = "Content-Length: 2\r\nTransfer-Encoding: chunked";
    coded(both, "a length beside chunks");
    let wrong = "Content-Length: x\r\nTransfer-Encoding: chunked";
    coded(wrong, "a wrong length that nobody reads");
    let listed = "Transfer-Encoding: gzip, chunked";
    coded(listed, "a coding beside chunked");
    let apart = "Transfer-Encoding: a\r\nTransfer-Encoding: chunked";
    coded(apart, "a coding beside chunked");
    for coding in ["chunked, gzip", "identity"] {
        let header = format!("Transfer-Encoding: {coding}");
        coded(&header, "a coding that is not chunked");
    }
}

#[test]
fn a_length_is_judged_even_where_there_is_no_body() {
    let length = Verdict::OnlyHyper("a wrong length that nobody reads");
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n";
    assert_eq!(asked(ok, true), length);
    for text in [
        "HTTP/1.1 204 x\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 100 x\r\nContent-Length: x\r\n\r\nHTTP/1.1 204 x\r\n\r\n",
    ] {
        assert_eq!(verdict(text), length, "{text:?}");
    }
    let chunks = Verdict::OnlyHyper("chunks that nobody reads");
    for text in [
        "HTTP/1.1 304 x\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.0 304 x\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        assert_eq!(verdict(text), chunks, "{text:?}");
    }
}

#[test]
fn a_bare_return_is_refused_by_both() {
    for size in ["2;a\rb", "2\r", "2 \r", "2;\r"] {
        let text = format!("{CHUNKED}{size}\r\nok\r\n0\r\n\r\n");
        assert_eq!(verdict(&text), Verdict::Neither, "{size:?}");
    }
    for trailer in ["a: 1\r2", "\ra: 1", "\r"] {
        let text = format!("{CHUNKED}0\r\n{trailer}\r\n\r\n");
        assert_eq!(verdict(&text), Verdict::Neither, "{trailer:?}");
    }
}

#[test]
fn a_size_is_padded_with_spaces_and_tabs_alone() {
    let padded = |by| verdict(&format!("{CHUNKED}2{by}\r\nok\r\n0\r\n\r\n"));
    assert_eq!(padded(" \t"), Verdict::Both { keep: true });
    for by in ["\u{b}", "\u{c}", " \u{c}"] {
        assert_eq!(padded(by), Verdict::Neither, "{by:?}");
    }
}

#[test]
fn what_is_dropped_with_the_trailers_is_not_judged() {
    let dropped = |trailer| verdict(&format!("{CHUNKED}0\r\n{trailer}\r\n\r\n"));
    let why = Verdict::OnlyUs("a trailer that is no header");
    for trailer in ["no colon", "a : 1", "a: \0"] {
        assert_eq!(dropped(trailer), why, "{trailer:?}");
    }
    let why = Verdict::OnlyHyper("a bare line feed among the trailers");
    assert_eq!(dropped("\n"), why);
}

#[test]
fn chunks_have_bounds_of_their_own() {
    let body = |chunks: &str, last: &str| verdict(&format!("{CHUNKED}{chunks}0\r\n{last}\r\n"));
    let extended = |length| format!("2;{}\r\nok\r\n", "x".repeat(length));
    let trailer = |length: usize| format!("a: {}\r\n", "x".repeat(length - 5));
    let both = Verdict::Both { keep: true };
    assert_eq!(body(&extended(4_000), &trailer(4_000)), both);
    let long = Verdict::OnlyHyper("a long line among the chunks");
    assert_eq!(body(&extended(8_000), ""), long);
    assert_eq!(body("", &trailer(8_000)), long);
    let padded = Verdict::OnlyHyper("a size in more than 15 digits");
    assert_eq!(body("0000000000000002\r\nok\r\n", ""), padded);
    let extensions = Verdict::OnlyUs("long extensions");
    assert_eq!(body(&extended(4_000).repeat(5), ""), extensions);
    let many = Verdict::OnlyUs("many trailers");
    assert_eq!(body("", &"a: 1\r\n".repeat(101)), many);
    // Hyper counts the end of the last trailer and the blank line after it, too.
    let between = Verdict::OnlyUs("long trailers");
    for (last, verdict) in [(300, both), (386, between), (387, Verdict::Neither)] {
        let trailers = trailer(4_000).repeat(4) + &trailer(last);
        assert_eq!(body("", &trailers), verdict, "{}", trailers.len());
    }
}

#[test]
fn connection_is_heard_beside_what_is_not_text() {
    let close = "HTTP/1.1 204 x\r\nConnection: close, \u{e9}\r\n\r\n";
    let why = Verdict::OnlyHyper("a close beside what is not text");
    assert_eq!(verdict(close), why);
    let keep = "HTTP/1.0 204 x\r\nConnection: keep-alive, \u{e9}\r\n\r\n";
    let why = Verdict::OnlyUs("a keep-alive beside what is not text");
    assert_eq!(verdict(keep), why);
}

#[test]
fn a_long_head_is_refused_however_it_comes() {
    let verdict = |length: usize| {
        let start = "HTTP/1.1 204 x\r\na: ";
        let rest = "x".repeat(length - start.len() - 4);
        in_pieces(&format!("{start}{rest}\r\n\r\n"), false, vec![8 * 1024])
    };
    let bound = 128 * 1024;
    assert_eq!(verdict(bound), Verdict::Both { keep: true });
    let why = Verdict::OnlyHyper("a long head");
    assert_eq!(verdict(bound + 1), why);
    assert_eq!(verdict(200_000), why);
}

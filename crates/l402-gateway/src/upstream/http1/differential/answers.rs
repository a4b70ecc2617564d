//! Answers as upstreams may send them: mostly sound, and odd in every place that matters.

use core::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::readers::Case;

/// Picks one of these texts, which stand between bars.
fn one_of(texts: &'static str) -> impl Strategy<Value = String> {
    let texts: Vec<&str> = texts.split('|').collect();
    select(texts).prop_map(str::to_owned)
}

/// Picks a usual text, or an odd one; the usual ones are more frequent by this factor.
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

/// Makes a header that is not about framing, but may be about the connection.
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

/// Makes the text of a length, which is mostly true.
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

/// Makes bytes that could be taken for a line, a chunk or a head.
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

/// Makes the line before a chunk.
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

/// Makes headers of framing, and a body that mostly fits them.
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

pub(super) fn case() -> impl Strategy<Value = Case> {
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

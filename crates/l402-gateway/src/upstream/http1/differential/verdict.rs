//! The verdict on two readings of one answer, and the reasons for which they may differ.

use http::StatusCode;
use http::header::{self, HeaderValue};
use tokio::runtime::Runtime;

use super::readers::{Case, ReadAnswer, ours, theirs};

/// The reason why we refuse an answer that hyper accepts, in the cases that are made here.
pub(super) const ONLY_HYPER: [&str; 12] = [
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

/// The reason why hyper refuses an answer that we accept. It reads the trailers, and we drop them.
pub(super) const ONLY_US: [&str; 2] = [
    "a keep-alive beside what is not text",
    "a trailer that is no header",
];

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Both { keep: bool },
    Neither,
    OnlyHyper(&'static str),
    OnlyUs(&'static str),
}

/// Returns the readers that accept an answer. An error if both do and read it differently, or if no
/// known reason explains why one does not.
pub(super) fn judge(case: &Case, runtime: &Runtime) -> Result<Verdict, String> {
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

/// Returns true if both would pass on the same answer. We drop headers that are for the connection
/// alone.
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

/// Returns the reason why only one reader keeps the connection: hyper ignores a line that is not
/// text.
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

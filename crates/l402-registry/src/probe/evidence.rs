//! The part of an answer that is kept and shown.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;
use l402::text::{escape_within, is_hidden};
use l402_client::examine::{Report, Verdict};

use crate::fetch::Fetched;
use crate::listing::Evidence;

/// The longest line of a challenge, in bytes.
const LINE_MAX: usize = 400;

/// The most lines of challenges.
const LINES_MAX: usize = 8;

/// The most findings, and the characters of one.
const FINDINGS_MAX: usize = 40;
const TEXT_MAX: usize = 300;

/// The longest URL and the longest invoice, in bytes.
const URL_MAX: usize = 2048;
const INVOICE_MAX: usize = 4096;

/// The most characters of a token, or of another long word, that are shown.
const WORD_SHOWN: usize = 16;

/// The length from which on a word counts as a long one.
const WORD_LONG: usize = 48;

/// Returns what is kept of an answer.
pub(super) fn evidence(method: &str, answer: &Fetched, report: &Report) -> Evidence {
    let invoice = report.offer.as_ref().map(|offer| offer.bolt11.clone());
    let is_plain = |text: &String| {
        text.len() <= INVOICE_MAX && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    Evidence {
        method: method.to_owned(),
        url: cut(answer.url.as_str(), URL_MAX).to_owned(),
        status: answer.status.as_u16(),
        challenges: lines(&answer.headers),
        invoice: invoice.filter(is_plain),
        findings: findings(report),
    }
}

fn findings(report: &Report) -> Vec<(String, String, String)> {
    let findings = report.findings.iter().take(FINDINGS_MAX);
    let told = findings.map(|one| {
        let verdict = match one.verdict {
            Verdict::Remark => "remark",
            Verdict::Sound => "sound",
            Verdict::Unsound => "unsound",
        };
        let text = escape_within(&one.text, TEXT_MAX);
        (one.rule.to_owned(), verdict.to_owned(), text)
    });
    told.collect()
}

/// Returns the challenges, with every token shortened.
fn lines(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(WWW_AUTHENTICATE).iter().take(LINES_MAX);
    let shown = lines.map(|line| {
        let line = String::from_utf8_lossy(line.as_bytes());
        let line: String = line.chars().filter(|c| !is_hidden(*c)).collect();
        cut(&shortened(&line), LINE_MAX).to_owned()
    });
    shown.collect()
}

/// Shortens the values of `token` and `macaroon`, and all long words, such as the request of a `Payment`
/// challenge. The invoice is kept whole beside it.
fn shortened(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    let mut is_secret = false;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        if word.is_empty() {
            shown.push(first);
            // A value begins behind `=` and perhaps a quote; anything else ends the parameter.
            is_secret &= matches!(first, '=' | '"' | ' ' | '\t');
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let at_most = if is_secret { word.len() / 2 } else { WORD_LONG };
        if word.len() > at_most {
            shown.push_str(&word[..at_most.min(WORD_SHOWN)]);
            shown.push('…');
        } else {
            shown.push_str(word);
        }
        is_secret = is_name_of_token(word) && behind.trim_start().starts_with('=');
        rest = behind;
    }
    shown
}

fn is_name_of_token(word: &str) -> bool {
    word.eq_ignore_ascii_case("token") || word.eq_ignore_ascii_case("macaroon")
}

/// Returns true for the characters of base64, and of the words between which parameters stand. The
/// padding is left out, for `=` stands behind a name as well.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '.')
}

/// Returns the begin of a text, at most so many bytes.
fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_is_whole() {
        let long = "AgEEbHNhdAJCAACQHzuB5duU3EYt2kmiVSoVlhSUWgwrub7d08qLxOJutgIOevXgZSl36E";
        for (line, shown) in [
            (
                format!("L402 macaroon=\"{long}==\", invoice=\"lnbc100n1\""),
                "L402 macaroon=\"AgEEbHNhdAJCAACQ…==\", invoice=\"lnbc100n1\"".to_owned(),
            ),
            (
                "L402 version=\"0\", token=abcd1234, invoice=lnbc1".to_owned(),
                "L402 version=\"0\", token=abcd…, invoice=lnbc1".to_owned(),
            ),
            (
                "LSAT Macaroon = \"ab+/cd\" , invoice=x".to_owned(),
                "LSAT Macaroon = \"ab+…\" , invoice=x".to_owned(),
            ),
            (
                format!("Payment id=\"{long}\", method=\"lightning\""),
                "Payment id=\"AgEEbHNhdAJCAACQ…\", method=\"lightning\"".to_owned(),
            ),
        ] {
            assert_eq!(shortened(&line), shown);
        }
    }

    #[test]
    fn lines_are_short_and_free_of_control_characters() {
        let mut headers = HeaderMap::new();
        for at in 0_u8..20 {
            let text = [
                b"L402 \x80\xff\t\"<script>",
                "ä ".repeat(400).as_bytes(),
                &[b'a' + at],
            ]
            .concat();
            headers.append(WWW_AUTHENTICATE, text.try_into().unwrap());
        }
        let lines = lines(&headers);
        assert_eq!(lines.len(), LINES_MAX);
        assert!(lines.iter().all(|line| line.len() <= LINE_MAX));
        assert!(lines.iter().all(|line| !line.contains(char::is_control)));
    }
}

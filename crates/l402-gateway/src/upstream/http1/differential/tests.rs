//! The comparison of the two readers, on answers made at random and on the cases behind each
//! reason.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use super::answers::case;
use super::readers::{Case, runtime};
use super::verdict::{ONLY_HYPER, ONLY_US, Verdict, judge};

const CASES: u32 = 12_000;

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

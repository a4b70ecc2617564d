#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::*;
use crate::preimage::Preimage;

const TOKEN: &str = "AgEEbHNhdA==";
const INVOICE: &str = "lnbc100n1pexample";

fn parse(lines: &[&str]) -> Challenges {
    Challenges::parse(lines.iter().map(|line| line.as_bytes())).unwrap()
}

fn payable(lines: &[&str]) -> Result<Vec<(Scheme, String, String)>, ChallengeError> {
    let triple = |c: Challenge| (c.scheme(), c.token().to_owned(), c.invoice().to_owned());
    parse(lines)
        .payable()
        .map(|list| list.into_iter().map(triple).collect())
}

fn one(scheme: Scheme, token: &str, invoice: &str) -> Vec<(Scheme, String, String)> {
    vec![(scheme, token.to_owned(), invoice.to_owned())]
}

fn schemes(lines: &[&str]) -> Vec<String> {
    parse(lines).iter().map(|c| c.scheme().to_owned()).collect()
}

#[test]
fn emits_the_superset_line_and_the_old_one() {
    let challenge = Challenge::new(TOKEN, INVOICE).unwrap();
    assert_eq!(
        challenge.to_header(),
        format!(r#"L402 macaroon="{TOKEN}", invoice="{INVOICE}", version="0", token="{TOKEN}""#)
    );
    assert_eq!(
        challenge.to_lsat_header(),
        format!(r#"LSAT macaroon="{TOKEN}", invoice="{INVOICE}""#)
    );
}

/// ATTACKS C-35.
#[test]
fn a_token_that_could_break_out_of_a_header_is_refused() {
    for bad in [
        "",
        "a b",
        "a,b",
        "a\"b",
        "a\r\nX: y",
        "a\tb",
        "a\0",
        "tökn",
        "a\u{7f}",
    ] {
        assert_eq!(
            Challenge::new(bad, INVOICE),
            Err(ChallengeError::Token),
            "{bad:?}"
        );
        assert_eq!(
            Challenge::new(TOKEN, bad),
            Err(ChallengeError::Invoice),
            "{bad:?}"
        );
    }
    let line = format!("L402 token=\"a\r\nX: y\", invoice=\"{INVOICE}\"");
    assert_eq!(payable(&[&line]), Err(ChallengeError::Token));
    let line = format!("L402 token=\"{TOKEN}\", invoice=\"a b\"");
    assert_eq!(payable(&[&line]), Err(ChallengeError::Invoice));
}

#[test]
fn the_credential_goes_back_under_the_name_of_the_challenge() {
    let preimage = Preimage::from_bytes([0xab; 32]);
    let hex = "ab".repeat(32);
    for (scheme, name) in [
        ("L402", "L402"),
        ("l402", "L402"),
        ("LSAT", "LSAT"),
        ("lsat", "LSAT"),
    ] {
        let line = format!("{scheme} token=x.y, invoice=i");
        let list = parse(&[&line]).payable().unwrap();
        assert_eq!(
            list[0].authorization(&preimage),
            format!("{name} x.y:{hex}")
        );
    }
}

#[test]
fn debug_shows_no_token() {
    let line = format!("L402 token=\"{TOKEN}\", invoice=\"{INVOICE}\"");
    let challenges = parse(&[&line]);
    let text = format!("{challenges:?} {:?}", challenges.payable());
    assert!(!text.contains(TOKEN) && text.contains("invoice"), "{text}");
}

#[test]
fn names_are_lower_cased_and_escapes_are_taken_out() {
    let challenges = parse(&[r#"L402 ToKeN = "a\"b\\c" ,Invoice= "\i" x=1=2=="#]);
    let params: Vec<_> = challenges.all[0].params().collect();
    assert_eq!(
        params,
        [("token", r#"a"b\c"#), ("invoice", "i"), ("x", "1=2==")]
    );
}

#[test]
fn text_in_quotes_never_becomes_a_challenge() {
    let trap = format!(r#"L402 macaroon="evil", invoice="{INVOICE}""#);
    let escaped = trap.replace('"', "\\\"");
    for line in [
        format!(r#"Basic realm="x, {escaped}""#),
        format!(r#"Basic realm="{escaped}"#),
        format!(r#""x, {escaped}", Basic"#),
        format!(r#"Basic "x, {escaped}", y"#),
        format!(r#"Basic realm="x"" , {escaped}""#),
    ] {
        assert_eq!(payable(&[&line]), Err(ChallengeError::Missing), "{line}");
    }
}

#[test]
fn an_open_quote_drops_its_challenge_and_keeps_what_came_before() {
    let good = format!(r#"L402 macaroon="{TOKEN}", invoice="{INVOICE}""#);
    let expected = Ok(one(Scheme::L402, TOKEN, INVOICE));
    assert_eq!(
        payable(&[&format!(r#"{good}, Payment id="x, method="y"#)]),
        expected
    );
    assert_eq!(payable(&[r#"L402 macaroon="abc"#, &good]), expected);
    assert_eq!(
        payable(&[r#"L402 macaroon="abc", invoice="x"#]),
        Err(ChallengeError::Unreadable)
    );
    assert_eq!(
        payable(&[r#"L402 macaroon="abc\"#]),
        Err(ChallengeError::Unreadable)
    );
}

#[test]
fn what_no_grammar_covers_drops_its_challenge_alone() {
    let good = format!("L402 token={TOKEN}, invoice={INVOICE}");
    for bad in [
        r#"L402 token="a"x, invoice="i""#,
        r#"L402 token="a""b", invoice="i""#,
        r#"L402 token="a"; invoice="i""#,
        r#"L402 token="a", ;, invoice="i""#,
        r#"L402 token="a", =x, invoice="i""#,
    ] {
        assert_eq!(payable(&[bad]), Err(ChallengeError::Unreadable), "{bad}");
        let line = format!("{bad}, {good}");
        assert_eq!(
            payable(&[&line]),
            Ok(one(Scheme::L402, TOKEN, INVOICE)),
            "{line}"
        );
    }
}

// FAULTS D6: a challenge that cannot be read is not called absent. The kind: a broken challenge of
// any other scheme says nothing about L402.
#[test]
fn a_challenge_that_is_lost_is_told_from_none() {
    for line in [
        r#"L402 macaroon: "a", invoice="i""#,
        r#"l402: macaroon="a", invoice="i""#,
        r#"Basic realm="x", LSAT macaroon="a"#,
        r#"LSAT{macaroon="a"}"#,
    ] {
        assert_eq!(payable(&[line]), Err(ChallengeError::Unreadable), "{line}");
    }
    for line in [r#"Basic realm="x"#, r#"Payment: x"#, "{}", "L40"] {
        assert_eq!(payable(&[line]), Err(ChallengeError::Missing), "{line}");
    }
}

// FAULTS D2: one `lightning:` before an invoice, in any case, is no part of it.
#[test]
fn the_scheme_of_a_link_is_taken_off_an_invoice() {
    for before in ["lightning:", "LIGHTNING:", "Lightning:"] {
        let line = format!("L402 token=t, invoice=\"{before}{INVOICE}\"");
        assert_eq!(payable(&[&line]), Ok(one(Scheme::L402, "t", INVOICE)));
    }
    let twice = "L402 token=t, invoice=lightning:lightning:x";
    assert_eq!(payable(&[twice]), Ok(one(Scheme::L402, "t", "lightning:x")));
    let nothing = "L402 token=t, invoice=lightning:";
    assert_eq!(payable(&[nothing]), Err(ChallengeError::Invoice));
}

#[test]
fn token68_is_neither_scheme_nor_parameter() {
    for word in [
        "abc",
        "abc=",
        "abc==",
        "a/b+c==",
        "+/",
        "price-only",
        "abc== ",
    ] {
        let line = format!("Negotiate {word}, L402 token={TOKEN}, invoice={INVOICE}");
        assert_eq!(
            payable(&[&line]),
            Ok(one(Scheme::L402, TOKEN, INVOICE)),
            "{line}"
        );
        assert_eq!(schemes(&[&line]), ["Negotiate", "L402"], "{line}");
        assert_eq!(parse(&[&line]).all[0].params().count(), 0, "{line}");
        assert_eq!(
            schemes(&[&format!("Negotiate {word}")]),
            ["Negotiate"],
            "{word}"
        );
    }
}

#[test]
fn bare_schemes_are_challenges_without_parameters() {
    for line in [
        "L402",
        "L402 ",
        "L402,",
        "LSAT",
        "L402 price-only",
        ", ,\tL402 ,,",
    ] {
        assert_eq!(payable(&[line]), Err(ChallengeError::Incomplete), "{line}");
        assert_eq!(schemes(&[line]).len(), 1, "{line}");
    }
    assert_eq!(
        schemes(&["L402, Basic, Payment"]),
        ["L402", "Basic", "Payment"]
    );
    for line in [
        "",
        " , ",
        "Basic realm=\"L402\"",
        "L4022 token=a, invoice=i",
        "token=a",
    ] {
        assert_eq!(payable(&[line]), Err(ChallengeError::Missing), "{line}");
    }
}

#[test]
fn no_parameter_crosses_into_another_challenge() {
    for line in [
        r#"L402 token="t", Payment id="1", invoice="i""#,
        r#"Payment invoice="i", L402 token="t""#,
        r#"L402 Payment token="t" invoice="i""#,
        r#"L402 price-only Payment token="t", invoice="i""#,
    ] {
        assert_eq!(payable(&[line]), Err(ChallengeError::Incomplete), "{line}");
    }
    let lines = [r#"L402 token="t""#, r#"invoice="i""#];
    assert_eq!(payable(&lines), Err(ChallengeError::Incomplete));
}

#[test]
fn the_first_value_is_kept_and_a_contradiction_flagged() {
    let challenges = parse(&["L402 token=a, token=a, invoice=i, invoice=j"]);
    assert_eq!(challenges.all[0].param("invoice"), Some("i"));
    assert!(challenges.all[0].is_ambiguous());
    assert_eq!(challenges.payable(), Err(ChallengeError::Ambiguous));
    let same = ["L402 token=a, TOKEN=a, invoice=i"];
    assert_eq!(payable(&same), Ok(one(Scheme::L402, "a", "i")));
}

/// ATTACKS C-16.
#[test]
fn a_contradiction_beside_a_good_challenge_still_stops() {
    for bad in [
        "L402 macaroon=a, token=b, invoice=i",
        "LSAT macaroon=a, token=b",
        "L402 macaroon=\"\", token=b, invoice=i",
        "L402 token=a, invoice=i, invoice=j",
        "L402 token=a, version=0, version=1",
    ] {
        let lines = ["L402 token=good, invoice=i", bad];
        assert_eq!(payable(&lines), Err(ChallengeError::Ambiguous), "{bad}");
        assert_eq!(payable(&[bad]), Err(ChallengeError::Ambiguous), "{bad}");
    }
    let lines = ["Payment id=a, id=b", "L402 token=good, invoice=i"];
    assert_eq!(payable(&lines), Ok(one(Scheme::L402, "good", "i")));
}

#[test]
fn an_incomplete_challenge_is_skipped_beside_a_complete_one() {
    for bad in [
        "L402 invoice=i",
        "L402 token=t",
        "L402 token=\"\", invoice=i",
        "L402",
    ] {
        assert_eq!(payable(&[bad]), Err(ChallengeError::Incomplete), "{bad}");
        let lines = [bad, "L402 token=good, invoice=i"];
        assert_eq!(payable(&lines), Ok(one(Scheme::L402, "good", "i")), "{bad}");
    }
}

#[test]
fn l402_comes_before_lsat_and_twins_count_once() {
    let lines = [
        "LSAT macaroon=a, invoice=i",
        "LSAT macaroon=b, invoice=j",
        "L402 macaroon=a, invoice=i",
        "L402 token=a, invoice=i, version=0",
        "L402 macaroon=a, invoice=k",
    ];
    let found = payable(&lines).unwrap();
    let short: Vec<_> = found
        .iter()
        .map(|(s, t, i)| format!("{} {t} {i}", s.name()))
        .collect();
    assert_eq!(short, ["L402 a i", "L402 a k", "LSAT b j"]);
}

/// ATTACKS C-27.
#[test]
fn sizes_are_bounded() {
    let line = vec![b' '; Challenges::MAX_LEN];
    assert!(Challenges::parse([&line[..]]).is_ok());
    let lines = [&line[..], &b" "[..]];
    assert_eq!(Challenges::parse(lines), Err(ChallengeError::TooLarge));
    for (count, fits) in [(32, true), (33, false)] {
        let many = vec!["L402"; count].join(", ");
        assert_eq!(Challenges::parse([many.as_bytes()]).is_ok(), fits);
        let params: Vec<_> = (0..count).map(|n| format!("p{n}=1")).collect();
        let wide = format!("L402 {}", params.join(", "));
        assert_eq!(Challenges::parse([wide.as_bytes()]).is_ok(), fits);
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_emitted_is_read_back(
            token in "[!#-+\\-->-~/-:;<=]{1,80}",
            invoice in "[!#-+\\--~]{1,80}",
        ) {
            let challenge = Challenge::new(&token, &invoice).unwrap();
            let line = challenge.to_header();
            let both = [challenge.to_lsat_header(), line.clone()];
            for lines in [&both[1..], &both[..]] {
                let parsed = Challenges::parse(lines.iter().map(|l| l.as_bytes())).unwrap();
                prop_assert_eq!(parsed.payable().unwrap(), std::slice::from_ref(&challenge));
            }
            let joined = format!("Basic realm=\"a, b\", {line}, Payment id=\"1\"");
            let parsed = Challenges::parse([joined.as_bytes()]).unwrap();
            prop_assert_eq!(parsed.payable().unwrap(), vec![challenge]);
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(
            lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..4),
        ) {
            if let Ok(found) = Challenges::parse(lines.iter().map(Vec::as_slice)) {
                let _verdict = found.payable();
            }
        }

        #[test]
        fn whatever_is_payable_can_be_sent_back(line in "([LlSsAaTt402 ,=\"\\\\]|token|invoice|L402 ){0,40}") {
            for challenge in Challenges::parse([line.as_bytes()]).unwrap_or_default().payable().unwrap_or_default() {
                prop_assert!(Challenge::new(challenge.token(), challenge.invoice()).is_ok());
            }
        }
    }
}

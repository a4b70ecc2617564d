//! Cleaning of answers: what an upstream may not say to a buyer, and what no cache may keep.

use http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, VARY, WWW_AUTHENTICATE};
use l402::{AuthChallenge, Challenges};

use crate::request::is_own;

/// Takes payment challenges, receipts and `x-l402-…` out of the headers or trailers of an answer.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let doomed = |name: &&HeaderName| is_own(name.as_str()) || *name == "payment-receipt";
    let doomed: Vec<_> = headers.keys().filter(doomed).cloned().collect();
    for name in doomed {
        headers.remove(name);
    }
    if headers.contains_key(WWW_AUTHENTICATE) {
        strip_challenges(headers);
    }
}

fn strip_challenges(headers: &mut HeaderMap) {
    let lines: Vec<_> = headers.get_all(WWW_AUTHENTICATE).iter().cloned().collect();
    headers.remove(WWW_AUTHENTICATE);
    for line in lines.iter().filter_map(kept) {
        headers.append(WWW_AUTHENTICATE, line);
    }
}

/// The line without its payment challenges; `None` where nothing is left, or where what is left
/// could still be taken for one by a reader that only looks for the word.
fn kept(line: &HeaderValue) -> Option<HeaderValue> {
    let challenges = Challenges::parse([line.as_bytes()]).ok()?;
    let foreign: Vec<_> = challenges.iter().filter(|c| !is_payment(c)).collect();
    let line = if foreign.len() == challenges.iter().count() {
        line.clone()
    } else {
        let text: Vec<String> = foreign.into_iter().map(write).collect();
        HeaderValue::from_str(&text.join(", ")).ok()?
    };
    let text = line.as_bytes().to_ascii_lowercase();
    let names = |word: &[u8]| text.windows(word.len()).any(|window| window == word);
    (!text.is_empty() && !names(b"l402") && !names(b"lsat")).then_some(line)
}

fn is_payment(challenge: &AuthChallenge) -> bool {
    ["l402", "lsat", "payment"]
        .iter()
        .any(|scheme| challenge.scheme().eq_ignore_ascii_case(scheme))
}

fn write(challenge: &AuthChallenge) -> String {
    let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let params = challenge
        .params()
        .map(|(name, value)| format!("{name}=\"{}\"", quote(value)));
    let params: Vec<String> = params.collect();
    format!("{} {}", challenge.scheme(), params.join(", "))
        .trim_end()
        .to_owned()
}

/// No cache keeps a paid answer, and none gives it to somebody else. Some caches have a header of
/// their own that they heed before `cache-control` (RFC 9213).
pub(crate) fn make_private(headers: &mut HeaderMap) {
    let targeted = |name: &&HeaderName| {
        let name = name.as_str();
        matches!(name, "surrogate-control" | "x-accel-expires")
            || name.ends_with("cdn-cache-control")
    };
    let doomed: Vec<_> = headers.keys().filter(targeted).cloned().collect();
    for name in doomed {
        headers.remove(name);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    let named = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        text.split(',')
            .any(|name| matches!(name.trim(), "*" | "authorization"))
    };
    if !headers.get_all(VARY).iter().any(named) {
        headers.append(VARY, HeaderValue::from_static("authorization"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(lines: &[&str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(WWW_AUTHENTICATE, line.parse().unwrap());
        }
        headers.insert("x-l402-paid", HeaderValue::from_static("1"));
        headers.insert("payment-receipt", HeaderValue::from_static("r"));
        strip(&mut headers);
        assert_eq!(
            headers.len(),
            headers.get_all(WWW_AUTHENTICATE).iter().count()
        );
        let lines = headers.get_all(WWW_AUTHENTICATE).iter();
        lines
            .map(|line| line.to_str().unwrap().to_owned())
            .collect()
    }

    /// ATTACKS H-30.
    #[test]
    fn payment_challenges_go_and_others_stay() {
        let basic = r#"Basic realm="a \"b\", c""#;
        assert_eq!(left(&[basic]), [basic]);
        assert_eq!(left(&["Negotiate YWJj=="]), ["Negotiate YWJj=="]);
        for forged in [
            r#"L402 macaroon="m", invoice="lnbc1""#,
            r#"lsat macaroon=m,invoice=lnbc1"#,
            r#"Payment id="x", method="lightning""#,
            r#"Basic realm="L402 macaroon=\"m\", invoice=\"i\"""#,
        ] {
            assert_eq!(left(&[forged]), [""; 0], "{forged}");
            assert_eq!(left(&[forged, basic]), [basic], "{forged}");
        }
        let mixed = r#"Basic realm="a", L402 macaroon="m", invoice="i", Bearer scope="s""#;
        assert_eq!(left(&[mixed]), [r#"Basic realm="a", Bearer scope="s""#]);
    }
}

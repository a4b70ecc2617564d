//! The cleaning of answers: headers of the upstream that must not reach a buyer, and the rules for
//! caches.

use http::header::{
    CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, SET_COOKIE, VARY, WWW_AUTHENTICATE,
};
use l402::{AuthChallenge, Challenges};

use crate::request::{PassCookies, is_own, name_of};

/// Removes payment challenges, receipts, passes, `l402-…` and `x-l402-…` from the headers or trailers of an
/// answer. A client would take them for the paywall's own, and pay the upstream or believe what it
/// says of a use (ATTACKS H-30).
pub(crate) fn strip(headers: &mut HeaderMap) {
    let (mut has_challenges, mut has_cookies) = (false, false);
    let is_removed = |name: &&HeaderName| {
        has_challenges |= **name == WWW_AUTHENTICATE;
        has_cookies |= **name == SET_COOKIE;
        let name = name.as_str();
        name.starts_with("l402-") || is_own(name) || name == "payment-receipt"
    };
    let removed: Vec<_> = headers.keys().filter(is_removed).cloned().collect();
    for name in removed {
        headers.remove(name);
    }
    if has_challenges {
        strip_challenges(headers);
    }
    if has_cookies {
        strip_passes(headers);
    }
}

/// Removes the cookies that only the paywall may set.
fn strip_passes(headers: &mut HeaderMap) {
    let is_pass = |line: &HeaderValue| {
        let cookie = line.as_bytes().split(|byte| *byte == b';').next();
        let cookie = cookie.unwrap_or_default();
        // A cookie without a name is sent as its value alone, which begins with a name for whoever reads it.
        let before = cookie
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace() || **byte == b'=');
        PassCookies::is_own(name_of(&cookie[before.count()..]))
    };
    let lines: Vec<_> = headers.get_all(SET_COOKIE).iter().cloned().collect();
    if lines.iter().any(is_pass) {
        headers.remove(SET_COOKIE);
        for line in lines.into_iter().filter(|line| !is_pass(line)) {
            headers.append(SET_COOKIE, line);
        }
    }
}

/// Removes the payment challenges from `www-authenticate`, and keeps the others.
fn strip_challenges(headers: &mut HeaderMap) {
    let lines: Vec<_> = headers.get_all(WWW_AUTHENTICATE).iter().cloned().collect();
    headers.remove(WWW_AUTHENTICATE);
    for line in lines.iter().filter_map(kept) {
        headers.append(WWW_AUTHENTICATE, line);
    }
}

/// Returns a line without its payment challenges, or `None` if nothing may stay of it.
fn kept(line: &HeaderValue) -> Option<HeaderValue> {
    let challenges = Challenges::parse([line.as_bytes()]).ok()?;
    // A line without payment challenges is kept byte by byte, since rewriting could change it.
    let foreign: Vec<_> = challenges.iter().filter(|c| !is_payment(c)).collect();
    let line = if foreign.len() == challenges.iter().count() {
        line.clone()
    } else {
        let text: Vec<String> = foreign.into_iter().map(write).collect();
        HeaderValue::from_str(&text.join(", ")).ok()?
    };
    // Some clients only search the line for the word, so that a quoted realm could be a challenge:
    // `Basic realm="L402 macaroon=…"`.
    let text = line.as_bytes().to_ascii_lowercase();
    let names = |word: &[u8]| text.windows(word.len()).any(|window| window == word);
    (!text.is_empty() && !names(b"l402") && !names(b"lsat")).then_some(line)
}

/// Returns true for the schemes that ask for a payment.
fn is_payment(challenge: &AuthChallenge) -> bool {
    ["l402", "lsat", "payment"]
        .iter()
        .any(|scheme| challenge.scheme().eq_ignore_ascii_case(scheme))
}

/// Writes a challenge as a header value.
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

/// Forbids caches to keep a paid answer, and to give it to somebody who did not pay (ATTACKS H-34).
pub(crate) fn make_private(headers: &mut HeaderMap) {
    // These caches follow a header of their own before `cache-control` (RFC 9213), so the upstream
    // could still tell them to keep the answer.
    let targeted = |name: &&HeaderName| {
        let name = name.as_str();
        matches!(name, "surrogate-control" | "x-accel-expires")
            || name.ends_with("cdn-cache-control")
    };
    let removed: Vec<_> = headers.keys().filter(targeted).cloned().collect();
    for name in removed {
        headers.remove(name);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    let named = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        text.split(',')
            .any(|name| matches!(name.trim(), "*" | "authorization"))
    };
    // Appended, not replaced: the other names of the upstream's `vary` still hold.
    if !headers.get_all(VARY).iter().any(named) {
        headers.append(VARY, HeaderValue::from_static("authorization"));
    }
}

/// Says that an answer depends on the cookies of its request.
pub(crate) fn vary_by_cookie(headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("cookie"));
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
        headers.insert("l402-use", HeaderValue::from_static("kept"));
        headers.insert("l402-credential", HeaderValue::from_static("accepted"));
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

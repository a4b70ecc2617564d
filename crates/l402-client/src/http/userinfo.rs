//! The part `user:password@` of a URL, turned into the header that it stands for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use url::Url;

/// Takes `user:password@` out of a URL and returns it as an `Authorization` header (RFC 7617).
pub(super) fn take_userinfo(url: &mut Url) -> Option<HeaderValue> {
    let (user, password) = (url.username().to_owned(), url.password().map(str::to_owned));
    if user.is_empty() && password.is_none() {
        return None;
    }
    // Neither can fail for http and https, which have a host.
    let _cleared = (url.set_username(""), url.set_password(None));
    let pair = [
        percent_decoded(&user),
        b":".to_vec(),
        percent_decoded(&password.unwrap_or_default()),
    ];
    let mut value =
        HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair.concat()))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        // A `%` that begins no escape stands for itself: the URL parser lets it pass.
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten();
        match escaped.and_then(|digits| hex::decode(digits).ok()) {
            Some(byte) => {
                out.extend(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

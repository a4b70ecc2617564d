//! The parts of an address that several backends have in common.

use core::fmt;
use std::path::Path;

use url::Url;

use super::error::NodeError;
use super::table::NodeForm;

/// True if the URL names a user or a password, which no address of a node may.
pub(super) fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// True if the URL's host is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // No other name counts, even if it resolves to loopback today: names can be re-pointed.
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Reads the text of a backend at a host: a URL without user, path and fragment.
pub(super) fn host_url(text: &str, form: &NodeForm) -> Result<Url, NodeError> {
    let wrong = |mistake: String| NodeError::of(form, &mistake);
    let called = form.called;
    // In a parameter a plus sign is a plus sign; `query_pairs` would read a space.
    let text = match text.split_once('?') {
        Some((address, rest)) => format!("{address}?{}", rest.replace('+', "%2B")),
        None => text.to_owned(),
    };
    let url: Url = text
        .parse()
        .map_err(|_| wrong(format!("not a URL of {called}")))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong(format!("{called}'s host is missing")));
    }
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() || has_user(&url) {
        return Err(wrong(format!(
            "{called}'s address is a host and a port, then its files after a ?"
        )));
    }
    Ok(url)
}

/// Returns the values of these parameters, each at most once and none empty. No other may stand
/// there.
pub(super) fn parameters<const N: usize>(
    url: &Url,
    form: &NodeForm,
    names: [&str; N],
) -> Result<[Option<String>; N], NodeError> {
    let wrong = |mistake: String| NodeError::of(form, &mistake);
    let called = form.called;
    let mut values = [const { None }; N];
    for (name, value) in url.query_pairs() {
        let known = names.iter().position(|known| *known == name);
        let slot = known.and_then(|place| values.get_mut(place));
        let slot = slot.ok_or_else(|| wrong(format!("{called} has no parameter {name:?}")))?;
        if value.is_empty() || slot.replace(value.into_owned()).is_some() {
            return Err(wrong(format!(
                "{called}'s parameter {name} is empty or written twice"
            )));
        }
    }
    Ok(values)
}

/// Returns the URL that a text such as `lnbits+https://HOST:PORT?key=FILE` stands for, without its
/// parameters. A secret is sent there, so plain `http` is for this machine alone.
pub(super) fn base_url(url: &Url, form: &NodeForm) -> Result<Url, NodeError> {
    let plain = url.as_str().split_once('+').map_or("", |(_, rest)| rest);
    let mut base: Url = plain
        .parse()
        .map_err(|_| NodeError::of(form, &format!("not a URL of {}", form.called)))?;
    base.set_query(None);
    if base.scheme() == "http" && !is_loopback(&base) {
        let mistake = format!(
            "{} is sent its credential, so http:// reaches this machine alone; use https://",
            form.called
        );
        return Err(NodeError::of(form, &mistake));
    }
    Ok(base)
}

/// Writes a base URL with the kind before it, as `lnbits+https://HOST:PORT`.
pub(super) fn write_base(f: &mut fmt::Formatter<'_>, kind: &str, base: &Url) -> fmt::Result {
    let port = base.port().map_or(String::new(), |port| format!(":{port}"));
    // Part by part: a URL from elsewhere than `FromStr` may hold a user and a password.
    write!(
        f,
        "{kind}+{}://{}{port}",
        base.scheme(),
        base.host_str().unwrap_or_default()
    )
}

/// Writes a path as the value of a parameter, percent-encoded.
pub(super) fn write_path(f: &mut fmt::Formatter<'_>, path: &Path) -> fmt::Result {
    // Escapes more than a URL requires, so that a reader can split the text at `?`, `&` and `=`.
    path.to_string_lossy()
        .bytes()
        .try_for_each(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'~' | b':' => {
                write!(f, "{}", char::from(byte))
            }
            _ => write!(f, "%{byte:02X}"),
        })
}

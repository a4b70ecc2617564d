//! Text from other machines, escaped and cut to a length that suits a terminal.

pub(crate) use l402::text::escape;

/// Escapes the first `max` characters of a text as [`escape`] does.
#[must_use]
pub(crate) fn escape_short(text: &str, max: usize) -> String {
    // Cut before it is escaped: a cut escape sequence would read as something else.
    let mut plain = escape(&text.chars().take(max).collect::<String>());
    if text.chars().nth(max).is_some() {
        plain.push('…');
    }
    plain
}

/// Returns an address without the parts that may be secret: the user, the query, and whatever a
/// wallet's connection URI holds.
pub(crate) fn without_secrets(address: &str) -> String {
    let is_wallet = |scheme: &str| scheme.to_ascii_lowercase().starts_with("nostr");
    if let Some((scheme, _)) = address
        .split_once(':')
        .filter(|(scheme, _)| is_wallet(scheme))
    {
        return format!("{scheme}:…");
    }
    let (place, query) = match address.find(['?', '#']) {
        Some(at) => (&address[..at], "?…"),
        None => (address, ""),
    };
    let Some((scheme, rest)) = place.split_once("://") else {
        return format!("{place}{query}");
    };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://…@{host}{query}"),
        None => format!("{scheme}://{rest}{query}"),
    }
}

/// Returns a text in which an argument that may hold a secret is shown without it.
pub(crate) fn hide(text: &str, argument: &str) -> String {
    let lower = argument.to_ascii_lowercase();
    // `--wallet=URI` is one argument.
    let value = argument
        .split_once('=')
        .filter(|_| argument.starts_with('-'));
    let value = value.map_or(argument, |(_, value)| value);
    let is_secret = lower.contains("nostr+walletconnect:")
        || lower.contains("nostrwalletconnect:")
        || lower.contains("secret=")
        || (value.contains("://") && value.contains('@'));
    if is_secret {
        text.replace(value, &without_secrets(value))
    } else {
        text.to_owned()
    }
}

/// Returns the beginning and the length of a token or an invoice: enough to tell two apart, too little
/// to use.
#[cfg(feature = "buy")]
#[must_use]
pub(crate) fn shorten(text: &str) -> String {
    let length = text.chars().count();
    // A third at most, so that a short token is not shown whole.
    let shown = length.div_euclid(3).min(16);
    let start: String = text.chars().take(shown).collect();
    format!("{}… ({length} characters)", escape(&start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_before_it_is_escaped() {
        assert_eq!(escape_short("abcdef", 3), "abc…");
        assert_eq!(escape_short("ab\u{7}d", 3), "ab\\u{7}…");
        assert_eq!(escape_short("abc", 3), "abc");
    }

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        for (address, shown) in [
            (
                "nostr+walletconnect://ab?relay=wss://r&secret=cd",
                "nostr+walletconnect:…",
            ),
            ("NOSTR+WALLETCONNECT:ab?secret=cd", "NOSTR+WALLETCONNECT:…"),
            ("https://me:pw@h/x?key=k", "https://…@h/x?…"),
            ("ftp://h/x", "ftp://h/x"),
            ("h/x?secret=k", "h/x?…"),
        ] {
            assert_eq!(without_secrets(address), shown);
            let told = hide(&format!("not understood: {address}"), address);
            assert!(!told.contains("secret="), "{told}");
        }
        assert_eq!(hide("a https://h/x b", "https://h/x"), "a https://h/x b");
    }

    #[cfg(feature = "buy")]
    #[test]
    fn a_shortened_token_does_not_hold_the_token() {
        let token = "AgEEbHNhdAJCAACQHzuB5duU3EYt2kmiVSoVlhSUWgwrub7d08qLxOJutgIO";
        assert_eq!(shorten(token), "AgEEbHNhdAJCAACQ… (60 characters)");
        assert_eq!(shorten("abcdef"), "ab… (6 characters)");
    }
}

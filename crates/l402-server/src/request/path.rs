//! The canonical form of a path, or none if the path has two readings.

use std::borrow::Cow;

/// The part of a path that servers read differently. Whether that matters is for the table to say:
/// see [`readings`](super::readings::readings()).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ambiguity {
    DotSegment,
    EmptySegment,
    EscapedPercent,
    EscapedSlash,
    Semicolon,
}

/// The reason why a path cannot be forwarded to any server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathFault {
    Backslash,
    Control,
    Escape,
    NotAbsolute,
    NotUtf8,
    Unescaped,
}

impl Ambiguity {
    /// Returns the text for the caller of a path that is refused for it.
    pub(crate) fn advice(self) -> String {
        let name = match self {
            Self::DotSegment => "a dot segment (/./ or /../)",
            Self::EmptySegment => "two slashes in a row (//)",
            Self::EscapedPercent => "an escape that is escaped itself (%25 and two digits)",
            Self::EscapedSlash => "an escaped slash (%2F)",
            Self::Semicolon => "a semicolon (;)",
        };
        format!(
            "The path has {name}, which servers read in different ways, and here these lead to \
             different offers. Write the path without it"
        )
    }
}

impl PathFault {
    /// Returns the text for the caller of a path that is refused for it.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::Backslash => "The path has a backslash (\\ or %5C); use a slash",
            Self::Control => "The path has a control character; leave it out",
            Self::Escape => "The path has a % without two hexadecimal digits; write %25 for it",
            Self::NotAbsolute => "The path does not begin with a slash; ask for /path",
            Self::NotUtf8 => "The path has escapes that are not UTF-8; escape each byte of UTF-8",
            Self::Unescaped => "The path has a byte beyond ASCII; escape it, as in %C3%A9",
        }
    }
}

/// Returns the canonical form of a path that has one reading only; `None` for any other.
pub(crate) fn canonical_path(raw: &str) -> Option<String> {
    let (path, ambiguity) = read_path(raw).ok()?;
    ambiguity.is_none().then_some(path)
}

/// Returns the canonical form of a path: unreserved characters plain, all other escapes kept, once
/// and in upper case. With it comes what two programs could read in two ways, if there is any:
/// empty, `.` and `..` segments, escaped slashes and escapes, path parameters.
///
/// # Errors
/// See [`PathFault`]: no table can make such a path safe.
pub(crate) fn read_path(raw: &str) -> Result<(String, Option<Ambiguity>), PathFault> {
    // Most paths are canonical already, and need no second buffer.
    if raw
        .bytes()
        .all(|byte| is_unreserved(byte) || is_allowed(byte))
    {
        return Ok((raw.to_owned(), segments(raw)?));
    }
    let mut path = String::with_capacity(raw.len());
    // Kept beside the canonical text, since only the decoded bytes show whether they are UTF-8.
    let mut decoded = Vec::with_capacity(raw.len());
    let mut ambiguity = None;
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        let escaped = byte == b'%';
        // Decoded once only: `%252e` stays an escaped percent sign (ATTACKS H-08).
        let byte = if escaped {
            let mut digit = || bytes.next().and_then(hex_digit).ok_or(PathFault::Escape);
            digit()? << 4 | digit()?
        } else {
            byte
        };
        ambiguity = ambiguity.or(read_byte(byte, escaped)?);
        decoded.push(byte);
        push(&mut path, byte, escaped);
    }
    let text = std::str::from_utf8(&decoded).map_err(|_| PathFault::NotUtf8)?;
    // Controls beyond ASCII show only in the text.
    if text.contains(char::is_control) {
        return Err(PathFault::Control);
    }
    // After decoding, so that `%2e%2e` is seen as `..`.
    let segments = segments(&path)?;
    let twice = escapes_twice(&path).then_some(Ambiguity::EscapedPercent);
    Ok((path, ambiguity.or(segments).or(twice)))
}

/// Returns true if a program that decodes twice would find another path (ATTACKS H-08).
pub(super) fn escapes_twice(path: &str) -> bool {
    path.split("%25").skip(1).any(|rest| {
        let mut digits = rest.bytes().take(2);
        digits.clone().count() == 2 && digits.all(|digit| digit.is_ascii_hexdigit())
    })
}

/// Returns what programs differ on if the byte is in a path.
fn read_byte(byte: u8, escaped: bool) -> Result<Option<Ambiguity>, PathFault> {
    match byte {
        // Some servers read a backslash as a slash.
        b'\\' => Err(PathFault::Backslash),
        b'/' if escaped => Ok(Some(Ambiguity::EscapedSlash)),
        // Some cut path parameters off (`/paid;x=1`). Escaped, it is an ordinary character.
        b';' if !escaped => Ok(Some(Ambiguity::Semicolon)),
        0x80.. if !escaped => Err(PathFault::Unescaped),
        _ if byte.is_ascii_control() => Err(PathFault::Control),
        _ => Ok(None),
    }
}

/// Returns what programs differ on in the segments. The last one may be empty.
fn segments(path: &str) -> Result<Option<Ambiguity>, PathFault> {
    let rest = path.strip_prefix('/').ok_or(PathFault::NotAbsolute)?;
    if rest.is_empty() {
        return Ok(None);
    }
    let mut segments = rest.strip_suffix('/').unwrap_or(rest).split('/');
    Ok(segments.find_map(|segment| match segment {
        "" => Some(Ambiguity::EmptySegment),
        "." | ".." => Some(Ambiguity::DotSegment),
        _ => None,
    }))
}

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// Appends a byte in its canonical spelling.
fn push(path: &mut String, byte: u8, escaped: bool) {
    if is_unreserved(byte) || (!escaped && (is_allowed(byte) || byte == b';')) {
        path.push(char::from(byte));
    } else {
        // By hand: formatting takes ten times as long, and a path may be all escapes.
        let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
        path.extend(['%', digit(byte >> 4), digit(byte & 15)]);
    }
}

/// Returns true for the characters that mean the same escaped or not (RFC 3986 section 2.3).
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Returns true for the other characters that a path may hold unescaped (RFC 3986 section 3.3),
/// except the semicolon of path parameters.
fn is_allowed(byte: u8) -> bool {
    byte == b'/' || is_delimiter(byte)
}

fn is_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@'
    )
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Returns the path that is compared with routes: the canonical one, with escaped delimiters plain.
/// An upstream reads `/user%40` and `/user@` alike, so they have one price.
pub(crate) fn match_key(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return path.into();
    }
    let mut key = String::with_capacity(path.len());
    let mut pieces = path.split('%');
    key.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let byte = piece
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        // Delimiters alone: `%20` or `%3F` mean something else than the plain character.
        match byte.filter(|byte| is_delimiter(*byte)) {
            Some(byte) => {
                key.push(char::from(byte));
                key.push_str(&piece[2..]);
            }
            None => key.extend(["%", piece]),
        }
    }
    key.into()
}

/// Returns a path for comparisons that do not tell upper from lower case. Not a path that could be
/// asked for.
pub(crate) fn folded(key: &str) -> String {
    if !key.contains('%') {
        return key.to_ascii_lowercase();
    }
    // Letters beyond ASCII have case as well, and show it only when decoded.
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key;
    while let Some((before, escape)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = escape.get(..2);
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(|byte| !byte.is_ascii()) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend([b"%", digits.unwrap_or_default().as_bytes()].concat()),
        }
        rest = escape.get(2..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    // Upper first: some letters have one upper and several lower forms.
    let text = String::from_utf8_lossy(&bytes);
    text.to_uppercase().to_lowercase()
}

/// Returns what is left of a path behind a prefix, both compared as they match routes: escaped
/// delimiters and unreserved characters like plain ones. `None` if the path does not begin with it.
pub(crate) fn below<'a>(path: &'a str, prefix: &str, any_case: bool) -> Option<&'a str> {
    let (mut path, mut prefix) = (path, prefix);
    while !prefix.is_empty() {
        let (byte, escaped, rest) = first_byte(path)?;
        let (expected, expected_escaped, expected_rest) = first_byte(prefix)?;
        let same = byte == expected || (any_case && byte.eq_ignore_ascii_case(&expected));
        // These two mean something else if they are escaped.
        if !same || (matches!(byte, b'/' | b';') && escaped != expected_escaped) {
            return None;
        }
        (path, prefix) = (rest, expected_rest);
    }
    Some(path)
}

/// Splits off the first byte of an ASCII text, decoded, with whether it was escaped.
fn first_byte(text: &str) -> Option<(u8, bool, &str)> {
    match text.as_bytes() {
        [b'%', high, low, ..] => {
            let byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
            Some((byte, true, text.get(3..)?))
        }
        [byte, ..] => Some((*byte, false, text.get(1..)?)),
        [] => None,
    }
}

/// Returns true if a query holds control characters, plain or escaped (ATTACKS H-10).
pub(crate) fn has_controls(query: &str) -> bool {
    let escaped = query.split('%').skip(1).any(|piece| {
        let digits = piece
            .get(..2)
            // `from_str_radix` alone would take `+a` for a number.
            .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.is_some_and(|byte| byte.is_ascii_control())
    });
    escaped || query.bytes().any(|byte| byte.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ATTACKS H-01, H-08. FAULTS G6: the character that is refused can be named.
    #[test]
    fn a_path_with_two_readings_is_not_canonical_and_says_why() {
        use Ambiguity::{DotSegment, EmptySegment, EscapedPercent, EscapedSlash, Semicolon};
        for (raw, why) in [
            ("//paid/x", EmptySegment),
            ("/free//..//paid", EmptySegment),
            ("/paid//", EmptySegment),
            ("/public/../paid", DotSegment),
            ("/.", DotSegment),
            ("/..", DotSegment),
            ("/public/%2e%2e/paid", DotSegment),
            ("/public/./../paid", DotSegment),
            ("/public/.%2e/", DotSegment),
            ("/%2E/x", DotSegment),
            ("/a/%2e", DotSegment),
            ("/public/..%2fpaid", EscapedSlash),
            ("/a%2Fb", EscapedSlash),
            ("/paid;x=1", Semicolon),
            ("/paid;/..;/", Semicolon),
            ("/public/%252e%252e/paid", EscapedPercent),
            ("/p%25%36%31id", EscapedPercent),
        ] {
            assert_eq!(canonical_path(raw), None, "{raw:?}");
            assert_eq!(read_path(raw).unwrap().1, Some(why), "{raw:?}");
        }
    }

    /// ATTACKS H-10.
    #[test]
    fn refuses_paths_that_no_table_makes_safe() {
        for raw in [
            "",
            "*",
            "paid",
            "/a%5cb",
            "/a\\b",
            "/a\\",
            "/paid%00",
            "/paid%0d%0a",
            "/a%7f",
            "/a\u{1}",
            "/a\tb",
            "/paid/%zz",
            "/%",
            "/%f",
            "/%+1",
            "/%c0%ae",
            "/%ff",
            "/%e2%82",
            "/é",
            "/%c2%85",
        ] {
            assert!(read_path(raw).is_err(), "{raw:?}");
        }
    }

    #[test]
    fn what_is_ambiguous_keeps_its_spelling() {
        for (raw, path) in [
            ("/%61%2fb;c%3b//..", "/a%2Fb;c%3B//.."),
            ("/@s%2fn", "/@s%2Fn"),
        ] {
            assert_eq!(read_path(raw).unwrap().0, path);
        }
    }

    #[test]
    fn letters_are_folded_beyond_ascii_too() {
        assert_eq!(folded("/PAID"), "/paid");
        assert_eq!(folded("/%C3%89%2FX"), folded("/%C3%A9%2fx"));
        assert_ne!(folded("/%C3%89"), folded("/e"));
    }

    /// FAULTS S15: a prefix is found in every spelling that its route matches.
    #[test]
    fn what_is_below_a_prefix_is_found_in_any_spelling() {
        for (path, prefix, rest) in [
            ("/a%40b/x%40", "/a@b", Some("/x%40")),
            ("/%61@b", "/a@b", Some("")),
            ("/caf%c3%a9/x", "/caf%C3%A9", Some("/x")),
            ("/a%2Bb/x", "/a+b", Some("/x")),
            ("/a%2fb/x", "/a/b", None),
            ("/a", "/a/b", None),
            ("/A/x", "/a", None),
        ] {
            assert_eq!(below(path, prefix, false), rest, "{path} {prefix}");
        }
        assert_eq!(below("/A%40B/x", "/a@b", true), Some("/x"));
    }

    #[test]
    fn gives_each_path_one_spelling() {
        for (raw, canonical) in [
            ("/", "/"),
            ("/paid", "/paid"),
            ("/paid/", "/paid/"),
            ("/%70aid", "/paid"),
            ("/a%2db%7e%5f%2ec", "/a-b~_.c"),
            ("/100%25", "/100%25"),
            ("/100%25/2", "/100%25/2"),
            ("/a%20b", "/a%20b"),
            ("/%c3%a9", "/%C3%A9"),
            ("/a%3b", "/a%3B"),
            ("/a{b}\"", "/a%7Bb%7D%22"),
            ("/pkg.Service/Method", "/pkg.Service/Method"),
            ("/v1/users:list@x", "/v1/users:list@x"),
            ("/...", "/..."),
            ("/%3f%23", "/%3F%23"),
        ] {
            let once = canonical_path(raw);
            assert_eq!(once.as_deref(), Some(canonical), "{raw}");
            assert_eq!(canonical_path(canonical), once, "{raw}");
        }
    }

    #[test]
    fn an_escaped_delimiter_matches_as_a_plain_one() {
        assert_eq!(match_key("/a%40b%3A%2B"), "/a@b:+");
        assert_eq!(match_key("/a%20b%3B%C3%A9%2540"), "/a%20b%3B%C3%A9%2540");
        assert_eq!(match_key("/plain"), "/plain");
    }

    #[test]
    fn finds_controls_in_a_query() {
        for query in ["a=%0d%0a", "%00", "a\tb", "x=%7F", "%%0a"] {
            assert!(has_controls(query), "{query:?}");
        }
        for query in ["", "a=%20b", "100%", "%zz", "%2500", "%é"] {
            assert!(!has_controls(query), "{query:?}");
        }
    }
}

//! The canonical form of a path, or none if the path has two readings.

use std::borrow::Cow;
use std::fmt::Write;

/// Returns the canonical form of a path: unreserved characters plain, all other escapes kept, once
/// and in upper case.
///
/// Returns `None` for a path that two programs could read in two ways: empty, `.` and `..`
/// segments, escaped slashes, backslashes, control characters, path parameters, malformed escapes,
/// and text that is not UTF-8.
pub(crate) fn canonical_path(raw: &str) -> Option<String> {
    // Most paths are canonical already, and need no second buffer.
    if raw
        .bytes()
        .all(|byte| is_unreserved(byte) || is_allowed(byte))
    {
        return has_plain_segments(raw).then(|| raw.to_owned());
    }
    let mut path = String::with_capacity(raw.len());
    // Kept beside the canonical text, since only the decoded bytes show whether they are UTF-8.
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        let escaped = byte == b'%';
        // Decoded once only: `%252e` stays an escaped percent sign (ATTACKS H-08).
        let byte = if escaped {
            hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?
        } else {
            byte
        };
        if is_ambiguous(byte, escaped) {
            return None;
        }
        decoded.push(byte);
        push(&mut path, byte, escaped);
    }
    let text = std::str::from_utf8(&decoded).ok()?;
    // After decoding, so that `%2e%2e` is seen as `..`. Controls beyond ASCII show only in the
    // text.
    (has_plain_segments(&path) && !text.contains(char::is_control)).then_some(path)
}

/// Returns true if programs differ on what the byte means in a path.
fn is_ambiguous(byte: u8, escaped: bool) -> bool {
    match byte {
        // Some servers read a backslash as a slash.
        b'\\' => true,
        b'/' => escaped,
        // Some cut path parameters off (`/paid;x=1`). Escaped, it is an ordinary character.
        b';' | 0x80.. => !escaped,
        _ => byte.is_ascii_control(),
    }
}

/// Returns true if the path starts with a slash and no segment is empty, `.` or `..`. The last one
/// may be empty.
fn has_plain_segments(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    path == "/"
        || rest
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | ".."))
}

/// Appends a byte in its canonical spelling.
fn push(path: &mut String, byte: u8, escaped: bool) {
    if is_unreserved(byte) || (!escaped && is_allowed(byte)) {
        path.push(char::from(byte));
    } else {
        write!(path, "%{byte:02X}").expect("writing to a string never fails");
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

    /// ATTACKS H-01 to H-08, H-10.
    #[test]
    fn refuses_paths_with_two_readings() {
        for raw in [
            "",
            "*",
            "paid",
            "//paid/x",
            "/free//..//paid",
            "/paid//",
            "/public/../paid",
            "/.",
            "/..",
            "/public/%2e%2e/paid",
            "/public/./../paid",
            "/public/.%2e/",
            "/%2E/x",
            "/a/%2e",
            "/public/..%2fpaid",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a\\",
            "/paid;x=1",
            "/paid;/..;/",
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
            assert_eq!(canonical_path(raw), None, "{raw:?}");
        }
    }

    #[test]
    fn gives_each_path_one_spelling() {
        for (raw, canonical) in [
            ("/", "/"),
            ("/paid", "/paid"),
            ("/paid/", "/paid/"),
            ("/%70aid", "/paid"),
            ("/a%2db%7e%5f%2ec", "/a-b~_.c"),
            ("/public/%252e%252e/paid", "/public/%252e%252e/paid"),
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

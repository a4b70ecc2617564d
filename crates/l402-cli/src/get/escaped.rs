//! Percent-encoding as curl writes it.

/// Encodes all but letters, digits and `-._~`. A space becomes `+`, as in a form.
pub(super) fn percent_encoded(bytes: &[u8]) -> String {
    encoded(bytes, "+")
}

/// Encodes the name of a file for the path of a URL. A space becomes `%20`.
pub(super) fn path_segment(name: &str) -> String {
    encoded(name.as_bytes(), "%20")
}

fn encoded(bytes: &[u8], space: &str) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b' ' => text.push_str(space),
            b'-' | b'.' | b'_' | b'~' => text.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => text.push(char::from(*byte)),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

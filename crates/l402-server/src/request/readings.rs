//! The readings of a path that servers differ on.

use std::borrow::Cow;

use super::CanonicalRequest;
use super::path::{escapes_twice, read_path};

/// The largest number of readings that are looked at. Paths that people send have two or three.
const READINGS: usize = 24;

/// The largest length of all readings together, in bytes: each is looked up, and nobody has paid for
/// that. A path of full length may have some, and a short one as many as there may be.
const BYTES: usize = 4 * CanonicalRequest::MAX_PATH;

/// A change that some servers make to a path before they look it up. `None` leaves no path.
type Reading = fn(&str) -> Option<Cow<'_, str>>;

/// Returns every path that a server could make of this one, which is the first of them. Each server
/// is taken to make some of these changes, in any order, and any number of times:
///
/// - Path parameters are cut off: those of each segment, or all from the first semicolon on.
/// - Slashes in a row become one. A path with two at its front is read as `//host/path`.
/// - Escaped slashes are decoded.
/// - Escapes are decoded twice.
/// - Dot segments are resolved (RFC 3986 section 5.2.4).
///
/// Returns `None` if a reading leads above the root, where servers differ still more, or if there
/// are too many, or too long ones.
pub(crate) fn readings(path: &str) -> Option<Vec<String>> {
    let changes: [Reading; 7] = [
        without_parameters,
        before_semicolon,
        without_host,
        with_single_slashes,
        with_slashes_decoded,
        decoded_twice,
        without_dots,
    ];
    let mut found = vec![path.to_owned()];
    let mut next = 0;
    // The order of changes matters: `/a;x%2Fb` is `/a` or `/a/b`. So each applies to each result.
    while let Some(path) = found.get(next).cloned() {
        for change in changes {
            let changed = change(&path)?;
            if !found.iter().any(|known| *known == changed) {
                found.push(changed.into_owned());
            }
        }
        let bytes: usize = found.iter().map(String::len).sum();
        if found.len() > READINGS || bytes > BYTES {
            return None;
        }
        next += 1;
    }
    Some(found)
}

fn without_parameters(path: &str) -> Option<Cow<'_, str>> {
    if !path.contains(';') {
        return Some(path.into());
    }
    let cut = |segment: &str| segment.split(';').next().unwrap_or_default().to_owned();
    let segments: Vec<String> = path.split('/').map(cut).collect();
    Some(segments.join("/").into())
}

fn before_semicolon(path: &str) -> Option<Cow<'_, str>> {
    let cut = path.split(';').next().unwrap_or_default();
    Some(if cut.is_empty() { "/" } else { cut }.into())
}

fn without_host(path: &str) -> Option<Cow<'_, str>> {
    let Some(host) = path.strip_prefix("//") else {
        return Some(path.into());
    };
    let path = host.find('/').map_or("/", |slash| &host[slash..]);
    Some(path.into())
}

fn with_single_slashes(path: &str) -> Option<Cow<'_, str>> {
    if !path.contains("//") {
        return Some(path.into());
    }
    let mut merged = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !merged.ends_with('/') {
            merged.push(c);
        }
    }
    Some(merged.into())
}

fn with_slashes_decoded(path: &str) -> Option<Cow<'_, str>> {
    Some(if path.contains("%2F") {
        path.replace("%2F", "/").into()
    } else {
        path.into()
    })
}

fn decoded_twice(path: &str) -> Option<Cow<'_, str>> {
    if !escapes_twice(path) {
        return Some(path.into());
    }
    let mut pieces = path.split("%25");
    let mut decoded = pieces.next()?.to_owned();
    for piece in pieces {
        let digits = piece.get(..2).unwrap_or_default().as_bytes();
        let escape = digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit);
        decoded.extend([if escape { "%" } else { "%25" }, piece]);
    }
    // What may not be in a path that is decoded once may not be in one that is decoded twice.
    Some(read_path(&decoded).ok()?.0.into())
}

fn without_dots(path: &str) -> Option<Cow<'_, str>> {
    if !path.contains("/.") {
        return Some(path.into());
    }
    let mut left: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                left.pop()?;
            }
            _ => left.push(segment),
        }
        // A dot segment at the end leaves the slash before it.
        if last && matches!(segment, "." | "..") {
            left.push("");
        }
    }
    Some(format!("/{}", left.join("/")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Vec<String> {
        let mut all = readings(path).unwrap();
        assert_eq!(all.remove(0), path);
        all.sort();
        all
    }

    /// ATTACKS H-01, H-08.
    #[test]
    fn every_way_in_which_servers_read_a_path_is_found() {
        assert_eq!(read("/a/b"), [""; 0]);
        assert_eq!(read("/a%2Fb"), ["/a/b"]);
        assert_eq!(read("/a;x=1/b"), ["/a", "/a/b"]);
        assert_eq!(read("/a;x%2Fb"), ["/a", "/a/b", "/a;x/b"]);
        assert_eq!(read("/web//a"), ["/web/a"]);
        assert_eq!(read("//host/a"), ["/a", "/host/a"]);
        assert_eq!(read("/a/./b"), ["/a/b"]);
        assert_eq!(read("/a/b/.."), ["/a/"]);
        // Resolved before or after the slashes are merged.
        assert_eq!(read("/a//../b"), ["/a/../b", "/a/b", "/b"]);
        assert_eq!(read("/p%2561id"), ["/paid"]);
        assert_eq!(read("/p%252561id"), ["/p%2561id", "/paid"]);
        assert!(read("/x%252f..%252fpaid").contains(&"/paid".to_owned()));
        assert!(read("/x/..;/paid").contains(&"/paid".to_owned()));
        assert!(read("/x%2F..%2Fpaid").contains(&"/paid".to_owned()));
        assert!(read("/;a/b").contains(&"/b".to_owned()));
    }

    #[test]
    fn a_path_above_the_root_has_no_readings() {
        for path in [
            "/a%2500",
            "/a%255Cb",
            "/..",
            "/../a",
            "/a/../../b",
            "/a/..;/..;/b",
            "/..%2Fa",
        ] {
            assert_eq!(readings(path), None, "{path}");
        }
        let long = format!("/x;y/%252525252541/{}", "z/".repeat(4000));
        assert_eq!(readings(&long), None, "many long ones");
        let route = format!("/route/{}", "13.38,52.51;".repeat(600));
        assert_eq!(readings(&route).map(|all| all.len()), Some(2));
        let many = "/a;b//c%2Fd".repeat(4);
        assert!(readings(&many).is_none_or(|all| all.len() <= READINGS));
    }
}

//! The grammar of request targets: a path that means something, and changes to it that servers see
//! differently.

use crate::random::Random;

/// The paths under which each upstream serves something, in its own spelling. One that ends with a
/// slash is a folder with an `index.html`.
pub(crate) const RESOURCES: [&str; 9] = [
    "/paid",
    "/gold",
    "/dir/",
    "/dir/secret",
    "/dir/deep/x",
    "/open/a",
    "/user/7",
    "/cgi-bin/paid.py",
    "/Mixed",
];

/// The prefixes that tables strip.
pub(crate) const PREFIXES: [&str; 3] = ["/api", "/v@1", "/x"];

/// The path that tables put before all others.
pub(crate) const BASE: &str = "/dir";

/// Texts that are put behind a path.
const TAILS: [&str; 26] = [
    "/",
    "//",
    ".",
    "..",
    "/.",
    "/..",
    "%20",
    "%2e",
    "/x",
    "/%2e",
    ".json",
    ".html",
    "~1",
    ";x=1",
    ";",
    "%3B",
    "%3Fx",
    "?x=1",
    "?",
    "%23x",
    "::$DATA",
    "%00",
    "%2f",
    "/index.html",
    "+",
    "%0a",
];

/// Texts that are put between two segments, in place of the slash.
const SEPARATORS: [&str; 22] = [
    "%252f",
    "/x%252f..%252f",
    "//",
    "///",
    "/./",
    "/x/../",
    "/%2e/",
    "/x/%2e%2e/",
    "/.%2e/",
    "%2f",
    "%2F",
    "/;/",
    "/x/..;/",
    ";a=b/",
    "/.;/",
    "\\",
    "%5c",
    "/x/..%2f",
    "%252e/",
    "/%2f",
    "/x//../",
    "/../",
];

/// Texts that are put in front.
const FRONTS: [&str; 12] = [
    "/",
    "//host",
    "/.",
    "/..",
    "/x/..",
    "/;",
    "/%2e",
    "http://a",
    "http://A:80",
    "http://b",
    "*",
    "/x/..;",
];

/// Returns a target: any bytes but those that end the line.
pub(crate) fn target(random: &mut Random) -> Vec<u8> {
    let mut path = random.pick(&RESOURCES).to_string();
    if random.one_in(4) {
        path = format!("{}{path}", random.pick(&PREFIXES));
    }
    if random.one_in(8) {
        path = path.strip_prefix(BASE).unwrap_or(&path).to_owned();
    }
    let mut bytes = path.into_bytes();
    for _ in 0..1 + random.below(4) / 2 {
        change(random, &mut bytes);
    }
    bytes.retain(|byte| !matches!(byte, b'\r' | b'\n'));
    bytes
}

/// Makes one change.
fn change(random: &mut Random, target: &mut Vec<u8>) {
    match random.below(8) {
        0 => target.extend(random.pick(&TAILS).bytes()),
        1 => separate(random, target),
        2 => {
            let front = random.pick(&FRONTS).bytes();
            target.splice(0..0, front);
        }
        3 => turn_case(random, target),
        4 => encode(random, target, 1),
        5 => encode(random, target, 2),
        6 if random.one_in(3) => {
            let at = random.below(target.len() + 1);
            let byte = u8::try_from(random.below(256)).expect("a byte");
            target.insert(at, byte);
        }
        7 => {
            let at = random.below(target.len() + 1);
            let inside = random.pick(&TAILS).bytes();
            target.splice(at..at, inside);
        }
        _ => {}
    }
}

/// Replaces one of the slashes.
fn separate(random: &mut Random, target: &mut Vec<u8>) {
    let slashes: Vec<_> = (0..target.len()).filter(|at| target[*at] == b'/').collect();
    if !slashes.is_empty() {
        let at = *random.pick(&slashes);
        let separator = random.pick(&SEPARATORS).bytes();
        target.splice(at..=at, separator);
    }
}

/// Turns the case of one letter, or of all of them.
fn turn_case(random: &mut Random, target: &mut [u8]) {
    let all = random.one_in(3);
    let one = random.below(target.len().max(1));
    for (at, byte) in target.iter_mut().enumerate() {
        if all {
            byte.make_ascii_uppercase();
        } else if at == one {
            *byte = if byte.is_ascii_uppercase() {
                byte.to_ascii_lowercase()
            } else {
                byte.to_ascii_uppercase()
            };
        }
    }
}

/// Escapes one byte, so many times.
fn encode(random: &mut Random, target: &mut Vec<u8>, times: usize) {
    if target.is_empty() {
        return;
    }
    let at = random.below(target.len());
    let percent = "%25".repeat(times - 1);
    let percent = if percent.is_empty() { "%" } else { &percent };
    let digits = match random.one_in(2) {
        true => format!("{percent}{:02x}", target[at]),
        false => format!("{percent}{:02X}", target[at]),
    };
    target.splice(at..=at, digits.into_bytes());
}

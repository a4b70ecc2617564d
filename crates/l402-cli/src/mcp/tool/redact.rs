//! Takes credentials out of what a model will read: a server may repeat what it was sent.

use std::collections::HashMap;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use l402_client::StoredCredential;

use crate::text::hex::hex;

/// The shortest text that is taken out. A shorter one is no secret, and would be found everywhere.
const SHORTEST: usize = 16;

/// The bytes at the beginning of a form by which it is found.
const BEGINNING: usize = 8;

/// The secrets of some purchases, in the forms in which a server may repeat them.
///
/// Texts are compared as [`Plain`] has them, so that one way to write a form stands for many.
#[derive(Default)]
pub(crate) struct Secrets {
    forms: Vec<Form>,
    /// The forms by their beginning, in lower case.
    by_beginning: HashMap<[u8; BEGINNING], Vec<usize>>,
}

struct Form {
    bytes: Vec<u8>,
    /// True if the letters may be of either case.
    any_case: bool,
    /// True for bytes that stand as they are, and false for text.
    is_raw: bool,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets")
            .field("forms", &self.forms.len())
            .finish_non_exhaustive()
    }
}

impl Secrets {
    /// Adds the token and the preimage of a purchase.
    pub(crate) fn add(&mut self, credential: &StoredCredential) {
        self.add_bytes(credential.preimage().as_bytes());
        let token = credential.token();
        self.add_text(token);
        // Macaroons are written in base64 or in hexadecimal, and read from either.
        let plain = token
            .trim_end_matches('=')
            .replace('-', "+")
            .replace('_', "/");
        if let Ok(bytes) = STANDARD_NO_PAD.decode(plain) {
            self.add_bytes(&bytes);
        }
        if let Some(bytes) = from_hex(token) {
            self.add_bytes(&bytes);
        }
    }

    /// Adds bytes in hexadecimal, in base64 and as they are.
    pub(super) fn add_bytes(&mut self, bytes: &[u8]) {
        let digits = hex(bytes);
        self.add_packed(digits.as_bytes());
        self.add_form(digits.as_bytes(), true);
        self.add_form(STANDARD_NO_PAD.encode(bytes).as_bytes(), false);
        self.add_inner(bytes);
        self.insert(Form {
            bytes: bytes.to_vec(),
            any_case: false,
            is_raw: true,
        });
    }

    fn add_text(&mut self, text: &str) {
        self.add_form(text.as_bytes(), false);
        self.add_packed(text.as_bytes());
    }

    /// Adds a text in hexadecimal, and in base64 alone or within a longer one.
    fn add_packed(&mut self, text: &[u8]) {
        self.add_form(hex(text).as_bytes(), true);
        self.add_form(STANDARD_NO_PAD.encode(text).as_bytes(), false);
        self.add_inner(text);
    }

    /// Adds what bytes are within the base64 of something longer, whatever stands around them.
    fn add_inner(&mut self, bytes: &[u8]) {
        // Base64 makes four letters of three bytes, so the same bytes have three forms. Letters
        // that depend on the bytes around them as well are left out.
        for (before, shared) in [(0, 0), (1, 2), (2, 3)] {
            let longer = [&[0; 2][..before], bytes].concat();
            let text = STANDARD_NO_PAD.encode(&longer);
            let whole = longer.len() * 8 / 6;
            if let Some(own) = text.as_bytes().get(shared..whole) {
                self.add_form(own, false);
            }
        }
    }

    fn add_form(&mut self, text: &[u8], any_case: bool) {
        self.insert(Form {
            bytes: Plain::of(text).bytes,
            any_case,
            is_raw: false,
        });
    }

    fn insert(&mut self, form: Form) {
        if form.bytes.len() < SHORTEST {
            return;
        }
        if let Some(beginning) = beginning(&form.bytes) {
            let alike = self.by_beginning.entry(beginning).or_default();
            alike.push(self.forms.len());
            self.forms.push(form);
        }
    }

    /// Puts stars in the place of each secret, as many as it has bytes. Returns true if there was one.
    pub(crate) fn redact(&self, bytes: &mut [u8]) -> bool {
        if self.forms.is_empty() {
            return false;
        }
        let mut spans = self.spans(bytes, true);
        // Twice, since what is escaped may be escaped once more on its way.
        let mut plain = Plain::of(bytes);
        for _ in 0..2 {
            let found = self.spans(&plain.bytes, false);
            spans.extend(found.iter().filter_map(|span| plain.place(span)));
            plain = plain.again();
        }
        for span in &spans {
            if let Some(secret) = bytes.get_mut(span.clone()) {
                secret.fill(b'*');
            }
        }
        !spans.is_empty()
    }

    /// Returns a text of a server without secrets.
    pub(crate) fn redacted(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        self.redact(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns the places of the forms in some bytes. They may overlap.
    fn spans(&self, bytes: &[u8], is_raw: bool) -> Vec<Range<usize>> {
        let mut spans = Vec::new();
        for (at, window) in bytes.windows(BEGINNING).enumerate() {
            let alike = beginning(window).and_then(|it| self.by_beginning.get(&it));
            for form in alike
                .into_iter()
                .flatten()
                .filter_map(|it| self.forms.get(*it))
            {
                let end = at + form.bytes.len();
                let is_it = bytes.get(at..end).is_some_and(|found| {
                    found == form.bytes
                        || (form.any_case && found.eq_ignore_ascii_case(&form.bytes))
                });
                if is_it && form.is_raw == is_raw {
                    spans.push(at..end);
                }
            }
        }
        spans
    }
}

/// Returns the first bytes in lower case.
fn beginning(bytes: &[u8]) -> Option<[u8; BEGINNING]> {
    let mut found: [u8; BEGINNING] = bytes.get(..BEGINNING)?.try_into().ok()?;
    found.make_ascii_lowercase();
    Some(found)
}

/// A text without escapes, spaces and signs that stand between digits, both alphabets of base64 as one.
struct Plain {
    bytes: Vec<u8>,
    /// The place of each byte in the text.
    places: Vec<Range<usize>>,
}

impl Plain {
    fn of(text: &[u8]) -> Self {
        Self {
            bytes: text.to_vec(),
            places: (0..text.len()).map(|at| at..at + 1).collect(),
        }
        .again()
    }

    /// Takes off one more layer of escapes.
    fn again(self) -> Self {
        let mut plain = Self {
            bytes: Vec::with_capacity(self.bytes.len()),
            places: Vec::with_capacity(self.bytes.len()),
        };
        let mut at = 0;
        while let Some(&byte) = self.bytes.get(at) {
            let (byte, length) = escaped(&self.bytes[at..]).unwrap_or((byte, 1));
            let place = self.place(&(at..at + length));
            at += length;
            let byte = match byte {
                b'-' => b'+',
                b'_' => b'/',
                0 | b' ' | b'\t' | b'\r' | b'\n' | b',' | b'.' | b':' => continue,
                byte => byte,
            };
            if let Some(place) = place {
                plain.bytes.push(byte);
                plain.places.push(place);
            }
        }
        plain
    }

    /// Returns the place in the text of some bytes, with the padding of base64 behind them.
    fn place(&self, span: &Range<usize>) -> Option<Range<usize>> {
        let mut last = span.end.checked_sub(1)?;
        while last < span.end + 1 && self.bytes.get(last + 1) == Some(&b'=') {
            last += 1;
        }
        Some(self.places.get(span.start)?.start..self.places.get(last)?.end)
    }
}

/// Returns the byte that an escape of URLs, JSON or HTML stands for, and the length of the escape.
fn escaped(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'%', high, low, ..] => Some((from_digits(&[*high, *low])?, 3)),
        [b'\\', b'u' | b'U', b'0', b'0', high, low, ..] => Some((from_digits(&[*high, *low])?, 6)),
        [b'\\', b'x', high, low, ..] => Some((from_digits(&[*high, *low])?, 4)),
        [b'\\', b'n' | b'r' | b't', ..] => Some((b' ', 2)),
        [b'\\', byte, ..] if byte.is_ascii_punctuation() => Some((*byte, 2)),
        [b'&', b'#', rest @ ..] => {
            let end = rest.iter().take(8).position(|byte| *byte == b';')?;
            let digits = std::str::from_utf8(rest.get(..end)?).ok()?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(digits) => u8::from_str_radix(digits, 16),
                None => digits.parse(),
            };
            Some((number.ok()?, end + 3))
        }
        _ => None,
    }
}

fn from_digits(pair: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|it| it.is_ascii_hexdigit());
    let pairs = is_hex.then(|| text.as_bytes().chunks(2))?;
    pairs.map(from_digits).collect()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    const TOKEN: &str = "AgEEbHNhdAJCAACQHzuB5duU3EYt2kmiVSoVlhSUWgwrub7d08qLxOJu+/IO";

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add_bytes(&[0xab; 32]);
        secrets.add_text(TOKEN);
        secrets.add_bytes(&STANDARD.decode(TOKEN).unwrap());
        secrets
    }

    // ATTACKS A-09: an answer that repeats the credential does not tell it.
    #[test]
    fn a_credential_is_taken_out_in_every_form() {
        let hex = "ab".repeat(32);
        let token_in_hex: String = STANDARD
            .decode(TOKEN)
            .unwrap()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        for form in [
            hex.clone(),
            hex.to_uppercase(),
            STANDARD.encode([0xab; 32]),
            URL_SAFE_NO_PAD.encode([0xab; 32]),
            TOKEN.to_owned(),
            TOKEN.replace('+', "-").replace('/', "_"),
            TOKEN.replace('/', "\\/"),
            TOKEN.replace('+', "%2B").replace('/', "%2F"),
            TOKEN.replace('+', "%2b").replace('/', "%2f"),
            token_in_hex,
        ] {
            let text = format!("you sent {form}, and {form}.");
            let mut bytes = text.clone().into_bytes();
            assert!(secrets().redact(&mut bytes), "{form}");
            let told = String::from_utf8(bytes).unwrap();
            assert_eq!(told.len(), text.len());
            let rest: String = told.chars().filter(|c| *c != '*').collect();
            assert_eq!(rest, "you sent , and .", "{form}: {told}");
        }
        let mut raw = [&b"x"[..], &[0xab; 32], b"y"].concat();
        assert!(secrets().redact(&mut raw));
        assert_eq!(raw, [&b"x"[..], &[b'*'; 32], b"y"].concat());
    }

    // ATTACKS A-09: nor one that writes it in another way.
    #[test]
    fn a_credential_is_taken_out_however_it_is_written() {
        let hex = "ab".repeat(32);
        let spaced = |text: &str, with: &str| {
            let pairs: Vec<_> = text.as_bytes().chunks(2).map(<[u8]>::to_vec).collect();
            String::from_utf8(pairs.join(with.as_bytes())).unwrap()
        };
        let each = |form: fn(u8) -> String| hex.bytes().map(form).collect::<String>();
        let header = format!("L402 {TOKEN}:{hex}");
        let mut all = vec![
            TOKEN.replace('+', "\\u002B").replace('/', "\\u002f"),
            TOKEN.replace('+', "&#43;").replace('/', "&#x2F;"),
            TOKEN.replace('/', "%252F").replace('+', "%252b"),
            spaced(TOKEN, "\r\n"),
            spaced(TOKEN, "\\n"),
            spaced(TOKEN, "\0"),
            spaced(&hex, ":"),
            spaced(&hex, " "),
            spaced(&hex, ", "),
            spaced(&hex, "."),
            each(|byte| format!("%{byte:02X}")),
            each(|byte| format!("\\u{byte:04x}")),
            each(|byte| format!("\\x{byte:02x}")),
            each(|byte| format!("&#{byte};")),
            each(|byte| format!("{byte:02x}")),
        ];
        all.extend(["", "x", "xy"].map(|before| STANDARD.encode(format!("{before}{hex}"))));
        for form in &all {
            let mut bytes = format!("you sent {form}, ok.").into_bytes();
            assert!(secrets().redact(&mut bytes), "{form}");
            let told = String::from_utf8(bytes).unwrap();
            let rest = told
                .trim_start_matches("you sent ")
                .trim_end_matches(", ok.");
            // Base64 shares up to a character with what stands before and behind.
            let left = rest.bytes().filter(|byte| *byte != b'*').count();
            assert!(left <= 4, "{form}: {told}");
        }
        for before in ["", "x", "xy"] {
            let packed = STANDARD.encode(format!("{before}{header}{before}"));
            let told = secrets().redacted(&packed);
            let left = told.bytes().filter(|byte| *byte != b'*').count();
            assert!(left < 24, "{told}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        let mut bytes = b"a joke, abababab".to_vec();
        assert!(!secrets().redact(&mut bytes));
        assert_eq!(bytes, b"a joke, abababab");
        assert!(!Secrets::default().redact(&mut bytes));
        assert!(!format!("{:?}", secrets()).contains(TOKEN));
    }
}

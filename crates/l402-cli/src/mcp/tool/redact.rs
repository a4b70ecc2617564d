//! Takes credentials out of what a model will read: a server may repeat what it was sent.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use l402_client::StoredCredential;

use crate::text::hex::hex;

/// The shortest text that is taken out. A shorter one is no secret, and would be found everywhere.
const SHORTEST: usize = 16;

/// The secrets of some purchases, in the forms in which a server may repeat them.
#[derive(Default)]
pub(crate) struct Secrets {
    /// Each form, and true if its letters may be of either case.
    forms: Vec<(Vec<u8>, bool)>,
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
    fn add_bytes(&mut self, bytes: &[u8]) {
        self.add_form(hex(bytes).into_bytes(), true);
        for text in [
            STANDARD.encode(bytes),
            STANDARD_NO_PAD.encode(bytes),
            URL_SAFE.encode(bytes),
            URL_SAFE_NO_PAD.encode(bytes),
        ] {
            self.add_text(&text);
        }
        self.add_form(bytes.to_vec(), false);
    }

    /// Adds a text, also as JSON and URLs write it.
    fn add_text(&mut self, text: &str) {
        self.add_form(text.as_bytes().to_vec(), false);
        self.add_form(text.replace('/', "\\/").into_bytes(), false);
        let escaped = text
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D");
        self.add_form(escaped.clone().into_bytes(), false);
        self.add_form(escaped.to_ascii_lowercase().into_bytes(), true);
    }

    fn add_form(&mut self, form: Vec<u8>, any_case: bool) {
        if form.len() >= SHORTEST && !self.forms.iter().any(|known| known.0 == form) {
            self.forms.push((form, any_case));
            // The longest first, so that no form is cut up by one that is a part of it.
            self.forms
                .sort_by_key(|(form, _)| std::cmp::Reverse(form.len()));
        }
    }

    /// Puts stars in the place of each secret, as many as it has bytes. Returns true if there was one.
    pub(crate) fn redact(&self, bytes: &mut [u8]) -> bool {
        let mut found = false;
        for (form, any_case) in &self.forms {
            let mut at = 0;
            while let Some(place) = find(&bytes[at..], form, *any_case) {
                let start = at + place;
                at = start + form.len();
                bytes[start..at].fill(b'*');
                found = true;
            }
        }
        found
    }
}

/// Returns the place of a form in some bytes.
fn find(bytes: &[u8], form: &[u8], any_case: bool) -> Option<usize> {
    let first = *form.first()?;
    bytes.windows(form.len()).position(|window| {
        // The first byte decides nearly always.
        let is_begun = window[0] == first || (any_case && window[0].eq_ignore_ascii_case(&first));
        is_begun && (window == form || (any_case && window.eq_ignore_ascii_case(form)))
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|it| it.is_ascii_hexdigit());
    let pairs = is_hex.then(|| text.as_bytes().chunks(2))?;
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn what_is_no_secret_stays() {
        let mut bytes = b"a joke, abababab".to_vec();
        assert!(!secrets().redact(&mut bytes));
        assert_eq!(bytes, b"a joke, abababab");
        assert!(!Secrets::default().redact(&mut bytes));
        assert!(!format!("{:?}", secrets()).contains(TOKEN));
    }
}

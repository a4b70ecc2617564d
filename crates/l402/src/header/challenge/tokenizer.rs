//! Splits a `WWW-Authenticate` line into challenges (RFC 9110 section 11.6.1).
//!
//! More is accepted than the grammar allows, since servers send it: parameters may be separated by
//! white space alone, and a value without quotes ends at the next comma or space. Nothing is
//! accepted that could move text from one challenge into another, or out of a quoted string.
//!
//! ```text
//! L402 macaroon="T", invoice="P", Basic realm="x"
//! ^    ^             ^            ^     ^
//! Scheme Param       Param        Scheme Param     a Param belongs to the Scheme before it
//! ```

use super::{AuthChallenge, ChallengeError, Challenges, Scheme};

/// Reads one line and adds its challenges. No parameter of a line belongs to a challenge of
/// another.
pub(super) fn read_line(line: &[u8], found: &mut Challenges) -> Result<(), ChallengeError> {
    let mut cursor = Cursor { rest: line };
    let mut open: Option<AuthChallenge> = None;
    let mut at_scheme = false;
    loop {
        let separators = cursor.take_while(is_separator);
        if cursor.rest.is_empty() {
            break;
        }
        // A bare word after a comma is the next scheme. Only right after a scheme may it be a
        // token68.
        let start = cursor.rest;
        let element = cursor.element(at_scheme && !separators.contains(&b','));
        at_scheme = matches!(element, Element::Scheme(_));
        match element {
            Element::Scheme(name) => {
                if let Some(done) = open.replace(AuthChallenge::new(name)) {
                    found.push(done)?;
                }
            }
            Element::Param(name, value) => {
                // Without an open challenge the parameter belongs to nothing and is dropped.
                open.as_mut()
                    .map_or(Ok(()), |challenge| challenge.push(name, value))?;
            }
            Element::Token68 => {}
            // The readable part is dropped too: the rest may have changed its meaning.
            Element::Broken => {
                let lost = open.take();
                found.lost_one |= match lost {
                    Some(lost) => Scheme::named(lost.scheme().as_bytes()).is_some(),
                    None => start.get(..4).and_then(Scheme::named).is_some(),
                };
            }
        }
    }
    open.map_or(Ok(()), |done| found.push(done))
}

/// One element of the line.
enum Element {
    /// The name of a scheme, with which a challenge begins.
    Scheme(String),
    /// A parameter: its name in lower case, its value unescaped.
    Param(String, String),
    /// The word that some schemes have instead of parameters. Not needed here.
    Token68,
    /// Text that no grammar allows. The challenge that holds it is dropped.
    Broken,
}

/// The part of the line that is still to be read.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Reads the next element. The cursor must be at neither a separator nor the end.
    ///
    /// `after_scheme` means that only spaces lie between the cursor and the name of a scheme. Only
    /// there a bare word is no scheme, and `=` may be the padding of base64.
    fn element(&mut self, after_scheme: bool) -> Element {
        let start = self.rest;
        if after_scheme && self.token68() {
            return Element::Token68;
        }
        self.rest = start;
        let name = text(self.take_while(is_tchar));
        let blanks = self.take_while(is_blank);
        match self.peek() {
            _ if name.is_empty() => self.broken(),
            Some(b'=') => self.value(name.to_ascii_lowercase()),
            None | Some(b',') => Element::Scheme(name),
            Some(_) if !blanks.is_empty() => Element::Scheme(name),
            Some(_) => self.broken(),
        }
    }

    /// Skips a token68 (RFC 9110 section 11.2). Returns true if a comma or the end follows it.
    fn token68(&mut self) -> bool {
        let word = self.take_while(is_token68);
        self.take_while(|byte| byte == b'=');
        self.take_while(is_blank);
        !word.is_empty() && matches!(self.peek(), None | Some(b','))
    }

    /// Reads the value of a parameter. The cursor must be at the `=`.
    fn value(&mut self, name: String) -> Element {
        self.bump();
        self.take_while(is_blank);
        if self.peek() != Some(b'"') {
            return Element::Param(name, text(self.take_while(|byte| !is_separator(byte))));
        }
        match self.quoted_string() {
            Some(value) if self.peek().is_none_or(is_separator) => Element::Param(name, value),
            _ => self.broken(),
        }
    }

    /// Reads a quoted-string with its escapes. The cursor must be at the opening quote. Returns
    /// `None` at the end of the line if the closing quote is missing.
    fn quoted_string(&mut self) -> Option<String> {
        self.bump();
        let mut value = Vec::new();
        loop {
            match self.bump()? {
                b'"' => return Some(text(&value)),
                b'\\' => value.push(self.bump()?),
                byte => value.push(byte),
            }
        }
    }

    /// Skips unreadable text up to the next separator outside quotes. Text in quotes never becomes
    /// a challenge, even behind unreadable text.
    fn broken(&mut self) -> Element {
        while let Some(byte) = self.peek().filter(|byte| !is_separator(*byte)) {
            if byte == b'"' {
                self.quoted_string();
            } else {
                self.bump();
            }
        }
        Element::Broken
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn bump(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self
            .rest
            .iter()
            .position(|byte| !belongs(*byte))
            .unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

/// Returns the bytes as text. Bytes that are not UTF-8 become U+FFFD, which neither a token nor an
/// invoice may hold.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_separator(byte: u8) -> bool {
    is_blank(byte) || byte == b','
}

/// Returns true if the byte may be part of a name (RFC 9110 section 5.6.2, `tchar`).
pub(crate) fn is_tchar(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'!' | b'#'..=b'\'')
        || matches!(byte, b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte)
}

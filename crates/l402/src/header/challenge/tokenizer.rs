//! Takes a `WWW-Authenticate` line apart (RFC 9110 section 11.6.1).
//!
//! Wider than the grammar where servers are: parameters may be separated by white space alone,
//! and a value without quotes runs to the next comma or space. Never wider where that could move
//! text from one challenge into another, or out of a quoted string.

use super::{AuthChallenge, ChallengeError, Challenges};

/// Reads one line. Each line stands for itself: no parameter crosses into the next one.
pub(super) fn read_line(line: &[u8], found: &mut Challenges) -> Result<(), ChallengeError> {
    let mut cursor = Cursor { rest: line };
    let mut open: Option<AuthChallenge> = None;
    let mut at_scheme = false;
    loop {
        let separators = cursor.take_while(is_separator);
        if cursor.rest.is_empty() {
            break;
        }
        let element = cursor.element(at_scheme && !separators.contains(&b','));
        at_scheme = matches!(element, Element::Scheme(_));
        match element {
            Element::Scheme(name) => {
                if let Some(done) = open.replace(AuthChallenge::new(name)) {
                    found.push(done)?;
                }
            }
            Element::Param(name, value) => {
                open.as_mut()
                    .map_or(Ok(()), |challenge| challenge.push(name, value))?;
            }
            Element::Token68 => {}
            Element::Broken => open = None,
        }
    }
    open.map_or(Ok(()), |done| found.push(done))
}

enum Element {
    /// The name of a scheme: a challenge begins.
    Scheme(String),
    /// A parameter, its name in lower case, its value unescaped.
    Param(String, String),
    /// A word that some schemes have in place of parameters; nothing here needs it.
    Token68,
    /// No grammar covers this: the challenge it stands in is dropped.
    Broken,
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Reads the next element; the cursor stands on neither separator nor end.
    /// `after_scheme` is whether only spaces lie between here and the name of a scheme: the one
    /// place where a bare word is no scheme, and where `=` may be base64 padding.
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

    /// Steps over a token68 that a comma or the end follows (RFC 9110 section 11.2).
    fn token68(&mut self) -> bool {
        let word = self.take_while(is_token68);
        self.take_while(|byte| byte == b'=');
        self.take_while(is_blank);
        !word.is_empty() && matches!(self.peek(), None | Some(b','))
    }

    /// Reads what follows a parameter's name; the cursor stands on the `=`.
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

    /// Reads a quoted-string with its escapes; the cursor stands on the opening quote. Where the
    /// closing one is missing, the line is used up and there is no value.
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

    /// Steps over what cannot be read, as far as the next separator outside quotes: text in
    /// quotes never becomes a challenge, whatever it stands behind.
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

/// Bytes as text. What is not UTF-8 becomes U+FFFD, which no token and no invoice may hold.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_separator(byte: u8) -> bool {
    is_blank(byte) || byte == b','
}

/// What a name is made of (RFC 9110 section 5.6.2).
pub(crate) fn is_tchar(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'!' | b'#'..=b'\'')
        || matches!(byte, b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte)
}

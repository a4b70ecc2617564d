//! The end of a JSON object in a stream of bytes.

/// A scanner that reads each byte once, and so finds the end of an object without parsing it again
/// after every chunk.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    depth: usize,
    in_text: bool,
    escaped: bool,
}

/// The position after a part of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scanned {
    /// The object ends before this index.
    End(usize),
    /// All bytes belong to the object, or stand before it.
    More,
    /// The stream holds something other than an object.
    NoObject,
}

impl Scanner {
    /// Reads on. After [`Scanned::End`] the scanner is ready for the next object.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Scanned {
        for (index, byte) in bytes.iter().enumerate() {
            match self.step(*byte) {
                Some(true) => return Scanned::End(index.saturating_add(1)),
                Some(false) => {}
                None => return Scanned::NoObject,
            }
        }
        Scanned::More
    }

    /// Returns true if the object ends with this byte; `None` if no object can begin with it.
    fn step(&mut self, byte: u8) -> Option<bool> {
        if self.in_text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return Some(false);
        }
        match byte {
            b'{' | b'[' if self.depth > 0 || byte == b'{' => {
                self.depth = self.depth.saturating_add(1);
            }
            b'}' | b']' if self.depth > 0 => {
                self.depth = self.depth.saturating_sub(1);
                return Some(self.depth == 0);
            }
            b'"' if self.depth > 0 => self.in_text = true,
            _ if self.depth == 0 && !byte.is_ascii_whitespace() => return None,
            _ => {}
        }
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the objects of a stream that arrives in chunks of this length.
    fn objects(stream: &str, chunk: usize) -> Option<Vec<String>> {
        let (mut scanner, mut read, mut found) = (Scanner::default(), Vec::new(), Vec::new());
        for chunk in stream.as_bytes().chunks(chunk) {
            let mut rest = chunk;
            while !rest.is_empty() {
                let (part, after) = match scanner.read(rest) {
                    Scanned::End(length) => rest.split_at(length),
                    Scanned::More => (rest, &[][..]),
                    Scanned::NoObject => return None,
                };
                read.extend_from_slice(part);
                if part.ends_with(b"}") && scanner.depth == 0 {
                    let object = String::from_utf8(std::mem::take(&mut read)).unwrap();
                    found.push(object.trim().to_owned());
                }
                rest = after;
            }
        }
        Some(found)
    }

    #[test]
    fn finds_each_end_however_the_stream_is_cut() {
        let all = [
            r#"{"a":"}\"{\\","b":[{},[]]}"#,
            r#"{"c":1}"#,
            r#"{"d":"]"}"#,
        ];
        let stream = format!(" {}\n\n{}{}", all[0], all[1], all[2]);
        for chunk in 1..=stream.len() {
            assert_eq!(objects(&stream, chunk).unwrap(), all, "{chunk}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused_at_once() {
        for wrong in ["<html>", "[]", "\"{}\"", "}", "  null"] {
            assert_eq!(objects(wrong, 64), None, "{wrong}");
        }
    }
}

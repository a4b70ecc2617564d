//! The form of `-F`: parts of text and files, as `multipart/form-data` (RFC 7578).

use std::fs::{File, Metadata};
use std::path::Path;

use l402_client::Body;
use sha2::{Digest as _, Sha256};

use super::body::Chain;
use super::data::Change;
use crate::error::CliError;

/// The type of a file whose name says nothing.
const BYTES: &str = "application/octet-stream";

/// The types that a name ends with, as curl knows them.
const TYPES: [(&str, &str); 10] = [
    (".gif", "image/gif"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".png", "image/png"),
    (".svg", "image/svg+xml"),
    (".txt", "text/plain"),
    (".htm", "text/html"),
    (".html", "text/html"),
    (".pdf", "application/pdf"),
    (".xml", "application/xml"),
];

const HOW: &str = "write -F NAME=TEXT, -F NAME=@FILE or -F NAME=<FILE, with ;type=TYPE and \
                   ;filename=NAME behind it";

/// One `-F`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    name: String,
    content: Content,
    /// The name that the server is told.
    file_name: Option<String>,
    content_type: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    /// `@FILE`, sent as a file.
    File(String),
    Text(String),
    /// `<FILE`, sent as the text that stands in it.
    TextOf(String),
}

impl Part {
    /// Reads the value of `-F`.
    pub(super) fn read(value: &str) -> Result<Self, CliError> {
        let wrong = |why: &str| {
            // Without the value, which may be a secret.
            let name = value.split('=').next().unwrap_or_default();
            Err(CliError::usage(format!("-F {name}: {why}")).with_hint(HOW))
        };
        let Some((name, rest)) = value.split_once('=') else {
            return wrong("there is no = behind the name");
        };
        let (mark, rest) = match rest.chars().next() {
            Some(mark @ ('@' | '<')) => (Some(mark), &rest[1..]),
            Some('(' | ')') => return wrong("parts within parts are not built"),
            _ => (None, rest),
        };
        let (text, mut rest) = word(rest);
        let (mut file_name, mut content_type) = (None, None);
        while let Some(more) = rest.strip_prefix(';') {
            let more = more.trim_start();
            let (kept, name) = if let Some(text) = more.strip_prefix("type=") {
                (&mut content_type, text)
            } else if let Some(text) = more.strip_prefix("filename=") {
                (&mut file_name, text)
            } else {
                return wrong("behind ; there is neither type= nor filename=");
            };
            let (text, after) = word(name);
            *kept = Some(text);
            rest = after;
        }
        if !rest.is_empty() {
            return wrong("two files in one part are not built");
        }
        if content_type.iter().any(|text| text.contains(['\r', '\n'])) {
            return wrong("the type holds a line end");
        }
        let content = match mark {
            Some('@') => Content::File(text),
            Some(_) => Content::TextOf(text),
            None => Content::Text(text),
        };
        Ok(Self {
            name: name.to_owned(),
            content,
            file_name,
            content_type,
        })
    }

    /// Returns true if it reads stdin.
    pub(super) fn reads_stdin(&self) -> bool {
        matches!(&self.content, Content::File(name) | Content::TextOf(name) if name == "-")
    }

    /// Returns the lines before the content.
    fn head(&self) -> String {
        let mut head = format!(
            "Content-Disposition: form-data; name=\"{}\"",
            quoted(&self.name)
        );
        if let Some(name) = self.sent_name() {
            head += &format!("; filename=\"{}\"", quoted(&name));
        }
        head += "\r\n";
        if let Some(content_type) = self.sent_type() {
            head += &format!("Content-Type: {content_type}\r\n");
        }
        head + "\r\n"
    }

    fn sent_name(&self) -> Option<String> {
        let of_file = || match &self.content {
            Content::File(path) => {
                let last = Path::new(path).file_name();
                Some(last.map_or_else(|| path.clone(), |name| name.to_string_lossy().into_owned()))
            }
            _ => None,
        };
        self.file_name.clone().or_else(of_file)
    }

    /// Returns the type that was given, or the one that the name of a file says.
    fn sent_type(&self) -> Option<String> {
        let guess = || match &self.content {
            // As curl has it: nothing is known of what stands at stdin.
            Content::File(path) if path != "-" => {
                let of = |name: &str| {
                    let name = name.to_lowercase();
                    let found = TYPES.iter().find(|(end, _)| name.ends_with(end));
                    found.map(|(_, content_type)| *content_type)
                };
                let told = self.file_name.as_deref().and_then(of);
                Some(told.or_else(|| of(path)).unwrap_or(BYTES).to_owned())
            }
            _ => None,
        };
        self.content_type.clone().or_else(guess)
    }
}

/// Reads a word up to `;` or `,`, or between quotation marks, in which `\` stands before a `"` or a
/// `\`. Returns it and the rest.
fn word(text: &str) -> (String, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        let (mut word, mut is_escaped) = (String::new(), false);
        for (at, c) in quoted.char_indices() {
            match (is_escaped, c) {
                (false, '\\') => is_escaped = true,
                (false, '"') => return (word, quoted[at + 1..].trim_start()),
                (true, c) if !matches!(c, '"' | '\\') => {
                    word.extend(['\\', c]);
                    is_escaped = false;
                }
                (_, c) => {
                    word.push(c);
                    is_escaped = false;
                }
            }
        }
        // Without a second mark, the first one is a character as any other.
    }
    let end = text.find(';').unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
}

/// Writes a name between quotation marks as browsers and curl do.
fn quoted(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Returns the number that makes the boundary: the same for the same content, so that the same command
/// is the same request, whose payment is used and not made again. It is a digest of all content, so
/// nobody can write it into a part.
fn mark(parts: &[Part]) -> u64 {
    let mut digest = Sha256::new();
    for part in parts {
        let head = part.head();
        digest.update(head.len().to_be_bytes());
        digest.update(head);
        match &part.content {
            Content::Text(text) => {
                digest.update(text.len().to_be_bytes());
                digest.update(text);
            }
            Content::File(name) | Content::TextOf(name) => {
                if !add_file(&mut digest, Path::new(name)) {
                    // What comes from a pipe comes once: it is no command to repeat.
                    return fastrand::u64(..);
                }
            }
        }
    }
    u64::from_be_bytes(*digest.finalize().first_chunk().unwrap_or(&[0; 8]))
}

/// Adds the length and the content of a file. Returns false for anything that is no plain file, or
/// that cannot be read: the error comes when it is opened for the body.
fn add_file(digest: &mut Sha256, path: &Path) -> bool {
    let file = std::fs::metadata(path).ok().filter(Metadata::is_file);
    let Some(len) = file.map(|file| file.len()) else {
        return false;
    };
    digest.update(len.to_be_bytes());
    let copied = File::open(path).and_then(|mut file| std::io::copy(&mut file, digest));
    copied.is_ok()
}

/// Returns the body that the parts make, and its type.
pub(super) fn form(parts: &[Part]) -> Result<(Body, String), CliError> {
    let boundary = format!("{}{:016x}", "-".repeat(24), mark(parts));
    let mut chain = Chain::new();
    for part in parts {
        chain.text(format!("--{boundary}\r\n{}", part.head()).as_bytes());
        match &part.content {
            Content::Text(text) => chain.text(text.as_bytes()),
            Content::File(name) | Content::TextOf(name) => chain.file(name, Change::Nothing)?,
        }
        chain.text(b"\r\n");
    }
    chain.text(format!("--{boundary}--\r\n").as_bytes());
    let content_type = format!("multipart/form-data; boundary={boundary}");
    Ok((chain.body(), content_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_cannot_be_read_is_usage_and_does_not_repeat_its_value() {
        for value in [
            "secret",
            "a=(",
            "a=@b;x=secret",
            "a=\"b\"secret",
            "a=b;type=x\ny",
        ] {
            let error = Part::read(value).unwrap_err();
            assert_eq!(error.exit_code(), crate::exit_code::USAGE, "{value}");
            assert!(value == "secret" || !error.to_string().contains("secret"));
        }
    }

    #[test]
    fn heads_are_those_of_curl() {
        for (value, head) in [
            ("a=b", "form-data; name=\"a\"\r\n\r\n"),
            (
                "a=@d/x.HTML",
                "form-data; name=\"a\"; filename=\"x.HTML\"\r\nContent-Type: text/html\r\n\r\n",
            ),
            (
                "a=@x;filename=\"q\\\"r;s\";type=a/b",
                "form-data; name=\"a\"; filename=\"q%22r;s\"\r\nContent-Type: a/b\r\n\r\n",
            ),
            ("a=<x", "form-data; name=\"a\"\r\n\r\n"),
            ("a=@-", "form-data; name=\"a\"; filename=\"-\"\r\n\r\n"),
        ] {
            let part = Part::read(value).unwrap();
            assert_eq!(
                part.head(),
                format!("Content-Disposition: {head}"),
                "{value}"
            );
        }
        assert_eq!(word("\"a\\b\""), ("a\\b".to_owned(), ""));
        assert_eq!(word("\"open;x"), ("\"open".to_owned(), ";x"));
    }
}

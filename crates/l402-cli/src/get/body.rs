//! The body that curl's flags make: texts and files, one behind the other.

use std::fs::File;
use std::io::{self, Cursor, Read};

use l402_client::Body;

use crate::error::CliError;

/// A file of the body, read when the request is sent. Its errors name it.
struct NamedFile {
    name: String,
    source: Box<dyn Read + Send>,
    /// As curl has it, line ends of a file are not part of a form.
    drops_line_ends: bool,
}

/// Puts together what `--data` and `--json` say. Files are opened now and read later, so that
/// none has to fit into memory.
pub(super) fn body(data: &[String], json: &[String]) -> Result<Body, CliError> {
    let mut text = Vec::new();
    let mut body: Option<Box<dyn Read + Send>> = None;
    let pieces = data.iter().map(|piece| (piece, true));
    for (index, (piece, is_form)) in pieces.chain(json.iter().map(|it| (it, false))).enumerate() {
        if is_form && index > 0 {
            text.push(b'&');
        }
        let Some(file) = piece.strip_prefix('@') else {
            text.extend_from_slice(piece.as_bytes());
            continue;
        };
        let file = NamedFile::open(file, is_form)?;
        let before = Cursor::new(std::mem::take(&mut text));
        body = Some(match body {
            Some(body) => Box::new(body.chain(before).chain(file)),
            None => Box::new(before.chain(file)),
        });
    }
    Ok(match body {
        Some(body) => Body::blocking(body.chain(Cursor::new(text))),
        None => text.into(),
    })
}

impl NamedFile {
    fn open(name: &str, drops_line_ends: bool) -> Result<Self, CliError> {
        let source: Box<dyn Read + Send> = if name == "-" {
            Box::new(io::stdin())
        } else {
            let opened = File::open(name).and_then(not_a_folder);
            Box::new(opened.map_err(|error| CliError::local_io(unreadable(name, &error)))?)
        };
        Ok(Self {
            name: name.to_owned(),
            source,
            drops_line_ends,
        })
    }
}

impl Read for NamedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let len = match self.source.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(|error| io::Error::other(unreadable(&self.name, &error)))?,
            };
            let kept = if self.drops_line_ends {
                drop_line_ends(&mut buffer[..len])
            } else {
                len
            };
            // Nothing but line ends is not the end of the file.
            if kept > 0 || len == 0 {
                return Ok(kept);
            }
        }
    }
}

/// Opening a folder works on some systems, and reading it does not: the system says why.
fn not_a_folder(mut file: File) -> io::Result<File> {
    if file.metadata()?.is_dir() {
        file.read_exact(&mut [0])?;
    }
    Ok(file)
}

/// Moves what is no line end to the front. Returns how much that is.
fn drop_line_ends(bytes: &mut [u8]) -> usize {
    let mut kept = 0;
    for at in 0..bytes.len() {
        if !matches!(bytes[at], b'\r' | b'\n') {
            bytes[kept] = bytes[at];
            kept += 1;
        }
    }
    kept
}

fn unreadable(name: &str, error: &io::Error) -> String {
    format!("{name} cannot be read: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, source: impl Read + Send + 'static, drops_line_ends: bool) -> Vec<u8> {
        let mut file = NamedFile {
            name: name.into(),
            source: Box::new(source),
            drops_line_ends,
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn line_ends_are_no_part_of_a_form() {
        let long = "\r\n".repeat(100_000) + "a\nb\r\n" + &"\n".repeat(100_000) + "c";
        assert_eq!(read("x", Cursor::new(long.clone()), true), b"abc");
        assert_eq!(read("x", Cursor::new(long.clone()), false), long.as_bytes());
    }

    #[test]
    fn a_file_that_fails_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("none").display().to_string();
        for name in [name, folder.path().display().to_string()] {
            let error = body(&[format!("@{name}")], &[]).unwrap_err();
            assert_eq!(error.exit_code(), crate::exit_code::LOCAL_IO);
            let text = error.to_string();
            assert!(
                text.starts_with(&format!("{name} cannot be read: ")),
                "{text}"
            );
        }
    }

    #[test]
    fn texts_alone_are_in_memory() {
        let text = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let both = body(&text(&["a=1", "b=2"]), &text(&["{", "}"])).unwrap();
        assert_eq!(both.as_bytes().unwrap(), &b"a=1&b=2{}"[..]);
        let file = body(&text(&["@-"]), &[]).unwrap();
        assert!(file.as_bytes().is_none());
    }
}

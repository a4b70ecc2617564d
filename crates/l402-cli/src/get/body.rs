//! The body that curl's flags make: texts and files, one behind the other.

use std::fs::File;
use std::io::{self, Cursor, Read};

use l402_client::Body;

use super::data::{Change, Piece};
use super::escaped::percent_encoded;
use crate::error::CliError;

/// The bytes that are read at once for a change that makes more of them.
const PIECE: usize = 16 * 1024;

/// The most data that `-G` writes into a URL, in bytes. No server takes so long a URL.
const QUERY_MAX: u64 = 1024 * 1024;

/// Parts of a body that are read one behind the other.
pub(super) struct Chain {
    text: Vec<u8>,
    body: Option<Box<dyn Read + Send>>,
    /// The body, as long as it is one file and nothing else.
    alone: Option<NamedFile>,
}

/// A file of the body, read when the request is sent. Its errors name it.
struct NamedFile {
    name: String,
    source: Source,
    change: Change,
    /// Bytes that were made and not given out yet.
    made: Cursor<Vec<u8>>,
}

/// The origin of the bytes of a file.
enum Source {
    File(File),
    Other(Box<dyn Read + Send>),
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Other(source) => source.read(buffer),
        }
    }
}

impl Chain {
    pub(super) const fn new() -> Self {
        Self {
            text: Vec::new(),
            body: None,
            alone: None,
        }
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }

    /// Adds a file. It is opened now and read later, so that it need not fit into memory.
    pub(super) fn file(&mut self, name: &str, change: Change) -> Result<(), CliError> {
        let file = NamedFile::open(name, change)?;
        if self.text.is_empty() && self.body.is_none() && self.alone.is_none() {
            self.alone = Some(file);
            return Ok(());
        }
        let before = Cursor::new(std::mem::take(&mut self.text));
        self.body = Some(match self.take_body() {
            Some(body) => Box::new(body.chain(before).chain(file)),
            None => Box::new(before.chain(file)),
        });
        Ok(())
    }

    pub(super) fn body(mut self) -> Body {
        if self.text.is_empty()
            && let Some(file) = self.alone.take()
        {
            return file.body();
        }
        match self.take_body() {
            Some(body) => Body::blocking(body.chain(Cursor::new(self.text))),
            None => self.text.into(),
        }
    }

    /// Takes all but the last text.
    fn take_body(&mut self) -> Option<Box<dyn Read + Send>> {
        match self.alone.take() {
            Some(file) => Some(Box::new(file)),
            None => self.body.take(),
        }
    }
}

/// Returns the body that the pieces make, with `between` each two of them.
pub(super) fn body(pieces: &[Piece], between: &[u8]) -> Result<Body, CliError> {
    chain(pieces, between).map(Chain::body)
}

/// Returns what the pieces make as text of a query.
///
/// # Errors
/// A file that cannot be read, or more than 1 MiB.
pub(super) fn query(pieces: &[Piece]) -> Result<Vec<u8>, CliError> {
    let mut chain = chain(pieces, b"&")?;
    let mut all = Vec::new();
    if let Some(body) = chain.take_body() {
        let read = body.take(QUERY_MAX + 1).read_to_end(&mut all);
        read.map_err(|error| CliError::local_io(error.to_string()))?;
    }
    all.extend_from_slice(&chain.text);
    if all.len() as u64 > QUERY_MAX {
        let text = format!("-G makes a URL of the data, and it is longer than {QUERY_MAX} bytes");
        return Err(CliError::usage(text).with_hint("without -G it is sent as a body"));
    }
    Ok(all)
}

fn chain(pieces: &[Piece], between: &[u8]) -> Result<Chain, CliError> {
    let mut chain = Chain::new();
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            chain.text(between);
        }
        match piece {
            Piece::Text(text) => chain.text(text),
            Piece::File {
                before,
                name,
                change,
            } => {
                chain.text(before);
                chain.file(name, *change)?;
            }
        }
    }
    Ok(chain)
}

impl NamedFile {
    fn open(name: &str, change: Change) -> Result<Self, CliError> {
        let source = if name == "-" {
            Source::Other(Box::new(io::stdin()))
        } else {
            let opened = File::open(name).and_then(not_a_folder);
            Source::File(opened.map_err(|error| CliError::local_io(unreadable(name, &error)))?)
        };
        Ok(Self {
            name: name.to_owned(),
            source,
            change,
            made: Cursor::default(),
        })
    }

    /// Returns it as a whole body. As it lies there it need not be copied before it is sent.
    fn body(self) -> Body {
        match self.source {
            Source::File(file) if self.change == Change::Nothing => {
                Body::open_file(self.name, file)
            }
            source => Body::blocking(Self { source, ..self }),
        }
    }

    fn read_source(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.source.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    return read.map_err(|error| io::Error::other(unreadable(&self.name, &error)));
                }
            }
        }
    }

    /// Encodes the next bytes of the source into `made`, which is empty at its end.
    fn make(&mut self) -> io::Result<()> {
        let mut piece = [0; PIECE];
        let len = self.read_source(&mut piece)?;
        self.made = Cursor::new(percent_encoded(&piece[..len]).into_bytes());
        Ok(())
    }
}

impl Read for NamedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.change {
            Change::Nothing => self.read_source(buffer),
            Change::DropLineEnds => loop {
                let len = self.read_source(buffer)?;
                let kept = drop_line_ends(&mut buffer[..len]);
                // Nothing but line ends is not the end of the file.
                if kept > 0 || len == 0 {
                    return Ok(kept);
                }
            },
            Change::PercentEncode => {
                if self.made.position() == self.made.get_ref().len() as u64 {
                    self.make()?;
                }
                self.made.read(buffer)
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

    fn read(name: &str, source: impl Read + Send + 'static, change: Change) -> Vec<u8> {
        let mut file = NamedFile {
            name: name.into(),
            source: Source::Other(Box::new(source)),
            change,
            made: Cursor::default(),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn line_ends_are_no_part_of_a_form() {
        let long = "\r\n".repeat(100_000) + "a\nb\r\n" + &"\n".repeat(100_000) + "c";
        let source = || Cursor::new(long.clone());
        assert_eq!(read("x", source(), Change::DropLineEnds), b"abc");
        assert_eq!(read("x", source(), Change::Nothing), long.as_bytes());
        let encoded = read("x", source(), Change::PercentEncode);
        assert_eq!(encoded.len(), (long.len() - 3) * 3 + 3);
    }

    #[test]
    fn a_file_that_fails_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("none").display().to_string();
        for name in [name, folder.path().display().to_string()] {
            let piece = Piece::text_or_file(&format!("@{name}"), Change::Nothing);
            let error = body(&[piece], b"").unwrap_err();
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
        let texts = ["a=1", "b=2"].map(|text| Piece::text_or_file(text, Change::DropLineEnds));
        let both = body(&texts, b"&").unwrap();
        assert_eq!(both.as_bytes().unwrap(), &b"a=1&b=2"[..]);
        assert_eq!(query(&texts).unwrap(), b"a=1&b=2");
        let file = body(&[Piece::text_or_file("@-", Change::Nothing)], b"").unwrap();
        assert!(file.as_bytes().is_none());
    }

    #[test]
    fn a_query_that_is_too_long_is_refused() {
        let text = Piece::Text(vec![b'a'; 1024 * 1024 + 1]);
        let error = query(&[text]).unwrap_err();
        assert_eq!(error.exit_code(), crate::exit_code::USAGE);
    }
}

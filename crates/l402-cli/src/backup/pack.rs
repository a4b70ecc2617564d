//! Packing a home.

use std::fs;
use std::io::{Read, Write as _};
use std::path::Path;

use l402_host::{private, sqlite};
use sha2::{Digest as _, Sha256};

use super::contents;
use super::list::{self, File, Files};
use super::work::Work;
use crate::error::CliError;

/// The order in which databases are copied, first to last; files that are not named come after them. What
/// counts comes after what tells of it: books that are behind their ledger are put right from it, and a
/// ledger that is behind would sell twice.
const ORDER: [&str; 3] = ["books.db", "gateway.db", "sandbox/sandbox.db"];

/// The first bytes of every SQLite database.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// The outcome of a backup.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed {
    pub(crate) files: usize,
    pub(crate) bytes: u64,
    /// True if the home has a node of its own, which is not in the backup.
    pub(crate) leaves_node_out: bool,
}

/// Packs the home into a new file (0600). Gateways and buyers may run meanwhile. `made` is RFC 3339. Blocks.
///
/// # Errors
/// If the file exists, or if something cannot be read or written. Then there is no file.
pub(crate) fn pack(home: &Path, to: &Path, made: &str) -> Result<Packed, CliError> {
    if to.symlink_metadata().is_ok() {
        return Err(exists(to));
    }
    let work = Work::beside(to)?;
    let files = stage(home, &work.0.join("files"))?;
    let archive = work.0.join("archive");
    write(&files, &work.0.join("files"), &archive, made)?;
    if !private::place(&archive, to).map_err(|error| failed(to, error.fault()))? {
        return Err(exists(to));
    }
    Ok(Packed {
        files: files.len(),
        bytes: files.values().map(|file| file.size).sum(),
        leaves_node_out: home.join("ldk").exists(),
    })
}

/// Refuses `-`, which other programs take for a stream. A backup is a file: it gets its name once it is whole.
pub(crate) fn refuse_stream(file: &Path) -> Result<(), CliError> {
    if file == Path::new("-") {
        let text = "a backup is a file, and - is none";
        return Err(CliError::usage(text).with_hint("name a file; ./- is one of that name"));
    }
    Ok(())
}

fn exists(to: &Path) -> CliError {
    let text = format!("{} exists; it is left as it is", to.display());
    CliError::local_io(text).with_hint("name a file that does not exist yet")
}

pub(super) fn failed(path: &Path, error: &dyn std::fmt::Display) -> CliError {
    CliError::local_io(format!("{}: {error}", path.display()))
}

/// Copies all that is backed up into a folder.
fn stage(home: &Path, to: &Path) -> Result<Files, CliError> {
    let mut found = contents::of(home)?;
    found.sort_by_key(|path| {
        let place = ORDER.iter().position(|first| first == path);
        (place.unwrap_or(ORDER.len()), path.clone())
    });
    let mut files = Files::new();
    for path in found {
        let (from, to) = (home.join(&path), to.join(&path));
        if let Some(folder) = to.parent() {
            private::create_folder(folder).map_err(|error| failed(folder, &error))?;
        }
        // One that was there a moment ago and is not any more need not be kept.
        if copy(&from, &to)? {
            files.insert(path, measure(&to)?);
        }
    }
    if files.is_empty() {
        let text = format!("nothing to back up in {}", home.display());
        return Err(CliError::local_io(text)
            .with_hint("name the home: --home DIR, or the variable L402_HOME"));
    }
    Ok(files)
}

/// Copies a file: a database as it is at one moment. Returns false if it is gone.
fn copy(from: &Path, to: &Path) -> Result<bool, CliError> {
    let gone = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    let mut file = match fs::File::open(from) {
        Err(error) if gone(&error) => return Ok(false),
        opened => opened.map_err(|error| failed(from, &error))?,
    };
    let mut first = [0; SQLITE.len()];
    let read = read_up_to(&mut file, &mut first).map_err(|error| failed(from, &error))?;
    // A plain copy of a database in use would mix several moments. SQLite copies one of them.
    if first.get(..read) == Some(SQLITE) {
        sqlite::copy(from, to).map_err(|error| failed(from, &error))?;
        return Ok(true);
    }
    private::create(to, b"").map_err(|error| failed(to, &error))?;
    let mut copy = fs::OpenOptions::new()
        .write(true)
        .open(to)
        .map_err(|error| failed(to, &error))?;
    let mut content = first.get(..read).unwrap_or_default().chain(file);
    std::io::copy(&mut content, &mut copy).map_err(|error| failed(from, &error))?;
    Ok(true)
}

fn read_up_to(file: &mut fs::File, bytes: &mut [u8]) -> std::io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

/// Returns size and hash of a file.
pub(super) fn measure(path: &Path) -> Result<File, CliError> {
    let mut file = fs::File::open(path).map_err(|error| failed(path, &error))?;
    let mut hash = Sha256::new();
    let size = std::io::copy(&mut file, &mut hash).map_err(|error| failed(path, &error))?;
    Ok(File {
        size,
        sha256: hex::encode(hash.finalize()),
    })
}

/// Writes the archive, and waits until it is on disk.
fn write(files: &Files, from: &Path, to: &Path, made: &str) -> Result<(), CliError> {
    let written = || -> std::io::Result<()> {
        private::create(to, b"").map_err(std::io::Error::other)?;
        let file = fs::OpenOptions::new().write(true).open(to)?;
        let mut archive = tar::Builder::new(std::io::BufWriter::new(file));
        let list = list::write(files, made);
        archive.append_data(&mut header(list.len() as u64), list::NAME, list.as_slice())?;
        for (path, file) in files {
            let content = fs::File::open(from.join(path))?;
            archive.append_data(&mut header(file.size), path, content.take(file.size))?;
        }
        let mut file = archive.into_inner()?;
        file.flush()?;
        file.get_ref().sync_all()
    };
    written().map_err(|error| failed(to, &error))
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header.set_entry_type(tar::EntryType::Regular);
    header
}

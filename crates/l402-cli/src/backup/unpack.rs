//! Unpacking into a new folder.

use std::fs;
use std::io::{Read, Write as _};
use std::path::Path;

use l402_host::private;

use super::list::{self, File, Files};
use super::pack::{failed, measure};
use crate::error::CliError;
use crate::exit_code;

/// The contents of a backup, by its list.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) files: usize,
    /// The time at which it was made, RFC 3339.
    pub(super) made: String,
}

/// Writes the files of a backup into a new folder, each held against the list: no more, no fewer, and no
/// other bytes.
pub(super) fn unpack(from: &Path, to: &Path) -> Result<Unpacked, CliError> {
    let file = fs::File::open(from).map_err(|error| failed(from, &error))?;
    let mut archive = tar::Archive::new(std::io::BufReader::new(file));
    let mut entries = archive.entries().map_err(|_| damaged(from, CUT))?;
    let first = entries.next().ok_or_else(|| damaged(from, NO_BACKUP))?;
    let mut first = first.map_err(|_| damaged(from, NO_BACKUP))?;
    let (mut files, made) = read_list(from, &mut first)?;
    let count = files.len();
    for entry in entries {
        let mut entry = entry.map_err(|_| damaged(from, CUT))?;
        let path = entry.path().map_err(|_| damaged(from, CUT))?;
        let path = path.to_str().unwrap_or_default().to_owned();
        let is_plain = entry.header().entry_type() == tar::EntryType::Regular;
        // Taken out of the list, so that a second one of the same name is not in it.
        let Some(listed) = files.remove(&path).filter(|_| is_plain) else {
            return Err(damaged(from, "it holds more than its list names"));
        };
        write(from, &mut entry, &to.join(&path), &listed)?;
    }
    if files.is_empty() {
        sync_folders(to).map_err(|error| failed(to, &error))?;
        Ok(Unpacked { files: count, made })
    } else {
        Err(damaged(from, CUT))
    }
}

/// Waits until the names in a folder, and in all below it, are on disk.
fn sync_folders(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    private::sync_folder(&folder.join("any"));
    Ok(())
}

const CUT: &str = "it is cut off or damaged";
const NO_BACKUP: &str = "it is no backup of l402";

fn damaged(path: &Path, what: &str) -> CliError {
    let text = format!("{}: {what}; nothing was changed", path.display());
    CliError::new(exit_code::LOCAL_IO, "damaged", text)
        .with_hint("take another copy of the backup, such as `l402 backup FILE` made it")
}

fn read_list<R: Read>(
    from: &Path,
    entry: &mut tar::Entry<'_, R>,
) -> Result<(Files, String), CliError> {
    let is_list = entry.path().is_ok_and(|path| path == Path::new(list::NAME));
    if !is_list {
        return Err(damaged(from, NO_BACKUP));
    }
    let mut bytes = Vec::new();
    let read = entry.take(list::MAX_BYTES).read_to_end(&mut bytes);
    read.map_err(|_| damaged(from, CUT))?;
    list::read(&bytes).map_err(|what| damaged(from, what))
}

/// Writes one file (0600), and holds it against the list.
fn write(from: &Path, entry: &mut impl Read, to: &Path, listed: &File) -> Result<(), CliError> {
    if let Some(folder) = to.parent() {
        private::create_folder(folder).map_err(|error| failed(folder, &error))?;
    }
    private::create(to, b"").map_err(|error| failed(to, &error))?;
    let mut written = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).open(to)?;
        // One byte more shows a file that is longer than its list says.
        std::io::copy(&mut entry.take(listed.size.saturating_add(1)), &mut file)?;
        file.flush()?;
        file.sync_all()
    };
    written().map_err(|error| failed(to, &error))?;
    if measure(to)? == *listed {
        Ok(())
    } else {
        Err(damaged(
            from,
            "a file in it is not the one that its list names",
        ))
    }
}

//! Files that a configuration names, and that are read with it.

use std::fmt::Display;
use std::io::Read as _;
use std::path::Path;

/// Reads a file of at most `max` bytes.
///
/// # Errors
/// The file and what is wrong with it.
pub(super) fn read_within(path: &Path, max: u64) -> Result<Vec<u8>, String> {
    // A pipe would hold up a start until somebody writes into it.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(named(path, &"not a file"));
    }
    let file = std::fs::File::open(path).map_err(|error| named(path, &error))?;
    let mut bytes = Vec::new();
    let read = file.take(max + 1).read_to_end(&mut bytes);
    read.map_err(|error| named(path, &error))?;
    if bytes.len() as u64 > max {
        return Err(named(path, &format!("larger than {max} bytes")));
    }
    Ok(bytes)
}

/// Returns what is wrong with a file, with its name.
pub(super) fn named(path: &Path, error: &dyn Display) -> String {
    format!("{}: {error}", path.display())
}

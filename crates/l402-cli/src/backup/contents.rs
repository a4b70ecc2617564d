//! The files of a home that go into a backup.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use super::list;
use super::pack::failed;
use super::work::is_work;
use crate::error::CliError;

/// The paths that a backup leaves out: what stands only for as long as a process runs, what says which
/// ledger goes with the home (a restored one gets another), and the node in the program, an old copy of which
/// would lose the coins in its channels.
const LEFT_OUT: [&str; 4] = ["run", "ledger.id", "ldk", LOCKS];

/// The folder with nothing but the locks of buyers.
const LOCKS: &str = "client/locks";

/// The ends of what SQLite and this program keep beside a database.
const BESIDE_DATABASES: [&str; 4] = ["-wal", "-shm", "-journal", "-checked"];

/// Lists the files that go into a backup, by paths that begin at the home.
pub(super) fn of(home: &Path) -> Result<Vec<String>, CliError> {
    let mut found = Vec::new();
    walk(home, "", &mut |path, is_folder| {
        let keeps = !is_left_out(home, path, is_folder)?;
        if keeps && !is_folder {
            found.push(path.to_owned());
        }
        Ok(keeps)
    })?;
    Ok(found)
}

/// Lists the lock files of a home, of whatever it holds, held or not.
pub(super) fn locks(home: &Path) -> Result<Vec<String>, CliError> {
    let mut found = Vec::new();
    walk(home, "", &mut |path, is_folder| {
        if !is_folder && is_lock(home, path) {
            found.push(path.to_owned());
        }
        Ok(true)
    })?;
    Ok(found)
}

/// Shows `sees` each file and folder below a folder of the home, a folder before what is in it. What is
/// below a folder for which it returns false is not shown.
fn walk(
    home: &Path,
    below: &str,
    sees: &mut dyn FnMut(&str, bool) -> Result<bool, CliError>,
) -> Result<(), CliError> {
    let folder = home.join(below);
    let entries = match fs::read_dir(&folder) {
        // Gone since it was seen.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| failed(&folder, &error))?,
    };
    for entry in entries {
        let entry = entry.map_err(|error| failed(&folder, &error))?;
        let name = entry.file_name().into_string().map_err(|name| {
            let text = "its name is no text; move it away, or rename it";
            failed(&folder.join(name), &text)
        })?;
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        let kind = entry.file_type().map_err(|error| failed(&folder, &error))?;
        // Links and sockets lead out of the home, or to a process.
        if (kind.is_dir() || kind.is_file()) && sees(&path, kind.is_dir())? && kind.is_dir() {
            walk(home, &path, sees)?;
        }
    }
    Ok(())
}

fn is_left_out(home: &Path, path: &str, is_folder: bool) -> Result<bool, CliError> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if LEFT_OUT.contains(&path) {
        return Ok(true);
    }
    if is_folder {
        return Ok(is_work(name));
    }
    let is_draft = name.starts_with(".l402-") && name.ends_with(".draft");
    let of_database = |end: &str| {
        let database = path.strip_suffix(end);
        database.is_some_and(|database| home.join(database).is_file())
    };
    let passes =
        is_draft || name.ends_with(".log") || BESIDE_DATABASES.iter().any(|end| of_database(end));
    Ok(passes || is_lock(home, path) || is_backup(&home.join(path))?)
}

/// Returns true for a file that a process locks for as long as it works. It is empty; a file of another's
/// with such a name is not.
fn is_lock(home: &Path, path: &str) -> bool {
    let in_locks = path
        .strip_prefix(LOCKS)
        .is_some_and(|rest| rest.starts_with('/'));
    let is_empty = || {
        home.join(path)
            .metadata()
            .is_ok_and(|found| found.len() == 0)
    };
    in_locks || (path.ends_with(".lock") && is_empty())
}

/// Returns true for a file that begins as a backup does: the next one would hold it, and the one after
/// that both.
fn is_backup(path: &Path) -> Result<bool, CliError> {
    let mut first = Vec::new();
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        opened => opened.map_err(|error| failed(path, &error))?,
    };
    let read = file.take(512).read_to_end(&mut first);
    read.map_err(|error| failed(path, &error))?;
    let name = [list::NAME.as_bytes(), b"\0"].concat();
    Ok(first.starts_with(&name) && first.get(257..262) == Some(b"ustar"))
}

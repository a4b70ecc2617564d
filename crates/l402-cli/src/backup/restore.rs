//! Putting a home back.

use std::fs;
use std::path::{Path, PathBuf};

use l402_host::{FileLock, private};

use super::contents;
use super::pack::failed;
use super::unpack::unpack;
use super::work::Work;
use crate::error::CliError;

/// The outcome of a restore.
#[derive(Clone, Debug)]
pub(crate) struct Restored {
    pub(crate) files: usize,
    /// The time at which the backup was made, RFC 3339.
    pub(crate) made: String,
    /// The folder that the home of before was moved to.
    pub(crate) moved: Option<PathBuf>,
}

/// Unpacks a backup, has `begin` do what a restored home needs in the new folder, and puts that in the
/// home's place. A home that is there is moved aside with `replaces`, and else refused. Blocks.
///
/// # Errors
/// If the backup does not hold together, the home is in use, or something cannot be written. Then nothing has
/// changed.
pub(crate) fn restore(
    from: &Path,
    home: &Path,
    replaces: bool,
    begin: impl FnOnce(&Path) -> Result<(), CliError>,
) -> Result<Restored, CliError> {
    let is_used = is_used(home)?;
    if is_used && !replaces {
        let text = format!(
            "{} holds a home already; nothing was changed",
            home.display()
        );
        return Err(CliError::local_io(text).with_hint(
            "restore into another folder (--home DIR), or give --replace, which moves this one aside",
        ));
    }
    refuse_in_use(home)?;
    let work = Work::beside(home)?;
    let new = work.0.join("home");
    private::create_closed_folder(&new).map_err(|error| failed(&new, &error))?;
    let unpacked = unpack(from, &new)?;
    begin(&new)?;
    let moved = if is_used {
        Some(take_place(&new, home)?)
    } else {
        // An empty folder gives way, and one in which a program has begun meanwhile does not.
        fs::rename(&new, home).map_err(|error| failed(home, &error))?;
        None
    };
    private::sync_folder(home);
    Ok(Restored {
        files: unpacked.files,
        made: unpacked.made,
        moved,
    })
}

/// Returns true if a home holds anything. Refuses what cannot give way to another.
fn is_used(home: &Path) -> Result<bool, CliError> {
    let found = match home.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        found => found.map_err(|error| failed(home, &error))?,
    };
    if !found.is_dir() || home.file_name().is_none() {
        let what = "is a link or no folder, and cannot be moved aside; nothing was changed";
        let text = format!("{} {what}", home.display());
        let hint = "name the folder itself: --home DIR";
        return Err(CliError::local_io(text).with_hint(hint));
    }
    let mut entries = home.read_dir().map_err(|error| failed(home, &error))?;
    Ok(entries.next().is_some())
}

/// Refuses a home in which a program runs.
fn refuse_in_use(home: &Path) -> Result<(), CliError> {
    let locks = contents::locks(home)?;
    let mut paths = locks.iter().map(|lock| home.join(lock));
    match paths.find(|lock| FileLock::is_held(lock)) {
        Some(lock) => Err(runs(home, &lock)),
        None => Ok(()),
    }
}

fn runs(home: &Path, lock: &Path) -> CliError {
    let text = format!("a program runs in {}: {}", home.display(), lock.display());
    CliError::local_io(text).with_hint("end it first; nothing was changed")
}

/// Puts a new home in the place of one that is there, and returns where that one is from then on.
fn take_place(new: &Path, home: &Path) -> Result<PathBuf, CliError> {
    // No gateway starts from here to the end. One that has started while the backup was unpacked is seen.
    let start = home.join("start.lock");
    let held = FileLock::try_take(&start).map_err(|error| CliError::local_io(error.to_string()))?;
    let Some(_held) = held else {
        return Err(runs(home, &start));
    };
    let others = contents::locks(home)?;
    let mut others = others.iter().map(|lock| home.join(lock));
    if let Some(lock) = others.find(|lock| *lock != start && FileLock::is_held(lock)) {
        return Err(runs(home, &lock));
    }
    let aside = free_name(home);
    fs::rename(new, &aside).map_err(|error| failed(&aside, &error))?;
    match private::exchange(&aside, home) {
        Ok(()) => Ok(aside),
        Err(error) => {
            // Where the folder of the work takes it along if nothing can be done.
            fs::rename(&aside, new).map_err(|error| failed(&aside, &error))?;
            if error.kind() != std::io::ErrorKind::Unsupported {
                return Err(failed(home, &error));
            }
            move_one_by_one(new, home, &aside)?;
            Ok(aside)
        }
    }
}

/// Does the same where two folders cannot exchange their names: between the two moves there is no home.
fn move_one_by_one(new: &Path, home: &Path, aside: &Path) -> Result<(), CliError> {
    fs::rename(home, aside).map_err(|error| failed(home, &error))?;
    fs::rename(new, home).map_err(|error| {
        let back = fs::rename(aside, home);
        let hint = match back {
            Ok(()) => "nothing was changed".to_owned(),
            Err(_) => format!("the home lies in {}: move it back", aside.display()),
        };
        failed(home, &error).with_hint(hint)
    })
}

/// Returns the first name for a home of before that nothing has.
fn free_name(home: &Path) -> PathBuf {
    let name = home.file_name().unwrap_or_default().to_string_lossy();
    let mut number = 1;
    loop {
        let place = home.with_file_name(format!("{name}.before-{number}"));
        if place.symlink_metadata().is_err() {
            return place;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_moves_do_what_an_exchange_does() {
        let folder = tempfile::tempdir().unwrap();
        let [new, home, aside] =
            ["new", "home", "home.before-1"].map(|name| folder.path().join(name));
        for (path, mark) in [(&new, "new"), (&home, "old")] {
            fs::create_dir(path).unwrap();
            fs::write(path.join(mark), "").unwrap();
        }
        move_one_by_one(&new, &home, &aside).unwrap();
        assert!(home.join("new").exists() && aside.join("old").exists());
        // Without a new one the old one is back.
        let again = folder.path().join("home.before-2");
        assert!(move_one_by_one(&new, &home, &again).is_err());
        assert!(home.join("new").exists() && !again.exists());
    }
}

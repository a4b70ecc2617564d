//! Writing a setting back to the file that it came from.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use l402_host::private;

use super::super::problem::{Problem, ProblemKind};
use super::super::state::Admin;
use crate::config::{Edit, edit};
use crate::{Config, Overrides, Reloaded};

/// The configuration file as it was read.
pub(super) struct FileRead {
    /// The file as it is named.
    name: PathBuf,
    /// The file itself, if the name is a link.
    path: PathBuf,
    overrides: Overrides,
    text: String,
    pub(super) config: Config,
}

impl FileRead {
    /// Reads and checks the file of the program.
    ///
    /// # Errors
    /// [`Problem`] if there is none, if it has mistakes, or if it cannot be written.
    pub(super) fn open(admin: &Admin) -> Result<Self, Problem> {
        let Some((name, overrides)) = admin.program().file() else {
            let detail = "the gateway was started from the command line; start it with --config FILE to \
                          change its settings";
            return Err(Problem::new(ProblemKind::NoFile, detail));
        };
        // The file behind a link is replaced, so that the link stays a link.
        let path = fs::canonicalize(name).map_err(|error| unreadable(name, &error))?;
        let text = fs::read_to_string(&path).map_err(|error| unreadable(name, &error))?;
        check_writable(&path)?;
        let config = Config::from_text_of(name, &text, overrides).map_err(Problem::of_mistakes)?;
        Ok(Self {
            name: name.to_owned(),
            path,
            overrides: overrides.clone(),
            text,
            config,
        })
    }

    /// Writes the edits into the file and serves it. Puts the old text back if that cannot be done.
    ///
    /// # Errors
    /// [`Problem`] if nothing has changed.
    pub(super) fn write(&self, edits: &[Edit], admin: &Admin) -> Result<Reloaded, Problem> {
        let mut text = self.text.clone();
        for one in edits {
            text =
                edit(&text, one).map_err(|detail| Problem::new(ProblemKind::Conflict, detail))?;
        }
        // Before the file is touched, so that a mistake changes nothing.
        let checked = Config::from_text_of(&self.name, &text, &self.overrides);
        checked.map_err(Problem::of_mistakes)?;
        self.replace(&self.text, &text)?;
        let reloaded = admin.program().reload(admin.gateway());
        reloaded.map_err(|error| {
            // Only what was written here is taken back: a later text of somebody else stays.
            if let Err(kept) = self.replace(&text, &self.text) {
                tracing::error!(
                    file = %self.name.display(), why = kept.detail,
                    "the file holds a change that could not be served, and cannot be put back"
                );
            }
            error.into()
        })
    }

    /// Replaces the text of the file as a whole, if it still is `old`.
    fn replace(&self, old: &str, new: &str) -> Result<(), Problem> {
        let draft = Draft::beside(&self.path, new).map_err(|error| self.unwritable(&error))?;
        // As late as can be: what somebody has written meanwhile is not lost.
        let now = fs::read(&self.path).map_err(|error| unreadable(&self.name, &error))?;
        if now != old.as_bytes() {
            let detail = format!(
                "{} has changed meanwhile; nothing was written, try again",
                self.name.display()
            );
            return Err(Problem::new(ProblemKind::Conflict, detail));
        }
        fs::rename(&draft.0, &self.path).map_err(|error| self.unwritable(&error))?;
        private::sync_folder(&self.path);
        Ok(())
    }

    fn unwritable(&self, error: &io::Error) -> Problem {
        read_only(&self.name, &error.to_string())
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let detail = format!("{} cannot be read: {error}", path.display());
    Problem::new(ProblemKind::Conflict, detail)
}

fn read_only(path: &Path, why: &str) -> Problem {
    let detail = format!(
        "{} cannot be written ({why}); edit it yourself, or let the gateway's user write it and its folder",
        path.display()
    );
    Problem::new(ProblemKind::ReadOnly, detail)
}

/// Refuses a file that is not to be written, also for the superuser, who could.
fn check_writable(path: &Path) -> Result<(), Problem> {
    let found = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if found.permissions().readonly() {
        return Err(read_only(path, "its mode says so"));
    }
    let opened = OpenOptions::new().write(true).open(path);
    opened
        .map(drop)
        .map_err(|error| read_only(path, &error.to_string()))
}

/// The new text under another name. Removed on drop, unless it was moved to its place.
struct Draft(PathBuf);

impl Draft {
    /// Writes the text beside the file, with the same mode and owner, and waits for the disk.
    fn beside(path: &Path, text: &str) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let name = format!(".l402-{}.draft", hex::encode(random));
        let found = fs::metadata(path)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // Nobody else reads it before it has the mode of the file.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let draft = Self(path.with_file_name(name));
        let mut file = options.open(&draft.0)?;
        same_owner(&file, &found)?;
        file.set_permissions(found.permissions())?;
        file.write_all(text.as_bytes())?;
        // Before the file is moved: a crash must not leave an empty one in its place.
        file.sync_all()?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After the move no file has this name.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(unix)]
fn same_owner(file: &File, as_in: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let own = file.metadata()?;
    if (own.uid(), own.gid()) == (as_in.uid(), as_in.gid()) {
        return Ok(());
    }
    fchown(file, Some(as_in.uid()), Some(as_in.gid()))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape as on unix")]
fn same_owner(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

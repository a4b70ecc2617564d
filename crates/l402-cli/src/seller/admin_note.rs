//! The note of where a gateway listens for operators: `l402 admin` finds it there, and no purchase of this home
//! goes there.

use std::path::{Path, PathBuf};

use l402_gateway::AdminServer;
use l402_host::{FileError, private};

/// The begin of the names of these notes, in `run/` of the home folder.
const KIND: &str = "admin-";

/// The longest part of a name that comes from an address, in characters.
const NAME_MAX: usize = 100;

/// The most of a note that is read, in bytes.
const NOTE_MAX: u64 = 4096;

/// A note in `run/` of the home folder. Removed when it is dropped, unless another process has written it
/// anew.
#[derive(Debug)]
pub(super) struct AdminNote {
    path: PathBuf,
    text: String,
}

impl AdminNote {
    /// Notes the address of a listener.
    ///
    /// # Errors
    /// If the note cannot be written.
    pub(super) fn write(server: &AdminServer, home: &Path) -> Result<Self, FileError> {
        let folder = home.join("run");
        private::create_folder(&folder)?;
        let place = server.place();
        // In the first line, as in all notes: what buys reads that one alone.
        let first = server
            .local_addr()
            .map_or_else(|| place.to_owned(), |address| address.to_string());
        let path = folder.join(name(&first));
        // By the process, for at an upgrade two have the same address for a while.
        let text = format!("{first}\n{place}\n{}\n", std::process::id());
        private::replace(&path, text.as_bytes())?;
        Ok(Self { path, text })
    }
}

impl Drop for AdminNote {
    fn drop(&mut self) {
        if std::fs::read_to_string(&self.path).is_ok_and(|text| text == self.text) {
            // One that stays names a port at which nobody is asked; that does no harm.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn name(first: &str) -> String {
    let plain = |character: char| match character {
        '.' => '.',
        character if character.is_ascii_alphanumeric() => character,
        _ => '_',
    };
    // The end of a path tells more than its begin.
    let skipped = first.chars().count().saturating_sub(NAME_MAX);
    let name: String = first.chars().skip(skipped).map(plain).collect();
    format!("{KIND}{name}")
}

/// Returns the places that the gateways of a home have noted, as [`AdminServer::place`] writes them. A crash
/// leaves its note behind.
pub(crate) fn noted_places(home: &Path) -> Vec<String> {
    let entries = home.join("run").read_dir().into_iter().flatten().flatten();
    let own = entries.filter(|entry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| name.starts_with(KIND))
    });
    let mut places: Vec<String> = own.filter_map(|entry| place_of(&entry.path())).collect();
    places.sort();
    places
}

fn place_of(note: &Path) -> Option<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let file = std::fs::File::open(note).ok()?;
    file.take(NOTE_MAX).read_to_string(&mut text).ok()?;
    text.lines().nth(1).map(str::to_owned)
}

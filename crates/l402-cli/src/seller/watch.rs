//! Watching files for changes, without a clock of its own.
//!
//! ```text
//!            looks other than taken             the same for 500 ms
//!   quiet ───────────────────────────▶ pending ─────────────────────▶ quiet, with a reload
//!     ▲                                 │   ▲ │
//!     └──── looks as taken again ───────┘   └─┘ looks other again: the 500 ms begin anew
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The pause between two looks. With [`QUIET`] less than a second: a certificate that was replaced
/// is served by then.
const LOOK: Duration = Duration::from_millis(300);

/// The time that files must stay unchanged before a change is taken: an editor, or a program that
/// renews certificates, may write several times.
const QUIET: Duration = Duration::from_millis(500);

/// Modification time and size in bytes of some files. `None` for a file that cannot be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(BTreeMap<PathBuf, Option<(SystemTime, u64)>>);

impl Marks {
    /// Looks at one more file. A link counts as the file that it leads to.
    pub(super) fn look_at(&mut self, path: &Path) {
        let found = std::fs::metadata(path).ok();
        let mark = found.and_then(|found| Some((found.modified().ok()?, found.len())));
        self.0.insert(path.to_owned(), mark);
    }

    /// Looks at the same files as they are now.
    fn again(&self) -> Self {
        let mut now = Self::default();
        self.0.keys().for_each(|path| now.look_at(path));
        now
    }
}

/// The change that has not been taken yet.
#[derive(Debug)]
struct Pending {
    marks: Marks,
    /// Monotonic time of the look that found it.
    since: Duration,
}

/// The files of a configuration as they were when it was read, and a change that waits for quiet.
#[derive(Debug)]
pub(super) struct Watch {
    taken: Marks,
    pending: Option<Pending>,
}

impl Watch {
    /// Begins with the files as they were just before they were read.
    pub(super) const fn new(taken: Marks) -> Self {
        Self {
            taken,
            pending: None,
        }
    }

    /// Returns the files as they are now, for [`Watch::look`].
    pub(super) fn marks(&self) -> Marks {
        self.taken.again()
    }

    /// Returns true if the files have changed and then stayed as they are for 500 ms. `now` is
    /// monotonic time. A change is told once, whatever becomes of it.
    pub(super) fn look(&mut self, now: Duration, marks: Marks) -> bool {
        if marks == self.taken {
            self.pending = None;
            return false;
        }
        let since = match &self.pending {
            Some(pending) if pending.marks == marks => pending.since,
            _ => now,
        };
        let quiet = now.saturating_sub(since) >= QUIET;
        if quiet {
            *self = Self::new(marks);
        } else {
            self.pending = Some(Pending { marks, since });
        }
        quiet
    }

    /// The pause before the next look, longer if a change waits for quiet.
    pub(super) const fn pause(&self) -> Duration {
        if self.pending.is_some() { QUIET } else { LOOK }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Files of these sizes, last written so many seconds ago as they have bytes.
    fn marks(sizes: [u64; 2]) -> Marks {
        let mark = |size| Some((SystemTime::UNIX_EPOCH + Duration::from_secs(size), size));
        let names = ["l402.toml", "cert.pem"].map(PathBuf::from);
        let marks = names.into_iter().zip(sizes.map(mark));
        Marks(marks.collect())
    }

    #[test]
    fn a_change_is_taken_within_a_second() {
        assert!(LOOK + QUIET < Duration::from_secs(1));
    }

    #[test]
    fn a_change_is_told_once_and_after_half_a_second_of_quiet() {
        let mut watch = Watch::new(marks([1, 1]));
        assert!(!watch.look(MS, marks([1, 1])));
        assert_eq!(watch.pause(), LOOK);
        assert!(!watch.look(1000 * MS, marks([1, 2])));
        assert_eq!(watch.pause(), QUIET);
        assert!(!watch.look(1499 * MS, marks([1, 2])));
        assert!(watch.look(1500 * MS, marks([1, 2])));
        assert!(!watch.look(9000 * MS, marks([1, 2])));
    }

    #[test]
    fn each_further_change_begins_the_quiet_anew() {
        let mut watch = Watch::new(marks([1, 1]));
        for (at, size) in [(0, 2), (400, 3), (800, 4), (1200, 2)] {
            assert!(!watch.look(at * MS, marks([size, 1])), "{at}");
        }
        assert!(!watch.look(1600 * MS, marks([2, 1])));
        assert!(watch.look(1700 * MS, marks([2, 1])));
    }

    #[test]
    fn what_is_as_before_again_is_no_change() {
        let mut watch = Watch::new(marks([1, 1]));
        assert!(!watch.look(Duration::ZERO, marks([2, 1])));
        assert!(!watch.look(600 * MS, marks([1, 1])));
        assert!(
            !watch.look(700 * MS, marks([2, 1])),
            "the quiet begins anew"
        );
        assert!(watch.look(1200 * MS, marks([2, 1])));
    }

    #[test]
    fn a_file_that_is_gone_or_written_again_at_the_same_size_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l402.toml");
        std::fs::write(&path, "old").unwrap();
        let mut marks = Marks::default();
        marks.look_at(&path);
        let mut watch = Watch::new(marks.clone());
        assert_eq!(watch.marks(), marks);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(!watch.look(Duration::ZERO, watch.marks()) && watch.look(QUIET, watch.marks()));
        std::fs::remove_file(&path).unwrap();
        assert!(!watch.look(QUIET, watch.marks()) && watch.look(2 * QUIET, watch.marks()));
    }
}

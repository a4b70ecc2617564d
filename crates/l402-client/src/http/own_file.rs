//! A file of the caller's that a body is sent from, and the proof that it is still the same.
//!
//! ```text
//!   open ─▶ first request ─ 402 ─▶ fingerprint ─▶ last word ─▶ wallet ─▶ paid request
//!   stamp                          read, stamp    stamp                  digest of what is sent
//! ```
//!
//! Until money moves, the system's word counts: the length and the times of the last change. From then
//! on the content itself does.

use std::fs::File;
use std::io::{self, Seek as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use l402_host::{Clock as _, SystemClock};
use sha2::{Digest as _, Sha256};

use crate::request::OpenFile;

/// The time for which a file must not have changed: 2 s. Some file systems tell no finer times, and a
/// file that changed just now may change again without another time.
const REST: Duration = Duration::from_secs(2);

/// The length and the times of the last change of a file. The second time cannot be put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The memory of a file that is sent more than once.
#[derive(Debug)]
pub(super) struct OwnFile {
    name: String,
    stamp: Stamp,
    fingerprint: Mutex<Option<Fingerprint>>,
}

/// The SHA-256 of a text and the whole file behind it.
#[derive(Clone, Debug)]
struct Fingerprint {
    before: String,
    digest: [u8; 32],
}

/// A digest of what is sent, and the value that it must have at the end.
pub(super) struct Check {
    sum: Sha256,
    expected: [u8; 32],
}

impl OwnFile {
    /// Returns the memory of a file that can be sent as it lies there, together with its length; `None`
    /// for a pipe, for a file that changed just now, and where the system tells no time that cannot be
    /// put back.
    pub(super) fn of(open: &mut OpenFile) -> Option<(Self, u64)> {
        if !cfg!(unix) || !open.file.metadata().ok()?.is_file() {
            return None;
        }
        open.file.rewind().ok()?;
        let stamp = Stamp::of(&open.file).ok()?;
        let last = stamp.modified.0.max(stamp.changed.0);
        let now = SystemClock::default().wall().secs();
        // In whole seconds, the one that has begun counts for nothing.
        let rests = u64::try_from(last).is_ok_and(|last| now > last.saturating_add(REST.as_secs()));
        let own = Self {
            name: open.name.clone(),
            stamp,
            fingerprint: Mutex::default(),
        };
        rests.then_some((own, stamp.len))
    }

    /// Returns the fingerprint behind this text, if it was made before.
    pub(super) fn fingerprint(&self, before: &str) -> Option<[u8; 32]> {
        let known = self.remembered();
        let known = known.as_ref().filter(|known| known.before == before);
        known.map(|known| known.digest)
    }

    /// Keeps the fingerprint: from now on nothing else is sent to its end.
    pub(super) fn keep(&self, before: String, digest: [u8; 32]) {
        *self.remembered() = Some(Fingerprint { before, digest });
    }

    /// Returns the check of one sending, or `None` if there is no fingerprint yet.
    pub(super) fn check(&self) -> Option<Check> {
        let known = self.remembered();
        known.as_ref().map(|known| Check {
            sum: Sha256::new_with_prefix(&known.before),
            expected: known.digest,
        })
    }

    /// Checks that the file has not changed since it was opened.
    ///
    /// # Errors
    /// If it has, as far as the system tells.
    pub(super) fn unchanged(&self, file: &File) -> io::Result<()> {
        match Stamp::of(file) {
            Ok(now) if now == self.stamp => Ok(()),
            Ok(_) => Err(self.has_changed()),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    pub(super) fn has_changed(&self) -> io::Error {
        io::Error::other(format!("{} has changed since it was opened", self.name))
    }

    pub(super) fn unreadable(&self, error: &io::Error) -> io::Error {
        io::Error::other(format!("{} cannot be read: {error}", self.name))
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Option<Fingerprint>> {
        self.fingerprint
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Check {
    pub(super) fn add(&mut self, piece: &[u8]) {
        self.sum.update(piece);
    }

    /// Returns true if all that was added is what the fingerprint was made of.
    pub(super) fn holds(self) -> bool {
        self.sum.finalize()[..] == self.expected
    }
}

impl Stamp {
    #[cfg(unix)]
    fn of(file: &File) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let found = file.metadata()?;
        Ok(Self {
            len: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }

    /// The length alone: every file is copied here before it is sent.
    #[cfg(not(unix))]
    fn of(file: &File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self {
            len,
            modified: (0, 0),
            changed: (0, 0),
        })
    }
}

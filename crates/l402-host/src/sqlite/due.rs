//! The time for the next check of a whole database.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use l402::UnixTime;

use crate::private;

/// The time from one check to the next.
const DAILY: Duration = Duration::from_secs(24 * 60 * 60);

/// The time from one check to the next while a log lies beside the file. A program that has the file
/// open has a log, too, and each start beside it must not read the whole file.
const WITH_A_LOG: Duration = Duration::from_secs(60);

/// Returns true if the file was not checked for a day, or for a minute while a log lies beside it.
pub(super) fn is_due(path: &Path, now: UnixTime) -> bool {
    let Some(checked) = checked(path) else {
        return true;
    };
    let wait = if has_log(path) { WITH_A_LOG } else { DAILY };
    // A check that is dated ahead was made by a clock that was wrong, and says nothing.
    checked > now || now >= checked.saturating_add(wait)
}

/// Notes that the file was checked now.
pub(super) fn note(path: &Path) {
    // Without the note the next start checks again, and that is all.
    let _ = private::replace(&beside(path, "-checked"), b"");
}

/// Returns the time of the last check.
fn checked(path: &Path) -> Option<UnixTime> {
    let modified = beside(path, "-checked").symlink_metadata().ok()?.modified();
    let since = modified.ok()?.duration_since(SystemTime::UNIX_EPOCH);
    Some(UnixTime::from_secs(since.ok()?.as_secs()))
}

/// Returns true if SQLite's log lies beside the file. The last program that closes the file takes it
/// away.
fn has_log(path: &Path) -> bool {
    let log = beside(path, "-wal").symlink_metadata();
    log.is_ok_and(|log| log.len() > 0)
}

/// Returns the name of a file that stands beside a database.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

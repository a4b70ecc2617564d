//! The errors of SQLite, sorted, and the wait for other processes.

use std::time::Duration;

use rusqlite::ErrorCode;

use super::schema::Schema;
use crate::{Clock as _, FileFault, SystemClock};

/// The pause between two tries to open a busy file.
const PAUSE: Duration = Duration::from_millis(20);

/// The reason why a step failed: a fault found here, or an error of SQLite.
pub(super) enum StepError {
    Fault(FileFault),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for StepError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Repeats a step while another process holds the file, for one busy time-out. SQLite itself does
/// not wait while it switches to WAL.
pub(super) fn retry<T>(
    schema: &Schema,
    mut step: impl FnMut() -> Result<T, StepError>,
) -> Result<T, FileFault> {
    // Its monotonic time begins at zero.
    let clock = SystemClock::default();
    loop {
        match step() {
            Ok(done) => return Ok(done),
            Err(StepError::Fault(fault)) => return Err(fault),
            Err(StepError::Sqlite(error)) => match error.sqlite_error_code() {
                // At opening such a file was never ours. Later, in `fault`, it was, and is damaged.
                Some(ErrorCode::NotADatabase) => {
                    let wanted = schema.name;
                    return Err(FileFault::OtherProgram { wanted });
                }
                _ if is_busy(&error) && clock.monotonic() < schema.busy_timeout => {
                    std::thread::sleep(PAUSE);
                }
                _ => return Err(fault(&error)),
            },
        }
    }
}

/// Returns true if another process or connection holds the file.
fn is_busy(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// Sorts an error of SQLite about a file. The text never holds a value from the database.
#[must_use]
pub fn fault(error: &rusqlite::Error) -> FileFault {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            FileFault::Damaged(error.to_string())
        }
        Some(ErrorCode::DiskFull) => FileFault::Full,
        _ => FileFault::Sqlite(error.to_string()),
    }
}

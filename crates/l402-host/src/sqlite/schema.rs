//! The layout of a file, which its opening makes and upgrades.

use std::time::Duration;

/// The layout of a file, and the way from older layouts to this one.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// The word for the file in errors, such as "ledger".
    pub name: &'static str,
    /// The number in the header of the file that identifies the program, made by
    /// [`application_id`]. Files made before there was an id hold 0.
    pub application_id: i32,
    /// The statements that make the tables of a new file. The version of a new file is 1 + the
    /// number of `upgrades`.
    pub create: &'static str,
    /// The statements that lead from version 1 to 2, from 2 to 3, and so on.
    pub upgrades: &'static [&'static str],
    /// The tables that every version has. A file without an application id is recognised by them.
    pub tables: &'static [&'static str],
    /// The longest wait for a transaction of another process.
    pub busy_timeout: Duration,
    /// The pages of 4 KiB that the log may hold before they are copied into the file. SQLite's
    /// default is 1,000.
    pub checkpoint_pages: u32,
}

/// Makes an application id of four ASCII letters.
#[must_use]
pub const fn application_id(letters: [u8; 4]) -> i32 {
    i32::from_be_bytes(letters)
}

impl Schema {
    /// Returns the version that this program writes.
    pub(super) fn version(&self) -> i64 {
        1 + i64::try_from(self.upgrades.len()).unwrap_or(i64::MAX - 1)
    }
}

//! Opening of SQLite files, in one way for every file of the program.
//!
//! ```text
//!   private file? ──▶ read-only look: ours? sound? known version? ──▶ WAL ──▶ create or upgrade
//!        │ no                              │ no
//!        ▼                                 ▼
//!      refused, and left as it is
//! ```
//!
//! Files are in WAL mode with `synchronous = FULL`: committed data survives a loss of power. Any
//! number of processes may make, upgrade and open one file at the same time.
//!
//! ```
//! use std::time::Duration;
//!
//! use l402_host::sqlite::{self, Schema};
//!
//! const NOTES: Schema = Schema {
//!     name: "notebook",
//!     application_id: sqlite::application_id(*b"note"),
//!     create: "CREATE TABLE notes (text TEXT NOT NULL) STRICT",
//!     upgrades: &[],
//!     tables: &["notes"],
//!     busy_timeout: Duration::from_secs(5),
//!     checkpoint_pages: 1000,
//! };
//!
//! # let home = tempfile::tempdir()?;
//! let path = home.path().join("notes.db");
//! sqlite::open(&path, &NOTES)?.execute("INSERT INTO notes VALUES ('hello')", [])?;
//! let notes = sqlite::open(&path, &NOTES)?;
//! let count: i64 = notes.query_row("SELECT count(*) FROM notes", [], |row| row.get(0))?;
//! assert_eq!(count, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod copy;
mod due;
mod fault;
mod open;
mod schema;

pub use copy::copy;
pub use fault::fault;
pub use open::{narrow, open, open_existing, open_often};
pub use schema::{Schema, application_id};

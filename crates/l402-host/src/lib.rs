//! What a program asks of its machine: the time, private files, SQLite files and file locks.
//!
//! [`Clock`] is the time as a value that a test can own. [`private`] makes and reads files that
//! their owner alone can read. [`sqlite`] (feature `sqlite`) opens a database and refuses what is
//! not ours without touching it. [`FileLock`] is a lock that the kernel frees. [`BoxFuture`] and
//! [`BoxStream`] are what object-safe traits return.
//!
//! This crate knows nothing of Lightning, HTTP or tokens, and opens no socket.
//!
//! ```
//! use l402_host::{FileLock, private};
//!
//! # let home = tempfile::tempdir()?;
//! # let home = home.path();
//! let key = home.join("a.key");
//! assert!(private::create(&key, b"secret")?, "the first call makes it");
//! assert!(!private::create(&key, b"other")?, "the second finds it");
//! assert_eq!(private::read(&key)?.as_slice(), b"secret");
//!
//! let lock = FileLock::try_take(&home.join("a.lock"))?;
//! assert!(lock.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod clock;
mod error;
mod future;
mod lock;
pub mod private;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use clock::{Clock, ManualClock, SystemClock};
pub use error::{FileError, FileFault};
pub use future::{BoxFuture, BoxStream};
pub use lock::FileLock;

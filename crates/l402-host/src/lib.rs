//! The machine under a program: the time, private files, SQLite files and file locks.
//!
//! - [`Clock`]: the time, as a value that a test can control.
//! - [`private`]: files and folders that only their owner can read.
//! - [`sqlite`] (feature `sqlite`): opens a database, and refuses a foreign or damaged one without
//!   changing it.
//! - [`FileLock`]: a lock between processes that the kernel releases.
//! - [`ListenAddress`]: an address to listen on, as people write it.
//! - [`raise_descriptor_limit`]: the number of files and sockets that may be open.
//! - [`named_path`]: a path as a configuration or a person writes it.
//! - [`BoxFuture`], [`BoxStream`]: the return types of object-safe traits.
//!
//! This crate contains no Lightning, HTTP or tokens, and opens no socket.
//!
//! ```
//! use l402_host::{FileLock, private};
//!
//! # let home = tempfile::tempdir()?;
//! # let home = home.path();
//! let key = home.join("a.key");
//! assert!(private::create(&key, b"secret")?, "made by the first call");
//! assert!(!private::create(&key, b"other")?, "found by the second call");
//! assert_eq!(private::read(&key)?.as_slice(), b"secret");
//!
//! let lock = FileLock::try_take(&home.join("a.lock"))?;
//! assert!(lock.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod clock;
mod descriptors;
mod error;
mod future;
mod lock;
mod path;
#[cfg(feature = "postgres")]
pub mod postgres;
mod postgres_url;
pub mod private;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod stderr;

pub use address::{
    ListenAddress, ListenAddressError, is_localhost, is_loopback_host, is_public_address,
};
pub use clock::{Clock, ManualClock, SystemClock};
pub use descriptors::{
    DescriptorLimit, is_out_of_descriptors, open_descriptors, raise_descriptor_limit,
};
pub use error::{FileError, FileFault};
pub use future::{BoxFuture, BoxStream};
pub use lock::FileLock;
pub use path::named_path;
pub use postgres_url::{PostgresUrl, PostgresUrlError};
pub use stderr::open_stderr;

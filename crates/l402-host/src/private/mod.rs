//! Files (0600) and folders (0700) that only their owner can read.
//!
//! A file of the program is never reached through a link and never accepted from another user.
//! Checks run on the file after it was opened, so that it cannot be exchanged in between. A new
//! file is written beside its place and moved there whole, so that no process reads half of it. On
//! systems other than Unix the rights of the platform apply.
//!
//! ```text
//! create, replace   draft beside the place ──▶ write ──▶ sync ──▶ link or rename ──▶ sync the folder
//! read, open        open without following a link ──▶ plain file? owner? mode? ──▶ use
//! ```
//!
//! ```
//! use l402_host::private;
//!
//! # let home = tempfile::tempdir()?;
//! let folder = home.path().join("client");
//! private::create_folder(&folder)?;
//! let seed = folder.join("seed");
//! private::replace(&seed, b"first")?;
//! private::replace(&seed, b"second")?;
//! assert_eq!(private::read(&seed)?.as_slice(), b"second");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod file;
mod folder;
mod mode;
mod place;
mod secret;

pub use file::{check_replace, create, open, replace};
#[cfg(feature = "sqlite")]
pub(crate) use file::{create_with, is_missing, narrow_path, own_size};
pub use folder::{create_closed_folder, create_folder, create_home};
pub(crate) use mode::options;
pub use mode::read_by_others;
pub use place::{exchange, place, sync_folder};
pub use secret::{create_hex_key, read, read_key, read_tls_key};

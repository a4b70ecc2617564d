//! The whole home in one file, and back.
//!
//! ```text
//!   home ─▶ pack: each database at one moment, every other file as it is ─▶ tar: list first, then the files
//!   tar ─▶ unpack: into a new folder, each file held against the list ─▶ next key number ─▶ the home's place
//! ```
//!
//! A file that does not hold together changes nothing: the new folder takes the home's place whole, or never.

mod contents;
#[cfg(test)]
mod hostile;
mod list;
mod pack;
mod restore;
mod unpack;
mod work;

pub(crate) use pack::{pack, refuse_stream};
pub(crate) use restore::{Restored, restore};

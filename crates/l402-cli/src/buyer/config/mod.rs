//! The buyer's configuration, `client.toml` in the home folder.
//!
//! The file is read once, when a command that pays starts. It can make such a command more careful and
//! never less: its limits only lower, its hook only denies. The one exception says so in its name,
//! `danger_show_secrets`.
//!
//! ```text
//!   read ─▶ section ─▶ document   a key, its value, and the line of a mistake
//!     └───────┴─▶ settings        what the commands use
//! ```

mod document;
mod read;
mod section;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use settings::{ClientConfig, HookSettings};
#[cfg(feature = "mcp")]
pub(crate) use settings::{RegistrySettings, RegistryShape};

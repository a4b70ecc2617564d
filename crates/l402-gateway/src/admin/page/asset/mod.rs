//! The files of the dashboard: style sheet, script and icon, within the program.

mod file;

pub(super) use file::{FILES, File, at};

//! The files of the page: style sheet, script and icon, within the program.

mod file;

pub(super) use file::{ICON, SCRIPT, STYLE, answer};

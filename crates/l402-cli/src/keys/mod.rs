//! The words about the keys of a seller, for machines and for people.

mod report;

pub(crate) use report::{exported, line, line_text, list, list_text};

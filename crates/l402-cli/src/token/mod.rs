//! Tokens, credentials and challenges that somebody else made, put into words.

mod caveat;
mod subject;

pub(crate) use caveat::{meaning, shown};
pub(crate) use subject::Subject;

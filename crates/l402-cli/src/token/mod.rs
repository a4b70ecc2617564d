//! Tokens, credentials and challenges that somebody else made, put into words.

mod caveat;
mod report;
mod subject;

pub(crate) use report::Report;

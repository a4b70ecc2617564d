//! Descriptions of tokens, credentials and challenges of any server.

mod caveat;
mod report;
mod subject;

pub(crate) use report::Report;

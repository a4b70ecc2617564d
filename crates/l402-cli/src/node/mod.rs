//! The work of `l402 node`: the node of the home folder, made, run, filled and emptied.

mod backup;
mod channel;
mod init;
mod query;
mod reach;
mod run;

pub(crate) use backup::backup;
pub(crate) use channel::{Opening, close, open};
pub(crate) use init::{Words, init};
pub(crate) use query::{address, balance, channels, invoice};
pub(crate) use run::run;

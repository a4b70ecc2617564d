//! The sandbox of another home folder, reached through its HTTP API. Only pays.

mod pay;
mod peer;

pub(crate) use pay::wallet;

//! The sandbox of another home, through its HTTP API. It only pays.

mod pay;
mod peer;

pub(crate) use pay::wallet;

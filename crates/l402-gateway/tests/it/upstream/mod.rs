//! Upstreams that send exactly the bytes of a test, on connections that are counted.
//!
//! `stage` is such an upstream with the checks that the tests share; the other files are the tests,
//! by subject.

mod answers;
mod connections;
mod stage;
mod tunnels;
mod uploads;

pub(crate) use stage::{
    LAST, OK, PATIENCE, STRAY, Stage, Wire, assert_failed, assert_says, let_read, pattern,
    server_before, server_with, serves_afresh, serves_once, upload,
};

//! Upstreams that say exactly the bytes that a test has them say, on connections that it counts.
//!
//! `stage` is such an upstream, with what the tests ask of it; the other files are the tests, by
//! subject.

mod answers;
mod connections;
mod stage;
mod tunnels;
mod uploads;

pub(crate) use stage::{
    LAST, OK, PATIENCE, STRAY, Stage, Wire, assert_failed, assert_says, let_read, pattern,
    server_before, server_with, serves_afresh, serves_once, upload,
};

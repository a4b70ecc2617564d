//! `l402 admin`: a running gateway, seen and steered.

mod change;
mod command;
mod read;

pub(crate) use command::Admin;

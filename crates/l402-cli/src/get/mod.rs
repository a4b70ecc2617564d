//! One request of `l402 get`: its flags, its progress, and the delivery of its answer.

mod answer;
mod args;
mod ask;
mod body;
mod config;
mod cookies;
mod data;
mod decoding;
mod escaped;
mod fetch;
mod file;
mod form;
mod header;
mod login;
mod netrc;
mod netscape;
mod request;
mod resume;
mod retry;
mod saving;
mod trace;
mod transport;
mod tries;
mod unbuilt;
mod unserved;
mod upload;
mod use_line;
mod write_out;

pub(crate) use args::GetArgs;
pub(crate) use config::expand;
pub(crate) use request::parse_url;
pub(crate) use tries::fetch;
#[cfg(test)]
pub(crate) use unbuilt::flags as flags_of_curl;
pub(crate) use unbuilt::way_round;
pub(crate) use unserved::RepeatArgs;

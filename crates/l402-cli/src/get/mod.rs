//! One request of `l402 get`: its flags, its progress, and the delivery of its answer.

mod answer;
mod args;
mod ask;
mod body;
mod fetch;
mod file;
mod request;
mod unserved;
mod write_out;

pub(crate) use args::GetArgs;
pub(crate) use fetch::fetch;
pub(crate) use request::parse_url;
pub(crate) use unserved::resume;

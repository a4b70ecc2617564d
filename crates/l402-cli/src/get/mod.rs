//! One request of `l402 get`: what is sent, what is shown meanwhile, and where the answer goes.

mod answer;
mod ask;
mod file;
mod request;
mod write_out;

pub(crate) use answer::{AGAIN, Shown};
pub(crate) use ask::{Asking, Stage, describe};
pub(crate) use file::{ReceiptFile, Sink};
pub(crate) use request::{RequestArgs, parse_url, shell_word};
pub(crate) use write_out::WriteOut;

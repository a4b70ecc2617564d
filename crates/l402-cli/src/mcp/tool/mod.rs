//! The tools that a model may call.

mod answer;
mod card;
mod interface;

pub(crate) use answer::{Answer, Part, Waiting};
pub(crate) use card::{Card, Hints};
pub(crate) use interface::{Call, Tool};

//! How a backend is written in a configuration, and how it is opened.

mod kind;

pub use kind::{Node, NodeError};

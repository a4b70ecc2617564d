//! Two LDK nodes with a channel between them, on a chain in this process: for tests.

mod chain;
mod pair;
mod wire;

pub use chain::{Access, Chain};
pub use pair::Pair;
pub use wire::Wire;

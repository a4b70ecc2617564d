//! LDK nodes with channels between them, on a chain in this process: for tests.

mod chain;
mod homes;
mod pair;
mod wire;

pub use chain::{Access, Chain};
pub use homes::{Homes, chain_server};
pub use pair::{Pair, eventually, free_port};
pub use wire::Wire;

//! The commands of the node's operator: its coins, its channels, and what they hold.

mod answer;
mod client;
mod value;

pub(super) use answer::answer;
pub use client::NodeOperator;
pub use value::{Channel, ChannelRequest, Claimable, NodeBalance, NodePeer, NodeStatus};

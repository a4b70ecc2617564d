//! The commands, one file each: flags, help, and the order of steps.

#[cfg(feature = "mcp")]
pub(crate) mod agent;
#[cfg(feature = "mcp")]
pub(crate) mod approve;
#[cfg(feature = "buy")]
pub(crate) mod budget;
pub(crate) mod completions;
#[cfg(all(feature = "sell", feature = "buy"))]
pub(crate) mod demo;
#[cfg(feature = "buy")]
pub(crate) mod doctor;
#[cfg(feature = "buy")]
pub(crate) mod get;
#[cfg(feature = "mcp")]
pub(crate) mod mcp;
#[cfg(all(feature = "ldk", feature = "buy"))]
pub(crate) mod node;
#[cfg(feature = "buy")]
pub(crate) mod payments;
#[cfg(feature = "buy")]
pub(crate) mod proxy;
#[cfg(feature = "buy")]
pub(crate) mod receipts;
#[cfg(feature = "registry")]
pub(crate) mod registry;
#[cfg(feature = "buy")]
pub(crate) mod replay;
#[cfg(feature = "buy")]
pub(crate) mod sandbox;
#[cfg(feature = "sell")]
pub(crate) mod serve;
#[cfg(feature = "buy")]
pub(crate) mod skill;
pub(crate) mod token;
#[cfg(feature = "buy")]
pub(crate) mod tokens;
#[cfg(feature = "buy")]
pub(crate) mod wallet;

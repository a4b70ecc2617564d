//! A wallet for AI agents: the tools of `l402 mcp`, and the server that offers them.
//!
//! ```text
//!   server/   both generations of MCP, on stdio and over HTTP
//!     └─▶ tool/     what a model may call; compat/ has the names of other wallets
//!           ├─▶ purse/     the agent: its limits, its journal, its wallets
//!           └─▶ registry/  lists of paid services that others keep
//!                 └─▶ download   a document that others serve, never paid for
//! ```

pub(crate) mod compat;
mod download;
pub(crate) mod purse;
pub(crate) mod registry;
pub(crate) mod server;
pub(crate) mod tool;

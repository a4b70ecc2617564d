//! The server of MCP, for both generations of clients, on stdio and over HTTP.
//!
//! ```text
//!   stdio ─▶ lines ─┐                     http ─▶ gate (Host, Origin, token) ─┐
//!                   └─▶ message ─▶ handler ─▶ client_call ─▶ calls ─▶ a tool ◀─┘
//!                                    │            ├─▶ sealed, approvals   a person is asked
//!                                    │            └─▶ task                a call that takes long
//!                                    └─▶ catalogue, client, result        the protocol's forms
//! ```
//!
//! `docs/design/mcp.md` says why it is so.

mod approvals;
mod calls;
mod catalogue;
mod client;
mod client_call;
mod gate;
mod handler;
mod http;
mod lines;
mod message;
mod reply;
mod result;
mod sealed;
mod stdio;
mod task;
#[cfg(test)]
mod tests;

pub(crate) use approvals::JournalApprovals;
pub(crate) use catalogue::listed;
pub(crate) use gate::token;
pub(crate) use handler::{Absent, McpServer};
pub(crate) use http::serve_http;
pub(crate) use stdio::serve_stdio;

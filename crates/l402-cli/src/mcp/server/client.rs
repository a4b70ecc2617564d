//! The abilities of the client of a request.

use rmcp::RoleServer;
use rmcp::model::ProtocolVersion;
use rmcp::service::RequestContext;

/// The generation of a client, and what it has declared that it can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client {
    /// True for MCP 2026-07-28 and later: each request stands alone.
    pub(super) is_modern: bool,
    /// The client can show a person the address of a page.
    pub(super) shows_pages: bool,
    /// The client can ask later for the outcome of a call.
    pub(super) has_tasks: bool,
}

impl Client {
    /// Reads what a request says of its client, or what the client has said at `initialize`.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        let version = context.protocol_version();
        let is_modern = version.is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
        let capabilities = context.client_capabilities().unwrap_or_default();
        let elicitation = capabilities.elicitation.as_ref();
        Self {
            is_modern,
            shows_pages: elicitation.is_some_and(|it| it.url.is_some()),
            has_tasks: is_modern && capabilities.supports_tasks(),
        }
    }
}

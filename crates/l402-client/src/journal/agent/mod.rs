//! Agents and what they may do: in the journal's file, beside the limits that hold for them.
//!
//! An agent is a budget of the same name and a row here. Who may change the rows is decided by the
//! program, with the operator's passphrase; the file knows its hash.
//!
//! ```text
//!   payment ─▶ limits of the budget ─▶ intent ─▶ consent: below the threshold?  ── yes ──▶ pay
//!                                                 │ no
//!                                                 ├─ a mandate covers it ───────────────▶ pay
//!                                                 ├─ a person approved it: used up ─────▶ pay
//!                                                 └─ a row waits for a person ──▶ not paid
//! ```

mod approval;
mod call;
mod consent;
mod host;
mod keep;
mod mandate;
mod operator;
mod schema;
#[cfg(test)]
mod tests;

pub use approval::{Approval, ApprovalState};
pub use call::ToolCall;
pub use consent::{Consent, ConsentRequest};
pub use host::{HostRule, HostRuleError};
pub use keep::{Agent, AgentName};
pub use mandate::Mandate;

pub(super) use schema::agent_tables;

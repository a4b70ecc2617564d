//! Agents, mandates and approvals, as two processes use them.

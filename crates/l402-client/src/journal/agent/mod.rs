//! Agents and what they may do: in the journal's file, beside the limits that hold for them.
//!
//! An agent is a budget of the same name and a row here. Who may change the rows is decided by the
//! program, with the operator's passphrase; the file knows its hash.

mod schema;

pub(super) use schema::agent_tables;

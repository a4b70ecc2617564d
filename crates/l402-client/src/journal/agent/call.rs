//! What the calls of tools have paid for.

use l402::{PaymentHash, UnixTime};
use rusqlite::{OptionalExtension, params};

use super::AgentName;
use super::keep::secs;
use crate::{Error, Journal};

/// What a call of a tool has paid for, under a key that the same call has again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The agent that called.
    pub agent: AgentName,
    /// The name of the tool.
    pub tool: String,
    /// The key: that of the caller, or one of the arguments.
    pub key: String,
    /// The digest of the call: its tool and arguments.
    pub arguments: [u8; 32],
    /// The time at which it was noted.
    pub created: UnixTime,
    /// The payment; `None` before there is one.
    pub payment_hash: Option<PaymentHash>,
}

impl Journal {
    /// Returns the call of a key.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn tool_call(
        &self,
        agent: &AgentName,
        tool: &str,
        key: &str,
    ) -> Result<Option<ToolCall>, Error> {
        self.with(|store| {
            // The key is the caller's, so a row of another agent or tool is never found by it.
            store
                .db()
                .prepare_cached(
                    "SELECT arguments, created, payment_hash FROM tool_call \
                     WHERE agent = ?1 AND tool = ?2 AND key = ?3",
                )?
                .query_row(params![agent.as_str(), tool, key], |row| {
                    Ok(ToolCall {
                        agent: agent.clone(),
                        tool: tool.to_owned(),
                        key: key.to_owned(),
                        arguments: row.get(0)?,
                        created: UnixTime::from_secs(row.get(1)?),
                        payment_hash: row
                            .get::<_, Option<[u8; 32]>>(2)?
                            .map(PaymentHash::from_bytes),
                    })
                })
                .optional()
        })
    }

    /// Writes a call down, in place of an earlier one with the same key and arguments. Returns false,
    /// and writes nothing, if the key has other arguments.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be written.
    pub fn note_tool_call(&self, call: &ToolCall) -> Result<bool, Error> {
        self.with(|store| {
            let payment_hash = call.payment_hash.as_ref().map(PaymentHash::as_bytes);
            let changed = store.db().execute(
                "INSERT INTO tool_call (agent, tool, key, arguments, created, payment_hash) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (agent, tool, key) DO UPDATE SET \
                 created = excluded.created, payment_hash = excluded.payment_hash \
                 WHERE arguments = excluded.arguments",
                params![
                    call.agent.as_str(),
                    call.tool,
                    call.key,
                    call.arguments,
                    secs(call.created),
                    payment_hash,
                ],
            )?;
            Ok(changed > 0)
        })
    }
}

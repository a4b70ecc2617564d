//! The payments that wait for a person, and the decision at the terminal.

use l402_client::{Approval, ApprovalState, Journal};
use serde_json::Value;

use super::question::{question, value};
use crate::context::Context;
use crate::error::CliError;
use crate::operator;
use crate::text::output::tell;

/// Returns what waits, as JSON and as text.
pub(crate) fn waiting(context: &Context) -> Result<(Value, String), CliError> {
    let journal = Journal::open(&context.home.client()?)?;
    let now = context.clock.wall();
    let waiting = journal.waiting_approvals(now)?;
    let parts: Vec<String> = waiting.iter().map(|it| question(it, now)).collect();
    let text = if parts.is_empty() {
        "nothing waits for approval\n".to_owned()
    } else {
        format!(
            "{}\n`l402 approve ID` pays, and `l402 approve ID --deny` does not\n",
            parts.join("\n")
        )
    };
    Ok((waiting.iter().map(value).collect(), text))
}

/// Shows one payment, asks for the passphrase, and decides. Returns what to tell of it.
///
/// # Errors
/// If it does not wait, or the passphrase is not given.
pub(crate) async fn decide(
    id: i64,
    yes: bool,
    context: &Context,
) -> Result<(Value, String), CliError> {
    let journal = Journal::open(&context.home.client()?)?;
    let now = context.clock.wall();
    let seen = journal.approval(id)?;
    let is_waiting = |it: &Approval| it.state == ApprovalState::Waiting && it.expires > now;
    let Some(seen) = seen.clone().filter(is_waiting) else {
        return Err(not_waiting(id, seen.as_ref()));
    };
    let shown = question(&seen, now);
    if !operator::is_asked_for(&journal)? {
        tell(shown.trim_end());
    }
    // Otherwise where the passphrase is typed, so that it is typed for what was read.
    operator::require(context, shown.trim_end()).await?;
    // The clock is read again, because a person may have taken minutes to type.
    match journal.decide_approval(id, yes, context.clock.wall())? {
        Some(decided) => Ok((value(&decided), outcome_text(&decided))),
        None => Err(not_waiting(id, journal.approval(id)?.as_ref())),
    }
}

fn outcome_text(decided: &Approval) -> String {
    let id = decided.id;
    match decided.state {
        ApprovalState::Approved => {
            format!("approved {id}: the same call of the agent pays it, once, within ten minutes\n")
        }
        _ => format!("denied {id}\n"),
    }
}

/// Returns the error for a payment that cannot be decided.
pub(super) fn not_waiting(id: i64, found: Option<&Approval>) -> CliError {
    let text = match found.map(|found| found.state) {
        None => format!("no payment has asked for approval under the number {id}"),
        Some(ApprovalState::Waiting) => format!("payment {id} has waited too long"),
        Some(state) => format!(
            "payment {id} does not wait any more: it is {}",
            state.name()
        ),
    };
    CliError::usage(text).with_hint("`l402 approve` lists what waits")
}

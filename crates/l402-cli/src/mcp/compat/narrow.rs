//! Limits of one run, which a tool may lower and never raise.

use l402::Msat;
use serde_json::{Map, Value, json};

/// The limits of one run.
pub(super) trait Narrow: Send + Sync {
    /// Lowers the limits of this run: what one request may cost, and what all of the run may cost. One that
    /// is higher than what holds changes nothing. Returns the two that hold now, if there are such.
    ///
    /// # Errors
    /// A text for the model, if the journal cannot be read.
    fn narrow(&self, asked: Narrowed) -> Result<Narrowed, String>;

    /// Returns the name of the agent.
    fn agent(&self) -> String;
}

/// Limits of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Narrowed {
    /// The most that one request may cost.
    pub(super) per_request: Option<Msat>,
    /// The most that all payments of this run may cost.
    pub(super) in_all: Option<Msat>,
}

/// The words about a limit of zero, which other wallets take for none.
const NO_ZERO: &str = "0 would mean no limit, and no tool raises or removes one: ask your operator: \
    l402 budget set";

/// Lowers the limits that a call names, and returns those that hold then, and a line about them.
///
/// # Errors
/// A text for the model.
pub(super) fn narrow(
    limits: &dyn Narrow,
    asked: &Map<String, Value>,
) -> Result<(Value, String), String> {
    let amount = |name: &str| asked.get(name).and_then(Value::as_u64);
    if [amount("per_request"), amount("in_all")].contains(&Some(0)) {
        return Err(NO_ZERO.to_owned());
    }
    // Only lower ones count there, so a higher one is no fault of the call.
    let msat = |name: &str| amount(name).map(Msat::from_sat);
    let asked = Narrowed {
        per_request: msat("per_request"),
        in_all: msat("in_all"),
    };
    let now = limits.narrow(asked)?;
    let is_lower = |now: Option<Msat>, asked: Option<Msat>| matches!((now, asked), (Some(now), Some(asked)) if now < asked);
    let is_kept =
        is_lower(now.per_request, asked.per_request) || is_lower(now.in_all, asked.in_all);
    let line = if is_kept {
        "a lower limit held already and holds on; to raise one, ask your operator: l402 budget set"
    } else {
        "lowered for this run; to raise it again, ask your operator: l402 budget set"
    };
    let sat = |most: Option<Msat>| most.map(|most| most.msat() / 1000);
    let result = json!({
        "agent": limits.agent(), "per_request_sat": sat(now.per_request), "in_all_sat": sat(now.in_all),
    });
    Ok((result, line.to_owned()))
}

//! Changes to a budget. One that widens it needs a yes.

use core::str::FromStr;

use l402::{AmountError, Msat, UnixTime};
use l402_client::{Budget, BudgetLimit, BudgetName, BudgetNameError, Journal};

use crate::confirm::confirm;
use crate::error::CliError;
use crate::exit_code;

/// A new amount of a limit, or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LimitChange(Option<Msat>);

impl FromStr for LimitChange {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        match text {
            "none" => Ok(Self(None)),
            text => text.parse().map(|most| Self(Some(most))),
        }
    }
}

/// A new parent, or `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParentChange(Option<BudgetName>);

impl FromStr for ParentChange {
    type Err = BudgetNameError;

    fn from_str(text: &str) -> Result<Self, BudgetNameError> {
        match text {
            "none" => Ok(Self(None)),
            text => text.parse().map(|parent| Self(Some(parent))),
        }
    }
}

/// The changes that `l402 budget set` names.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) limits: Vec<(BudgetLimit, LimitChange)>,
    pub(crate) parent: Option<ParentChange>,
}

impl Change {
    fn apply(&self, budget: &mut Budget) {
        for (which, LimitChange(most)) in &self.limits {
            budget.limits = budget.limits.with(*which, *most);
        }
        if let Some(ParentChange(parent)) = &self.parent {
            budget.parent.clone_from(parent);
        }
    }
}

/// Changes a budget, or makes one.
///
/// # Errors
/// If it would be widened and nobody says yes, if its parent is not there, or if another program
/// changes it meanwhile.
pub(crate) async fn set(
    journal: &Journal,
    name: &BudgetName,
    change: &Change,
    yes: bool,
) -> Result<(), CliError> {
    let operator = journal.operator_hash()?;
    let known = journal.budgets()?;
    let seen = known.into_iter().find(|budget| budget.name == *name);
    let seen = seen.unwrap_or_else(|| Budget::new(name.clone()));
    let mut wanted = seen.clone();
    change.apply(&mut wanted);
    let is_wider = is_widened(journal, &seen, &wanted)?;
    if is_wider && !yes {
        let question = format!("This lets {name} spend more than before. Go on? [y/N]");
        if !confirm(&question, "this lets the budget spend more than before").await? {
            let text = format!("the budget {name} stays as it was");
            return Err(CliError::new(exit_code::DECLINED, "declined", text));
        }
    }
    // A command that waits here since before the first agent was not asked for the passphrase.
    if journal.operator_hash()? != operator {
        let text =
            format!("the passphrase has changed meanwhile; the budget {name} stays as it was");
        return Err(CliError::usage(text).with_hint("run the same command again"));
    }
    // The yes was for what was seen.
    let is_done = journal.change_budget(name, |budget| {
        let is_same = *budget == seen;
        if is_same {
            *budget = wanted;
        }
        is_same
    })?;
    if !is_done {
        let text = format!("another program changes the budget {name}; it stays as that left it");
        return Err(CliError::usage(text).with_hint("run the same command again"));
    }
    Ok(())
}

/// Returns true if a change lets a budget spend more than before.
///
/// # Errors
/// If the new parent is not there, or counts against the budget itself.
fn is_widened(journal: &Journal, seen: &Budget, wanted: &Budget) -> Result<bool, CliError> {
    let mut seen = seen.clone();
    if let Some(parent) = &wanted.parent {
        let above = journal.budget(parent)?;
        if above.iter().any(|budget| budget.name == wanted.name) {
            let text = format!(
                "{parent} counts against {}, and not the reverse",
                wanted.name
            );
            return Err(CliError::usage(text).with_hint("`l402 budget show` shows the parents"));
        }
        // Below a budget that counts against the old parent, it goes on to count against it.
        if above
            .iter()
            .any(|budget| Some(&budget.name) == seen.parent.as_ref())
        {
            seen.parent = Some(parent.clone());
        }
    }
    Ok(seen.is_widened_by(wanted))
}

/// Stops a budget: nothing is paid from it, nor from those below it.
///
/// # Errors
/// If it is not there.
pub(crate) fn stop(journal: &Journal, name: &BudgetName, now: UnixTime) -> Result<(), CliError> {
    // One that is stopped already keeps its time.
    with_stop(journal, name, |stopped| Some(stopped.unwrap_or(now)))
}

/// Ends the stop of a budget.
///
/// # Errors
/// If it is not there.
pub(crate) fn resume(journal: &Journal, name: &BudgetName) -> Result<(), CliError> {
    with_stop(journal, name, |_| None)
}

fn with_stop(
    journal: &Journal,
    name: &BudgetName,
    stopped: impl FnOnce(Option<UnixTime>) -> Option<UnixTime>,
) -> Result<(), CliError> {
    // A typing error must not make a budget, whose stop would stop nothing.
    journal.budget(name)?;
    journal.change_budget(name, |budget| {
        budget.stopped = stopped(budget.stopped);
        true
    })?;
    Ok(())
}

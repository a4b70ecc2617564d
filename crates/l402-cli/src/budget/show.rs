//! Budgets as a picture for people, and as JSON.

use l402::{Msat, UnixTime};
use l402_client::{Budget, BudgetName, BudgetReport, Journal, LimitReport};
use serde_json::{Map, Value, json};

use crate::error::CliError;
use crate::text::output::style::{self, paint};
use crate::text::plain::escape_short;
use crate::text::when;

/// The width of a bar, in characters.
const BAR: u64 = 20;

/// Returns one budget and its parents, as JSON and as text.
pub(crate) fn show(
    journal: &Journal,
    name: &BudgetName,
    now: UnixTime,
) -> Result<(Value, String), CliError> {
    let chain = journal.budget(name)?;
    let reports = reports(journal, &chain, now)?;
    let mut values = reports.iter().map(value);
    let mut first = values.next().unwrap_or_default();
    if let Some(fields) = first.as_object_mut() {
        fields.insert("parents".to_owned(), values.collect());
    }
    Ok((first, text(&reports, now)))
}

/// Returns all budgets, as JSON and as text.
pub(crate) fn show_all(journal: &Journal, now: UnixTime) -> Result<(Value, String), CliError> {
    let reports = reports(journal, &journal.budgets()?, now)?;
    let values = reports.iter().map(value).collect();
    Ok((values, text(&reports, now)))
}

fn reports(
    journal: &Journal,
    budgets: &[Budget],
    now: UnixTime,
) -> Result<Vec<BudgetReport>, CliError> {
    let reports = budgets
        .iter()
        .map(|budget| journal.budget_report(&budget.name, now));
    Ok(reports.collect::<Result<_, _>>()?)
}

fn value(report: &BudgetReport) -> Value {
    let budget = &report.budget;
    let limits: Map<String, Value> = report
        .limits
        .iter()
        .map(|line| (line.which.name().to_owned(), limit_value(line)))
        .collect();
    json!({
        "name": budget.name.as_str(),
        "parent": budget.parent.as_ref().map(BudgetName::as_str),
        "stopped": budget.stopped.map(UnixTime::secs),
        "stopped_by": report.stopped_by.as_ref().map(BudgetName::as_str),
        "limits": limits,
    })
}

fn limit_value(line: &LimitReport) -> Value {
    json!({
        "limit_msat": line.limit.map(Msat::msat),
        "is_default": line.is_default,
        "spent_msat": line.spent.msat(),
        "left_msat": line.left.map(Msat::msat),
        "frees": line.frees.map(UnixTime::secs),
        "about": line.about.as_deref().map(l402::text::escape),
    })
}

fn text(reports: &[BudgetReport], now: UnixTime) -> String {
    let parts: Vec<String> = reports.iter().map(|report| part(report, now)).collect();
    parts.join("\n")
}

fn part(report: &BudgetReport, now: UnixTime) -> String {
    let budget = &report.budget;
    let mut text = paint(style::TITLE, budget.name.as_str());
    if let Some(parent) = &budget.parent {
        text += &format!(", below {parent}");
    }
    if let Some(by) = &report.stopped_by {
        let stopped = match budget.stopped {
            Some(since) => format!(" stopped since {} (UTC): nothing is paid", when::utc(since)),
            None => format!(" stopped by {by}: nothing is paid"),
        };
        text += &paint(style::BAD, &stopped);
    }
    text += "\n";
    for line in &report.limits {
        text += &format!("  {:<12}", line.which.name());
        text += &limit_text(line, now);
        text += "\n";
    }
    text
}

fn limit_text(line: &LimitReport, now: UnixTime) -> String {
    let about = line.about.as_deref();
    let about = about.map(|about| format!(" ({})", escape_short(about, 60)));
    let about = about.unwrap_or_default();
    let (Some(limit), Some(left)) = (line.limit, line.left) else {
        let spent = match line.spent {
            Msat::ZERO => String::new(),
            spent => format!(", {spent} spent{about}"),
        };
        return paint(style::FAINT, &format!("no limit{spent}"));
    };
    let default = if line.is_default { ", the default" } else { "" };
    // A request has no past to draw.
    if line.which == l402_client::BudgetLimit::PerRequest {
        return format!("{limit}{default}");
    }
    let frees = match line.frees {
        Some(at) if at > now => format!("; the oldest leaves {}", when::left(at, now)),
        _ => String::new(),
    };
    format!(
        "{} {} of {limit}{default}, {left} left{about}{frees}",
        bar(line.spent, limit),
        line.spent
    )
}

/// Draws a bar that is full only if nothing is left, and empty only if nothing is spent.
fn bar(spent: Msat, limit: Msat) -> String {
    let filled = u128::from(spent.msat()) * u128::from(BAR) / u128::from(limit.msat().max(1));
    let filled = u64::try_from(filled).unwrap_or(BAR);
    let filled = if spent >= limit {
        BAR
    } else {
        filled.min(BAR - 1).max(u64::from(spent > Msat::ZERO))
    };
    let drawn: String = (0..BAR)
        .map(|at| if at < filled { '█' } else { '░' })
        .collect();
    let style = if spent >= limit {
        style::BAD
    } else {
        style::GOOD
    };
    paint(style, &drawn)
}

#[cfg(test)]
mod tests {
    use l402_client::BudgetLimit;

    use super::*;

    #[test]
    fn a_bar_is_full_and_empty_only_at_its_ends() {
        let filled = |spent, limit| {
            let drawn = bar(Msat::new(spent), Msat::new(limit));
            drawn.matches('█').count()
        };
        for (spent, limit, expected) in [
            (0, 1000, 0),
            (1, 1000, 1),
            (500, 1000, 10),
            (999, 1000, 19),
            (1000, 1000, 20),
            (u64::MAX, 1000, 20),
            (0, 0, 20),
        ] {
            assert_eq!(filled(spent, limit), expected, "{spent} of {limit}");
        }
    }

    #[test]
    fn a_person_reads_what_is_spent_left_and_when_it_frees() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        let name: BudgetName = "research".parse().unwrap();
        let changed = journal.change_budget(&name, |budget| {
            budget.limits = budget
                .limits
                .with(BudgetLimit::PerDay, Some(Msat::from_sat(500)));
            budget.stopped = Some(UnixTime::from_secs(1_790_000_000));
            true
        });
        assert!(changed.unwrap());
        let (value, text) = show(&journal, &name, UnixTime::from_secs(1_790_000_000)).unwrap();
        let plain = anstream::adapter::strip_str(&text).to_string();
        let expected = "research, below default stopped since 2026-09-21 14:13:20 (UTC): nothing is \
             paid\n  per_request no limit\n  per_origin  no limit\n  per_payee   no limit\n  per_hour    \
             no limit\n  per_day     ░░░░░░░░░░░░░░░░░░░░ 0 sat of 500 sat, 500 sat left\n  per_30_days \
             no limit\n  in_all      no limit\n\ndefault\n  per_request 1000 sat, the default\n";
        assert!(plain.starts_with(expected), "{plain}");
        assert_eq!(value["limits"]["per_day"]["left_msat"], 500_000);
        assert_eq!(value["parents"][0]["limits"]["per_day"]["is_default"], true);
        let mut line = journal
            .budget_report(&name, UnixTime::from_secs(0))
            .unwrap()
            .limits
            .remove(1);
        line.limit = Some(Msat::from_sat(100));
        line.spent = Msat::from_sat(60);
        line.left = Some(Msat::from_sat(40));
        line.frees = Some(UnixTime::from_secs(3600));
        line.about = Some("https://a.example\u{1b}[2J".to_owned());
        let text = limit_text(&line, UnixTime::from_secs(0));
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert!(plain.ends_with("60 sat of 100 sat, 40 sat left (https://a.example\\u{1b}[2J); the oldest leaves in 60 min"), "{plain}");
    }
}

//! Tables in Markdown.

use std::fmt::Write as _;

use super::rows::{Row, Verdict, ratio, rows};
use super::svg_name;
use crate::plan::Group;
use crate::results::{Machine, Memory, Results, Run};
use crate::stats::Spread;

/// Above this many cores in use by others a measurement counts as disturbed.
const DISTURBED: f64 = 0.1;

/// All that was measured, a section for each group.
pub(crate) fn tables(results: &Results) -> String {
    let mut text = machine(&results.machine);
    for group in Group::ALL {
        let rows = rows(results, group);
        if !rows.is_empty() {
            section(&mut text, results, group, &rows);
        }
    }
    if !results.memory.is_empty() {
        memory(&mut text, &results.memory);
    }
    absences(&mut text, results);
    text.trim_end().to_owned()
}

fn machine(machine: &Machine) -> String {
    let name = |(name, version): &(String, String)| format!("{name} {version}");
    let versions: Vec<String> = machine.versions.iter().map(name).collect();
    let Machine { cores, kernel, .. } = machine;
    format!("{cores} cores, {kernel}; {}.\n", versions.join(", "))
}

fn section(text: &mut String, results: &Results, group: Group, rows: &[Row]) {
    let title = group.title();
    let _ = writeln!(text, "\n### {title}\n");
    if let Some(run) = results.runs.iter().find(|run| run.group == group) {
        let Run {
            rounds, seconds, ..
        } = run;
        let times = if *rounds == 1 { "round" } else { "rounds" };
        let _ = writeln!(text, "{rounds} {times} of {seconds} s for each scenario.\n");
    }
    let file = svg_name(group);
    let _ = writeln!(
        text,
        "![{title}: the ratios of the table as bars]({file})\n"
    );
    text.push_str("| what | beside | rate (min–max) | CPU | p50 | p99 | goal | met |\n");
    text.push_str("|---|---|---|---|---|---|---|---|\n");
    for row in rows {
        line(text, row);
    }
    notes(text, results, group, rows);
}

/// What has to be known to read the table.
fn notes(text: &mut String, results: &Results, group: Group, rows: &[Row]) {
    for stock in results.stocks.iter().filter(|stock| stock.group == group) {
        let (count, seconds) = (stock.invoices, stock.half_lasts_seconds);
        let beside = if stock.refilled {
            " In some round that began before the end."
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "\nOf {count} invoices signed ahead, half last {seconds:.1} s at this rate; then \
             signing begins again, on the same core.{beside}"
        );
    }
    if rows.iter().any(|row| row.load_bound) {
        text.push_str(
            "\n\\* The load generator's core was in use all the time, and the server's was not: it may be \
             able to do more.\n",
        );
    }
    let of_group = results.measurements.iter().filter(|one| one.group == group);
    let others = Spread::of(of_group.map(|one| one.others_busy));
    if let Some(others) = others.filter(|others| others.median > DISTURBED) {
        let share = others.median * 100.0;
        let _ = writeln!(
            text,
            "\nMeanwhile other programs used {share:.0} % of a core, in the middle of all \
             measurements{}.",
            if group == Group::Lnd {
                ": the lnds, and btcd"
            } else {
                "; repeat it on a quiet machine"
            }
        );
    }
}

fn line(text: &mut String, row: &Row) {
    let Row { of, to, rate, .. } = row;
    let star = if row.load_bound { "\\*" } else { "" };
    let goal = row.goal.map(|goal| {
        let (least, reach) = (ratio(goal.least), ratio(goal.reach));
        match goal.least < goal.reach {
            true => format!("≥ {least}, aim {reach}"),
            false => format!("≥ {reach}"),
        }
    });
    let met = row.verdict().map_or("", |verdict| match verdict {
        Verdict::Met => "yes",
        Verdict::Enough => "enough",
        Verdict::Missed => "**no**",
    });
    let middle = |spread: Option<Spread>| spread.map_or("–".to_owned(), |s| ratio(s.median));
    let (cpu, p50, p99) = (
        middle(row.cpu),
        middle(Some(row.p50)),
        middle(Some(row.p99)),
    );
    let _ = writeln!(
        text,
        "| {of} | {to} | **{}**{star} ({}–{}) | {cpu} | {p50} | {p99} | {} | {met} |",
        ratio(rate.median),
        ratio(rate.least),
        ratio(rate.most),
        goal.unwrap_or_default(),
    );
}

fn memory(text: &mut String, all: &[Memory]) {
    let _ = writeln!(text, "\n### {}\n", Group::Memory.title());
    text.push_str("| what | resident | goal | met |\n|---|---|---|---|\n");
    for Memory {
        what,
        bytes,
        goal_bytes,
    } in all
    {
        let goal = goal_bytes.map_or(String::new(), |goal| format!("≤ {}", size(goal)));
        let met = goal_bytes.map_or("", |goal| if *bytes <= goal { "yes" } else { "**no**" });
        let _ = writeln!(text, "| {what} | {} | {goal} | {met} |", size(*bytes));
    }
}

fn size(bytes: f64) -> String {
    let kib = bytes / 1024.0;
    if kib.abs() < 1024.0 {
        format!("{kib:.1} KiB")
    } else {
        format!("{:.1} MiB", kib / 1024.0)
    }
}

fn absences(text: &mut String, results: &Results) {
    if !results.skipped.is_empty() {
        text.push_str("\nNot measured:\n\n");
    }
    for absent in &results.skipped {
        let first = absent.reason.lines().next().unwrap_or_default();
        let _ = writeln!(text, "- {}: {first}", absent.scenario);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::rows::tests::results;

    #[test]
    fn a_line_says_ratio_ends_goal_and_verdict() {
        let text = tables(&results());
        let line = "| l402, paid, one token | nginx, plain proxy | **0.90** (0.80–1.00) | 1.12 \
                    | 1.00 | 1.00 | ≥ 0.85, aim 1.00 | enough |";
        assert!(text.contains(line), "{text}");
        assert!(
            text.contains("| – | 1.00 | 1.00 | ≥ 0.97 | **no** |"),
            "{text}"
        );
    }

    #[test]
    fn a_busy_machine_is_told() {
        let mut results = results();
        assert!(!tables(&results).contains("Meanwhile"));
        for one in &mut results.measurements {
            one.others_busy = 0.42;
        }
        let text = tables(&results);
        assert!(text.contains("used 42 % of a core"), "{text}");
    }

    #[test]
    fn memory_is_said_in_bytes_and_held_against_its_goal() {
        let mut results = results();
        let one = |what: &str, bytes, goal_bytes| Memory {
            what: what.into(),
            bytes,
            goal_bytes,
        };
        results.memory = vec![
            one("small", 512.0, Some(20480.0)),
            one("large", 70e6, Some(64.0 * 1048576.0)),
            one("other", 2048.0, None),
        ];
        let text = tables(&results);
        assert!(
            text.contains("| small | 0.5 KiB | ≤ 20.0 KiB | yes |"),
            "{text}"
        );
        assert!(
            text.contains("| large | 66.8 MiB | ≤ 64.0 MiB | **no** |"),
            "{text}"
        );
        assert!(text.contains("| other | 2.0 KiB |  |  |"), "{text}");
    }

    #[test]
    fn what_was_not_measured_is_named_with_its_reason() {
        let mut results = results();
        results.skipped.push(crate::results::Absent {
            group: Group::Lnd,
            scenario: "Aperture".into(),
            reason: "not built\nlog".into(),
        });
        assert!(tables(&results).ends_with("Not measured:\n\n- Aperture: not built"));
    }
}

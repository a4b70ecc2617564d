//! The summary of a minute, for somebody who sits at a terminal.

use l402::UnixTime;
use serde::Serialize;

use super::Counters;
use super::line::write_json;
use crate::config::LogFormat;

/// The difference between two readings of the counters.
#[derive(Serialize)]
struct Summary {
    time: String,
    event: &'static str,
    requests: u64,
    offered: u64,
    spent: u64,
    uncounted: u64,
    given_back: u64,
    refused_paid: u64,
    settled_msat: u64,
}

/// Appends a line on what has happened between two readings. Nothing, if nothing has.
pub(super) fn write(
    before: &Counters,
    after: &Counters,
    time: UnixTime,
    format: LogFormat,
    out: &mut String,
) {
    if before == after {
        return;
    }
    // Whose failure it was stands in the lines of the sales; the sum is for a glance.
    let given_back = |counters: &Counters| counters.given_back_buyer + counters.given_back_upstream;
    let summary = Summary {
        time: time.to_rfc3339(),
        event: "summary",
        requests: after.requests - before.requests,
        offered: after.offered - before.offered,
        spent: after.spent - before.spent,
        uncounted: after.uncounted - before.uncounted,
        given_back: given_back(after) - given_back(before),
        refused_paid: after.refused_paid - before.refused_paid,
        settled_msat: after.settled_msat - before.settled_msat,
    };
    if format == LogFormat::Json {
        return write_json(&summary, out);
    }
    out.push_str(&format!(
        "{} summary requests={} offered={} spent={} uncounted={} given_back={} refused_paid={} \
         settled_msat={}\n",
        summary.time,
        summary.requests,
        summary.offered,
        summary.spent,
        summary.uncounted,
        summary.given_back,
        summary.refused_paid,
        summary.settled_msat,
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_told_in_one_line_and_a_quiet_one_not_at_all() {
        let before = Counters {
            requests: 7,
            settled_msat: 1000,
            ..Counters::default()
        };
        let after = Counters {
            requests: 10,
            spent: 2,
            given_back_buyer: 1,
            settled_msat: 3000,
            ..before
        };
        let told = |after: &Counters, format| {
            let mut out = String::new();
            write(&before, after, UnixTime::from_secs(0), format, &mut out);
            out
        };
        assert_eq!(told(&before, LogFormat::Text), "");
        assert_eq!(
            told(&after, LogFormat::Text),
            "1970-01-01T00:00:00Z summary requests=3 offered=0 spent=2 uncounted=0 given_back=1 \
             refused_paid=0 settled_msat=2000\n"
        );
        let json: serde_json::Value =
            serde_json::from_str(&told(&after, LogFormat::Json)).expect("JSON");
        assert_eq!(
            (&json["event"], &json["spent"]),
            (&"summary".into(), &2.into())
        );
    }
}

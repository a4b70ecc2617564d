//! The words about the keys of a seller, for machines and for people.

use std::fmt::Write as _;
use std::path::Path;

use l402::UnixTime;
use l402::text::escape;
use l402_gateway::KeyLine;
use serde_json::{Value, json};

use crate::text::when::utc;

/// Returns every number, for machines.
pub(crate) fn list(lines: &[KeyLine], now: UnixTime) -> Value {
    let lines = lines.iter().map(|one| line(one, now));
    json!({ "keys": lines.collect::<Vec<_>>() })
}

/// Returns every number, for people.
pub(crate) fn list_text(lines: &[KeyLine], now: UnixTime) -> String {
    let mut text =
        "number  state    here  began                 until                 fingerprint\n"
            .to_owned();
    for one in lines {
        let here = if one.is_here { "yes" } else { "no" };
        let until = one.until.map_or_else(|| "-".to_owned(), utc);
        let _ = writeln!(
            text,
            "{:>6}  {:<7}  {here:<4}  {:<20}  {until:<20}  {}",
            one.number.0,
            one.state(now),
            utc(one.began),
            one.fingerprint
        );
        for (word, names) in [("held by", &one.held_by), ("LACKED by", &one.lacked_by)] {
            for name in names {
                let _ = writeln!(text, "        {word} {}", escape(name));
            }
        }
    }
    text
}

/// Returns one number, for machines.
pub(crate) fn line(line: &KeyLine, now: UnixTime) -> Value {
    json!({
        "number": line.number.0,
        "state": line.state(now),
        "fingerprint": line.fingerprint,
        "began": line.began.to_rfc3339(),
        "until": line.until.map(|until| until.to_rfc3339()),
        "is_here": line.is_here,
        "held_by": line.held_by,
        "lacked_by": line.lacked_by,
    })
}

/// Returns one number and what to do next, for people. `file` is the key that was made for it.
pub(crate) fn line_text(line: &KeyLine, file: Option<&Path>, now: UnixTime) -> String {
    let number = line.number.0;
    let mut text = list_text(std::slice::from_ref(line), now);
    if let Some(file) = file {
        let file = escape(&file.display().to_string());
        let _ = writeln!(
            text,
            "\nIts key is {file}, and can sell in your name: keep a copy in a safe place.\nOn every \
             other machine copy it into the home folder, under the same name and with mode 600."
        );
    }
    let next = match line.state(now) {
        "waits" => {
            "It mints once every running gateway has reported its key: within a second if they \
                    have it.\n`keys list` shows who lacks it, and `keys retire` calls it off."
        }
        "mints" if line.began == now => {
            "It mints from now on. Tokens of earlier numbers work to their end."
        }
        "ended" => "Its tokens are refused as expired, within a second on every gateway.",
        "good" if line.until.is_some() => "Its tokens are refused as expired from then on.",
        _ => return text,
    };
    let _ = writeln!(text, "\nNumber {number}: {next}");
    text
}

/// Returns a number whose key was written into a file, for people.
pub(crate) fn exported(line: &KeyLine, file: &Path) -> String {
    format!(
        "the master key of number {} is in {}: whoever reads it can sell in your name\n",
        line.number.0,
        escape(&file.display().to_string())
    )
}

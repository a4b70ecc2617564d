//! A new node: its words are shown once, or read.

use std::io::{BufRead as _, IsTerminal as _, Read as _, stdin, stdout};

use l402_lightning::ldk::{self, NewNode, NodeSettings};
use serde_json::json;

use super::reach::failed;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::output::{Output, style};

/// The most that is read as words, in bytes.
const WORDS_MAX: u64 = 1000;

/// The number of words in a row.
const COLUMNS: usize = 4;

/// The words of the node.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Words {
    /// Drawn now. Shown if stdout is a terminal, or if `shown` is set.
    New { shown: bool },
    /// Read from stdin.
    Restored,
}

/// Makes the node of the home folder.
pub(crate) fn init(
    settings: &NodeSettings,
    words: Words,
    context: &Context,
    out: Output,
) -> Result<ExitCode, CliError> {
    let typed = match words {
        // A file or a log would keep the words, and everybody who reads it could spend.
        Words::New { shown: false } if !stdout().is_terminal() => {
            let text = "the words of a new node are shown once, and stdout is not a terminal";
            let hint = "run it at a terminal, or add --show-words: anybody who reads the output can \
                        spend";
            return Err(CliError::usage(text).with_hint(hint));
        }
        Words::New { .. } => None,
        Words::Restored => Some(read(out)?),
    };
    let home = context.home.create()?;
    let made = ldk::init(home, settings, typed.as_deref()).map_err(|error| failed(&error))?;
    let shown = typed.is_none();
    let mut value = json!({
        "node_id": made.node_id,
        "network": settings.network.name(),
        "folder": made.folder.display().to_string(),
    });
    if shown && let Some(fields) = value.as_object_mut() {
        fields.insert("words".to_owned(), made.words.as_str().into());
    }
    out.result(&value, || report(&made, settings, shown, context))?;
    Ok(exit_code::OK)
}

fn read(out: Output) -> Result<String, CliError> {
    if stdin().is_terminal() {
        out.tell("type the 12 or 24 words in one line:");
    }
    let mut words = String::new();
    let mut input = stdin().lock().take(WORDS_MAX);
    // All of a file, which may have a word a line; one line of a person.
    let read = if stdin().is_terminal() {
        input.read_line(&mut words)
    } else {
        input.read_to_string(&mut words)
    };
    read.map_err(|error| CliError::local_io(format!("the words cannot be read: {error}")))?;
    Ok(words)
}

fn report(made: &NewNode, settings: &NodeSettings, shown: bool, context: &Context) -> String {
    let (folder, network) = (made.folder.display(), settings.network);
    let mut text = format!("node {} on {network}\nin {folder}\n\n", made.node_id);
    if shown {
        text += &format!(
            "{}\n\n{}\nThey bring back the coins that the node has on the chain. Anybody who has them can \
             spend.\nThey are stored nowhere.\n\n",
            style::paint(
                style::TITLE,
                "Write these words down, in their order. They are shown once."
            ),
            table(&made.words)
        );
    }
    let command = format!("{} {}node", context.program, context.home.as_option());
    text + &format!("next: {command} run, and in another terminal: {command} address\n")
}

fn table(words: &str) -> String {
    let words: Vec<_> = words.split(' ').collect();
    let mut text = String::new();
    for (row, chunk) in words.chunks(COLUMNS).enumerate() {
        for (column, word) in chunk.iter().enumerate() {
            let number = row * COLUMNS + column + 1;
            text += &format!("{number:>4} {word:<10}");
        }
        text = format!("{}\n", text.trim_end_matches(' '));
    }
    text
}

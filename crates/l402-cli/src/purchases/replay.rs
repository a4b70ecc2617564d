//! A paid answer that is kept, written out again.

use std::fs::File;
use std::io::{Write, stdout};
use std::path::Path;

use l402_client::{Entry, Journal, ReplayError, ReplayedAnswer};
use l402_host::named_path;

use super::find::short;
use crate::error::CliError;
use crate::exit_code;
use crate::text::output::tell;
use crate::text::plain::escape_short;
use crate::text::when;

/// Writes the body of the newest answer that a payment bought to a file or to stdout.
pub(crate) fn replay(
    journal: &Journal,
    entry: &Entry,
    output: Option<&Path>,
) -> Result<(), CliError> {
    let answer = journal.replay(&entry.payment_hash).map_err(unusable)?;
    let mut answer = answer.ok_or_else(|| not_kept(entry))?;
    // Without the query, which may hold a secret.
    let url = answer.url.as_str().split(['?', '#']).next();
    tell(&format!(
        "kept {} UTC: {} answered {}; nothing is asked or paid",
        when::utc(answer.kept_at),
        escape_short(url.unwrap_or_default(), 120),
        answer.status.as_u16()
    ));
    match output.filter(|path| *path != Path::new("-")) {
        Some(path) => {
            let path = named_path(Path::new(""), path);
            let file = File::create(&path).map_err(|error| unwritable(&error))?;
            copy(&mut answer, file)
        }
        None => copy(&mut answer, stdout().lock()),
    }
}

fn copy(answer: &mut ReplayedAnswer, mut out: impl Write) -> Result<(), CliError> {
    while let Some(piece) = answer.chunk().map_err(unusable)? {
        out.write_all(&piece).map_err(|error| unwritable(&error))?;
    }
    out.flush().map_err(|error| unwritable(&error))
}

fn unwritable(error: &std::io::Error) -> CliError {
    CliError::local_io(format!("the answer cannot be written: {error}"))
}

fn not_kept(entry: &Entry) -> CliError {
    let text = format!("no answer to {} is kept", short(&entry.payment_hash));
    CliError::new(exit_code::LOCAL_IO, "not_kept", text).with_hint(
        "answers are kept for 30 days, up to 64 MiB each and 512 MiB in all, unless client.toml says \
         `[vault] enabled = false`",
    )
}

fn unusable(error: ReplayError) -> CliError {
    let (code, hint) = match error {
        ReplayError::Journal(error) => return error.into(),
        ReplayError::Damaged { .. } => (
            "answer_damaged",
            "no part of it is shown; payments and tokens are not touched",
        ),
        ReplayError::KeyLost { .. } => (
            "vault_key_lost",
            "put the key back, if there is a copy; a new one is made for answers from now on",
        ),
        _ => (
            "local_io",
            "check the folder client/vault of the home folder",
        ),
    };
    CliError::new(exit_code::LOCAL_IO, code, error.to_string()).with_hint(hint)
}

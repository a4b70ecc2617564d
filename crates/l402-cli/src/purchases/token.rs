//! The tokens that were bought: what they are good for, and their way out of this machine.

use std::path::Path;

use l402::UnixTime;
use l402_client::{
    Entry, Journal, Narrowing, NarrowingError, State, StoredCredential, StoredToken,
};
use l402_host::{named_path, private};
use serde_json::{Value, json};

use super::find::short;
use super::list::RowCount;
use crate::confirm::confirm;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::text::invoice::columns;
use crate::text::output::{Output, print, tell};
use crate::text::plain::escape_short;
use crate::text::when;
use crate::token::Report;

/// The rows that a person is shown.
const ROWS_SHOWN: u32 = 50;

/// Prints the tokens, the newest first: those that may still be of use, or with `ended` all.
pub(crate) fn list(
    journal: &Journal,
    (ended, wanted): (bool, RowCount),
    now: UnixTime,
    out: Output,
) -> Result<(), CliError> {
    let most = wanted.most(ROWS_SHOWN, out.is_json());
    let usable_at = Some(now).filter(|_| !ended);
    // One more than is shown, so that a part can be told from the whole.
    let mut tokens = journal.tokens(usable_at, most.saturating_add(1))?;
    let shown = usize::try_from(most).unwrap_or(usize::MAX);
    let is_part = tokens.len() > shown;
    tokens.truncate(shown);
    let rows = tokens.iter().map(|token| row(token, now)).collect();
    out.result(&rows, || table(&tokens, now))?;
    if is_part {
        tell(&format!(
            "the newest {most} are shown; --all shows the others"
        ));
    }
    Ok(())
}

/// Prints one token: what it is good for, without token, preimage or signature.
pub(crate) fn show(
    journal: &Journal,
    entry: &Entry,
    now: UnixTime,
    out: Output,
) -> Result<(), CliError> {
    let (token, credential) = both(journal, entry)?;
    // A token of an unknown format is opaque: there is nothing more to say of it.
    let report = Report::of(credential.token()).ok();
    let mut value = row(&token, now);
    if let (Some(value), Some(report)) = (value.as_object_mut(), &report) {
        value.insert("token".to_owned(), report.to_json(now)["token"].clone());
    }
    out.result(&value, || {
        let until = token.until.map_or_else(
            || "not said".to_owned(),
            |until| format!("{} UTC ({})", when::utc(until), when::left(until, now)),
        );
        let mut text = columns(&[
            ("payment", token.payment_hash.to_string()),
            ("bought at", place(&token)),
            ("bought", format!("{} UTC", when::utc(token.paid_at))),
            ("for", token.amount.to_string()),
            ("state", token.state.name().to_owned()),
            ("left", left(&token, now)),
            ("ends", until),
        ]);
        if let Some(report) = report {
            text += &report.to_text(now);
        }
        text
    })
}

/// Stops presenting a token, after a yes.
pub(crate) async fn forget(
    journal: &Journal,
    entry: &Entry,
    yes: bool,
    context: &Context,
) -> Result<Value, CliError> {
    let (token, _) = both(journal, entry)?;
    let name = short(&entry.payment_hash);
    // A token that is used up or forgotten has no value any more, so nobody is asked.
    if token.is_presented && !yes {
        let lost = match token.state {
            State::Paid => " It was paid for and never answered: that money is lost.",
            _ => "",
        };
        let question = format!(
            "Forget the token {name} of {} ({})?{lost} The next request there pays again. [y/N]",
            place(&token),
            left(&token, context.clock.wall())
        );
        if !confirm(&question, "this forgets a token").await? {
            let text = format!("{name} stays");
            return Err(CliError::new(exit_code::DECLINED, "declined", text));
        }
    }
    let forgotten = journal.forget(&entry.payment_hash)?;
    Ok(json!({ "payment_hash": entry.payment_hash.to_string(), "forgotten": forgotten }))
}

/// The place that a credential goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Destination<'a> {
    /// A new file for this user alone; stdout without one.
    pub(crate) file: Option<&'a Path>,
    /// JSON was asked for.
    pub(crate) json: bool,
}

/// Writes a token with its preimage.
pub(crate) fn export(
    journal: &Journal,
    entry: &Entry,
    to: Destination<'_>,
) -> Result<(), CliError> {
    let (token, credential) = both(journal, entry)?;
    hand_out(&token, &credential, to)?;
    tell(
        "whoever holds this can use what was bought, and every use counts here, too; \
         `l402 tokens attenuate` makes one that is good for less",
    );
    Ok(())
}

/// Writes a token that is good for less, with its preimage.
pub(crate) fn attenuate(
    journal: &Journal,
    entry: &Entry,
    narrowing: &Narrowing,
    to: Destination<'_>,
) -> Result<(), CliError> {
    let (token, credential) = both(journal, entry)?;
    let narrower = credential.narrowed(narrowing).map_err(not_narrowed)?;
    hand_out(&token, &narrower, to)?;
    tell(
        "whoever holds this can use what it is good for, and cannot make it good for more; every use \
         counts here, too",
    );
    Ok(())
}

fn not_narrowed(error: NarrowingError) -> CliError {
    let hint = match error {
        NarrowingError::Nothing => "--expires 1h, --service NAME and --capability NAME narrow it",
        NarrowingError::SeveralServices => "--service NAME chooses one",
        NarrowingError::Opaque => "hand on an answer instead, or buy a token of its own",
        _ => "`l402 tokens show ID` says what it is good for",
    };
    CliError::usage(error.to_string()).with_hint(hint)
}

fn hand_out(
    token: &StoredToken,
    credential: &StoredCredential,
    to: Destination<'_>,
) -> Result<(), CliError> {
    let text = if to.json {
        let value = json!({
            "authorization": credential.to_header(),
            "token": credential.token(),
            "preimage": credential.preimage().to_hex(),
            "payment_hash": token.payment_hash.to_string(),
            "origin": token.origin,
        });
        format!("{value}\n")
    } else {
        format!("{}\n", credential.to_header())
    };
    let Some(file) = to.file.filter(|file| *file != Path::new("-")) else {
        return print(&text);
    };
    let path = named_path(Path::new(""), file);
    let failed = |fault: &dyn std::fmt::Display| {
        CliError::local_io(format!("{} cannot be written: {fault}", path.display()))
    };
    // Never over an existing file: it may be another credential.
    match private::create(&path, text.as_bytes()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(failed(&"it exists").with_hint("name a new file")),
        Err(error) => Err(failed(error.fault())),
    }
}

/// Returns a token with its secrets.
fn both(journal: &Journal, entry: &Entry) -> Result<(StoredToken, StoredCredential), CliError> {
    let hash = &entry.payment_hash;
    match (journal.token(hash)?, journal.credential(hash)?) {
        (Some(token), Some(credential)) => Ok((token, credential)),
        _ => {
            let state = entry.state.name();
            let what = if entry.is_invoice {
                "an invoice alone, and no token comes of one".to_owned()
            } else {
                format!("{state}: no token was had for it")
            };
            let text = format!("{} is {what}", short(hash));
            Err(CliError::new(exit_code::USAGE, "usage", text)
                .with_hint("`l402 tokens list` lists the tokens"))
        }
    }
}

fn row(token: &StoredToken, now: UnixTime) -> Value {
    json!({
        "payment_hash": token.payment_hash.to_string(),
        "origin": token.origin,
        "path": token.path,
        "services": token.services,
        "policy": token.policy.map(|policy| policy.to_string()),
        "amount_msat": token.amount.msat(),
        "state": token.state.name(),
        "uses_left": token.uses_left,
        "until": token.until.map(UnixTime::secs),
        "usable": token.is_usable(now),
        "paid_at": token.paid_at.secs(),
    })
}

fn table(tokens: &[StoredToken], now: UnixTime) -> String {
    if tokens.is_empty() {
        return "no token is left; --ended shows those that were\n".to_owned();
    }
    let mut text = format!(
        "{:<12}  {:<28}  {:<12}  {:>10}  {}\n",
        "token", "left (UTC)", "policy", "cost", "what"
    );
    for token in tokens {
        let policy = token.policy.map(|policy| policy.to_string());
        text += &format!(
            "{:<12}  {:<28}  {:<12}  {:>10}  {}\n",
            short(&token.payment_hash),
            left(token, now),
            policy.unwrap_or_else(|| "not said".to_owned()),
            token.amount.to_string(),
            place(token),
        );
    }
    text
}

/// Returns the place and what is sold there, escaped and cut to a line.
fn place(token: &StoredToken) -> String {
    let place = format!("{}{}", token.origin, token.path);
    match token.services.as_slice() {
        [] => escape_short(&place, 80),
        names => format!(
            "{} ({})",
            escape_short(&place, 60),
            escape_short(&names.join(", "), 30)
        ),
    }
}

/// Returns what is left of a token: `9 left, until 14:05`.
fn left(token: &StoredToken, now: UnixTime) -> String {
    if !token.is_presented {
        return match token.state {
            State::Paid => "forgotten, never answered".to_owned(),
            State::Refused => "refused by its seller".to_owned(),
            _ => "used up or forgotten".to_owned(),
        };
    }
    let until = token.until.map(|until| when::clock(until, now));
    match (
        token.until.is_some_and(|end| end <= now),
        token.uses_left,
        until,
    ) {
        (true, _, Some(until)) => format!("ended {until}"),
        (_, Some(uses), Some(until)) => format!("{uses} left, until {until}"),
        (_, Some(uses), None) => format!("{uses} left"),
        (_, None, Some(until)) => format!("until {until}"),
        (_, None, None) => "not said".to_owned(),
    }
}

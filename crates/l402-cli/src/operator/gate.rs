//! The question before a command that lets more be spent.

use std::path::Path;
use std::time::Duration;

use l402::UnixTime;
use l402::text::escape;
use l402_client::Journal;

use super::ask::{PASSPHRASE_MAX, Terminal};
use super::hash;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::text::when;

/// The attempts of one run.
const TRIES: u32 = 3;

/// The pause after a wrong attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// The most characters of a command that a person is shown before the passphrase is asked. A longer one is
/// refused: its end or its beginning would be out of sight.
const SHOWN_MAX: usize = 1000;

/// The least length of a new passphrase, in characters.
#[cfg(feature = "mcp")]
const LENGTH_MIN: usize = 8;

/// The answer to the question whether a home asks for a passphrase.
#[derive(Debug)]
pub(crate) enum Protection {
    /// No agent was ever added, and no passphrase is needed.
    None,
    /// There are agents and no passphrase: nobody can prove to be the operator.
    Broken,
    /// A passphrase is needed, with this hash.
    Passphrase(String),
}

/// Returns the state of a home.
///
/// # Errors
/// If the journal cannot be read.
pub(crate) fn protection(journal: &Journal) -> Result<Protection, CliError> {
    Ok(match journal.operator_hash()? {
        Some(hash) => Protection::Passphrase(hash),
        None if journal.agents()?.is_empty() => Protection::None,
        None => Protection::Broken,
    })
}

/// Returns true if decisions of this home need a passphrase.
///
/// # Errors
/// If the journal cannot be read, or decisions cannot be made at all.
#[cfg(feature = "mcp")]
pub(crate) fn is_asked_for(journal: &Journal) -> Result<bool, CliError> {
    match protection(journal)? {
        Protection::None => Ok(false),
        Protection::Passphrase(_) => Ok(true),
        Protection::Broken => Err(broken()),
    }
}

/// Asks for the operator's passphrase at the terminal, if this home has one, after it has shown the
/// command there and `about`, what the command is about. A home without agents has none, and neither is
/// made nor changed by this.
///
/// # Errors
/// [`exit_code::REFUSED_NOT_OPERATOR`] if there is no terminal, three attempts were wrong, there were
/// too many of them before, the command is too long to be shown, or the home has agents and no passphrase.
pub(crate) async fn require(context: &Context, about: &str) -> Result<(), CliError> {
    match journal(context.home.path())? {
        None => Ok(()),
        Some(journal) => require_of(&journal, about, context).await,
    }
}

/// Asks for the passphrase of a home that is about to be put back in the place of this one: its limits and
/// wallets are those of earlier. One that this home has as well was asked for by [`require`].
///
/// # Errors
/// As [`require`].
#[cfg(feature = "sell")]
pub(crate) async fn require_restored(restored: &Path, context: &Context) -> Result<(), CliError> {
    let Some(restored) = journal(restored)? else {
        return Ok(());
    };
    let hash_here = match journal(context.home.path())? {
        Some(here) => here.operator_hash()?,
        None => None,
    };
    if hash_here.is_some() && hash_here == restored.operator_hash()? {
        return Ok(());
    }
    let about = "The backup has a passphrase of its own: the one of the time when it was made.";
    require_of(&restored, about, context).await
}

/// Opens the journal of a home. `None` if it has none, and so no agents.
fn journal(home: &Path) -> Result<Option<Journal>, CliError> {
    let folder = home.join("client");
    let path = folder.join("client.db");
    // One that cannot be looked into may have some.
    let is_there = path
        .try_exists()
        .map_err(|error| CliError::local_io(format!("{}: {error}", path.display())))?;
    Ok(is_there.then(|| Journal::open(&folder)).transpose()?)
}

async fn require_of(journal: &Journal, about: &str, context: &Context) -> Result<(), CliError> {
    match protection(journal)? {
        Protection::None => Ok(()),
        Protection::Broken => Err(broken()),
        Protection::Passphrase(_) => ask(journal, about, context).await,
    }
}

/// Returns this command as it was started, for a person to read.
///
/// # Errors
/// If it is too long to be read.
fn command() -> Result<String, CliError> {
    // Not the name that it was called by: whoever starts it may have chosen that as well.
    let mut line = "l402".to_owned();
    for word in std::env::args_os().skip(1) {
        let word = escape(&word.to_string_lossy());
        let is_plain = !word.is_empty() && !word.contains([' ', '"', '\'']);
        line += &if is_plain {
            format!(" {word}")
        } else {
            format!(" {word:?}")
        };
    }
    if line.chars().count() > SHOWN_MAX {
        return Err(refused(
            "the command is too long to be read before the passphrase is typed",
        ));
    }
    Ok(line)
}

async fn ask(journal: &Journal, about: &str, context: &Context) -> Result<(), CliError> {
    let Some(terminal) = Terminal::open() else {
        let text = "the operator's passphrase is needed, and there is no terminal to ask for it";
        return Err(refused(text).with_hint(
            "type this command at a terminal yourself: the passphrase is taken from nowhere else",
        ));
    };
    // There and nowhere else: who starts the command chooses where stderr leads, and a passphrase must
    // only be typed for what was read.
    if !about.is_empty() {
        terminal.tell(about);
    }
    let home = escape(&context.home.path().to_string_lossy());
    terminal.tell(&format!("{}\nasks for you, in {home}.", command()?));
    for left in (0..TRIES).rev() {
        let typed = terminal.ask("Operator's passphrase (not shown):").await?;
        match check(journal, typed, context.clock.wall()).await? {
            Verdict::Right => return Ok(()),
            Verdict::TooMany(wait) => return Err(too_many(wait)),
            Verdict::Wrong => {
                tokio::time::sleep(PAUSE).await;
                if left > 0 {
                    terminal.tell("That is not it.");
                }
            }
        }
    }
    Err(refused("the passphrase is wrong"))
}

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the passphrase.
    Right,
    /// It is another text.
    Wrong,
    /// It was not looked at, since too many were wrong before, of this or other processes.
    TooMany(Duration),
}

/// Holds a text against the passphrase. Attempts are counted in the journal, before they are looked at,
/// so that those of many processes at once count as well.
///
/// # Errors
/// If the journal cannot be read or written, or there is no passphrase.
pub(crate) async fn check(
    journal: &Journal,
    typed: String,
    now: UnixTime,
) -> Result<Verdict, CliError> {
    let Protection::Passphrase(hash) = protection(journal)? else {
        return Err(broken());
    };
    if let Some(wait) = journal.begin_operator_attempt(now)? {
        return Ok(Verdict::TooMany(wait));
    }
    let fits = typed.len() as u64 <= PASSPHRASE_MAX;
    let verified = tokio::task::spawn_blocking(move || hash::verifies(&hash, &typed));
    if !(fits && verified.await.map_err(CliError::internal)??) {
        return Ok(Verdict::Wrong);
    }
    journal.end_operator_attempt()?;
    Ok(Verdict::Right)
}

/// Asks for a new passphrase, twice, and returns its hash.
///
/// # Errors
/// [`exit_code::REFUSED_NOT_OPERATOR`] if there is no terminal, or three attempts were too short or
/// differed.
#[cfg(feature = "mcp")]
pub(crate) async fn choose() -> Result<String, CliError> {
    let Some(terminal) = Terminal::open() else {
        let text = "a passphrase has to be chosen, and there is no terminal to ask for it";
        return Err(refused(text).with_hint("type this command at a terminal yourself"));
    };
    // Who chooses one allows the command with it.
    terminal.tell(&format!("{}\nasks for you.", command()?));
    terminal.tell(
        "From now on a passphrase is asked before anything is changed that lets more be spent.\n\
         Write it down where no agent reads: nobody can bring it back.",
    );
    for _ in 0..TRIES {
        let first = terminal
            .ask("New passphrase, at least 8 characters (not shown):")
            .await?;
        if first.chars().count() < LENGTH_MIN || first.len() as u64 > PASSPHRASE_MAX {
            terminal.tell("That is too short, or too long.");
            continue;
        }
        if terminal.ask("The same once more:").await? != first {
            terminal.tell("The two differ.");
            continue;
        }
        let hash = tokio::task::spawn_blocking(move || hash::of(&first));
        return hash.await.map_err(CliError::internal)?;
    }
    Err(refused("no passphrase was chosen"))
}

/// Returns what to tell of an attempt that was not right.
#[cfg(feature = "mcp")]
pub(crate) fn outcome_text(verdict: Verdict) -> String {
    match verdict {
        Verdict::Right => String::new(),
        Verdict::Wrong => "The passphrase is wrong.".to_owned(),
        Verdict::TooMany(wait) => {
            let wait = when::span(wait);
            format!("Too many wrong passphrases: try again in {wait}.")
        }
    }
}

fn too_many(wait: Duration) -> CliError {
    let text = format!(
        "too many wrong passphrases; none is looked at for {}",
        when::span(wait)
    );
    refused(&text).with_hint("somebody guesses: look at what runs under this user")
}

fn broken() -> CliError {
    let text = "this home has agents and no passphrase, so nobody can prove to be the operator";
    refused(text).with_hint(
        "nothing brings it back: settle what is open (`l402 payments`), move the folder client/ of the \
         home away, which takes limits, tokens and history along, and add the agents anew",
    )
}

fn refused(text: &str) -> CliError {
    let text = format!("{text}; nothing was changed and no money moved");
    CliError::new(exit_code::REFUSED_NOT_OPERATOR, "not_operator", text)
}

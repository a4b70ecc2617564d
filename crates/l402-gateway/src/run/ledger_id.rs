//! The file `ledger.id`: which ledger goes with the keys of this home.

use std::fs;
use std::io::{self, Read as _};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use l402::KeyNumber;
use l402_host::{FileError, private};
use l402_server::ledger::{LedgerId, LedgerMark};
use serde_json::{Value, json};

use super::Home;
use crate::{GatewayError, GatewayErrorKind};

/// The largest file that is read, in bytes; one of ours has about 100.
const MAX_BYTES: u64 = 4096;

/// Reads the mark; `None` if there is no file.
pub(super) fn read(home: &Home) -> Result<Option<LedgerMark>, GatewayError> {
    let path = home.ledger_id();
    let found = fs::symlink_metadata(&path);
    // Looked for first: `open` below makes a missing file, and an empty one counts as damaged.
    if found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let unusable = |kind, what: &dyn std::fmt::Display| {
        let text = format!("cannot use {}: {what}", path.display());
        GatewayError::new(kind, text)
    };
    let file = private::open(&path)
        .map_err(|error| unusable(GatewayErrorKind::UnsafeFile, error.fault()))?;
    let mut text = String::new();
    let read = file.take(MAX_BYTES).read_to_string(&mut text);
    read.map_err(|error| unusable(GatewayErrorKind::Ledger, &error))?;
    let damaged = || {
        let what = "it is damaged; restore it, or start once with --new-ledger, which ends the \
                    counted tokens that were sold before";
        unusable(GatewayErrorKind::OtherLedger, &what)
    };
    parse(&text).map(Some).ok_or_else(damaged)
}

/// Writes the mark, unless a later one, or that of another ledger, stands there.
fn keep(home: &Home, mark: LedgerMark) -> Result<(), GatewayError> {
    match read(home)? {
        Some(found) if found.id != mark.id || found.epoch > mark.epoch => Ok(()),
        _ => write(home, mark).map_err(|error| {
            let text = format!("cannot write {error}");
            GatewayError::new(GatewayErrorKind::Ledger, text).with_source(error)
        }),
    }
}

/// A thread that writes marks. The thread of the ledger must not wait for a second file: what it
/// settles has to be durable within milliseconds.
#[derive(Debug)]
pub(super) struct Keeper {
    /// `None` once it ends.
    marks: Option<Sender<LedgerMark>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts the thread. It ends when the keeper is dropped, after the last mark is written.
    pub(super) fn start(home: &Home) -> Result<Self, GatewayError> {
        let home = home.clone();
        let (sender, marks) = mpsc::channel::<LedgerMark>();
        let thread = std::thread::Builder::new().name("l402-ledger-id".to_owned());
        let thread = thread.spawn(move || {
            for mark in &marks {
                // Only the newest of those that wait.
                let mark = marks.try_iter().last().unwrap_or(mark);
                if let Err(error) = keep(&home, mark) {
                    tracing::error!(%error, "cannot note that the ledger has grown");
                }
            }
        });
        let thread = thread.map_err(|error| {
            let text = format!("no thread for ledger.id: {error}");
            GatewayError::new(GatewayErrorKind::Runtime, text).with_source(error)
        })?;
        Ok(Self {
            marks: Some(sender),
            thread: Some(thread),
        })
    }

    /// Has a mark written. Returns at once.
    pub(super) fn keep(&self, mark: LedgerMark) {
        if let Some(marks) = &self.marks {
            // The thread ends with the keeper, so it is there.
            let _ = marks.send(mark);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.marks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Writes the mark in the place of any other.
pub(super) fn write(home: &Home, mark: LedgerMark) -> Result<(), FileError> {
    let text = json!({
        "id": mark.id.to_string(),
        "epoch": mark.epoch,
        "number": mark.number.0,
    });
    private::replace(&home.ledger_id(), format!("{text}\n").as_bytes())
}

fn parse(text: &str) -> Option<LedgerMark> {
    let value: Value = serde_json::from_str(text).ok()?;
    let id = value.get("id")?.as_str()?;
    let digits = (id.len() == 32).then(|| u128::from_str_radix(id, 16).ok())?;
    let number = value.get("number")?.as_u64()?;
    Some(LedgerMark {
        id: LedgerId::from_bytes(digits?.to_be_bytes()),
        epoch: value.get("epoch")?.as_u64()?,
        number: KeyNumber(u16::try_from(number).ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn mark(id: u8, epoch: u64) -> LedgerMark {
        LedgerMark {
            id: LedgerId::from_bytes([id; 16]),
            epoch,
            number: KeyNumber(3),
        }
    }

    #[test]
    fn the_file_never_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path()).unwrap();
        assert_eq!(read(&home).unwrap(), None);
        for (kept, left) in [
            (mark(1, 7), mark(1, 7)),
            (mark(1, 6), mark(1, 7)),
            (mark(2, 9), mark(1, 7)),
            (mark(1, 8), mark(1, 8)),
        ] {
            keep(&home, kept).unwrap();
            assert_eq!(read(&home).unwrap(), Some(left));
        }
        write(&home, mark(2, 1)).unwrap();
        assert_eq!(read(&home).unwrap(), Some(mark(2, 1)));
    }

    #[test]
    fn a_file_that_is_cut_off_is_damaged_and_not_missing() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path()).unwrap();
        write(&home, mark(1, 7)).unwrap();
        let whole = fs::read(home.ledger_id()).unwrap();
        for part in [&whole[..0], &whole[..20], b"{}", b"{\"id\":1}"] {
            private::replace(&home.ledger_id(), part).unwrap();
            let error = read(&home).unwrap_err();
            assert_eq!(error.kind(), GatewayErrorKind::OtherLedger);
            assert!(error.to_string().contains("ledger.id"), "{error}");
        }
    }
}

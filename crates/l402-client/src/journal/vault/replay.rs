//! A kept answer, had again.

use std::fs::File;
use std::io::{self, BufReader, Read};

use http::{HeaderMap, StatusCode};
use l402::{PaymentHash, UnixTime};
use url::Url;

use super::answer::AnswerHead;
use super::fault::ReplayError;
use super::folder::Vault;
use super::name::{FileName, Place};
use super::sealed::Opener;
use crate::journal::{BudgetName, Journal, Purchase};

/// The longest head of a kept answer, in bytes.
const HEAD_MAX: usize = 1024 * 1024;

/// A kept answer. Its file was read to its end once and found whole before this value is made.
pub struct ReplayedAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The URL that answered.
    pub url: Url,
    /// The time at which it was kept.
    pub kept_at: UnixTime,
    file: std::path::PathBuf,
    opener: Opener<BufReader<File>>,
    /// The part of the body that was read together with the head.
    begun: Vec<u8>,
}

impl std::fmt::Debug for ReplayedAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplayedAnswer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl ReplayedAnswer {
    /// Returns the next piece of the body, or `None` at its end. Blocks.
    ///
    /// # Errors
    /// If the file was changed since it was found whole.
    pub fn chunk(&mut self) -> Result<Option<Vec<u8>>, ReplayError> {
        if !self.begun.is_empty() {
            return Ok(Some(std::mem::take(&mut self.begun)));
        }
        let next = self.opener.next();
        next.map_err(|error| fault(&self.file, &error))
    }
}

impl Journal {
    /// Returns the newest answer that one payment bought, if it is kept. Asks nobody and pays nothing.
    /// Blocks.
    ///
    /// # Errors
    /// See [`ReplayError`]. A file that was changed is an error before any part of it is returned.
    pub fn replay(&self, hash: &PaymentHash) -> Result<Option<ReplayedAnswer>, ReplayError> {
        self.replay_if(hash, |_| true)
    }

    /// Returns the newest answer that one payment from this budget bought, as [`Journal::replay`] does.
    /// `None` also if the payment was made from another budget.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub fn replay_of_budget(
        &self,
        budget: &BudgetName,
        hash: &PaymentHash,
    ) -> Result<Option<ReplayedAnswer>, ReplayError> {
        self.replay_if(hash, |row| row.budget == *budget)
    }

    fn replay_if(
        &self,
        hash: &PaymentHash,
        is_shown: impl FnOnce(&Purchase) -> bool,
    ) -> Result<Option<ReplayedAnswer>, ReplayError> {
        let vault = self.vault();
        let Some((place, name)) = vault.newest(hash) else {
            return Ok(None);
        };
        if vault.key_file().symlink_metadata().is_err() {
            let file = vault.key_file();
            return Err(ReplayError::KeyLost { file });
        }
        // The file is bound to the payment as the journal has it.
        let row = self.with(|store| store.purchase(hash));
        let row = row.map_err(ReplayError::Journal)?;
        let Some(row) = row.filter(is_shown) else {
            return Ok(None);
        };
        let receipt = row.receipt(true).digest();
        let file = vault.path(place, &name);
        let opened = open_whole(vault, (place, &name), receipt);
        let (opener, head, begun) = opened.map_err(|error| fault(&file, &error))?;
        Ok(Some(ReplayedAnswer {
            status: head.status,
            headers: head.headers,
            url: head.url,
            kept_at: name.kept,
            file,
            opener,
            begun,
        }))
    }
}

type OpenAnswer = (Opener<BufReader<File>>, AnswerHead, Vec<u8>);

/// Reads a file to its end, and opens it once more: of an answer that is damaged, no part is shown.
fn open_whole(
    vault: &Vault,
    (place, name): (Place, &FileName),
    receipt: [u8; 32],
) -> io::Result<OpenAnswer> {
    let mut trial = vault.open(place, name, receipt)?;
    while trial.next()?.is_some() {}
    let mut opener = vault.open(place, name, receipt)?;
    let (head, begun) = read_head(&mut opener)?;
    Ok((opener, head, begun))
}

/// Reads the head, and returns what was read of the body with it.
pub(super) fn read_head<R: Read>(opener: &mut Opener<R>) -> io::Result<(AnswerHead, Vec<u8>)> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    let (mut bytes, mut length) = (Vec::new(), None);
    loop {
        if let Some(end) = length.filter(|end| bytes.len() >= *end) {
            let body = bytes.split_off(end);
            let head = serde_json::from_slice(bytes.get(4..).unwrap_or_default());
            let head = head.ok().and_then(|head| AnswerHead::of(&head));
            return head.map(|head| (head, body)).ok_or_else(invalid);
        }
        bytes.extend(opener.next()?.ok_or_else(invalid)?);
        if let (None, Some(prefix)) = (length, bytes.first_chunk::<4>()) {
            let head = usize::try_from(u32::from_be_bytes(*prefix)).map_err(|_| invalid())?;
            length = Some(head + 4).filter(|_| head <= HEAD_MAX);
            length.ok_or_else(invalid)?;
        }
    }
}

fn fault(file: &std::path::Path, error: &io::Error) -> ReplayError {
    match error.kind() {
        io::ErrorKind::InvalidData => ReplayError::Damaged {
            file: file.to_owned(),
        },
        _ => ReplayError::File {
            detail: format!("{}: {error}", file.display()),
        },
    }
}

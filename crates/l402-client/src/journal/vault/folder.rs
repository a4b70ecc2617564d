//! The folders of the vault, its key, and what makes way.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use l402::{PaymentHash, UnixTime};
use l402_host::{FileLock, private};
use zeroize::Zeroizing;

use super::answer::{ANSWER_MAX, AnswerHead, KeptAnswer};
use super::keeping::Keeping;
use super::name::{AnswerId, FileName, Place, draft, is_draft, lock_of};
use super::replay::read_head;
use super::sealed::{Key, Opener, Sealer};

/// The time for which an answer is owed: then the same request is asked anew.
const OWED: Duration = Duration::from_secs(24 * 60 * 60);

/// The most that is owed in all, in bytes.
const OWED_MAX: u64 = 256 * 1024 * 1024;

/// The most answers in a folder, so that it is read in no time.
const FILES_MAX: usize = 2000;

/// The bounds of the vault. The oldest answers make way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VaultLimits {
    /// The longest body that is kept, in bytes. 64 MiB by default.
    pub answer_max_bytes: u64,
    /// The most that all files hold, in bytes. 512 MiB by default.
    pub total_max_bytes: u64,
    /// The time for which an answer is kept. 30 days by default.
    pub keep: Duration,
}

impl Default for VaultLimits {
    fn default() -> Self {
        Self {
            answer_max_bytes: 64 * 1024 * 1024,
            total_max_bytes: 512 * 1024 * 1024,
            keep: Duration::from_secs(30 * 24 * 60 * 60),
        }
    }
}

/// The vault of a journal. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Vault {
    /// The folder of the journal.
    folder: Arc<Path>,
    /// `None` if delivered answers are not kept.
    limits: Option<VaultLimits>,
}

impl Vault {
    pub(crate) fn new(folder: &Path, limits: Option<VaultLimits>) -> Self {
        Self {
            folder: folder.into(),
            limits,
        }
    }

    /// Returns true if no answer is owed, as most of the time.
    pub(crate) fn owes_nothing(&self) -> bool {
        match self.at(Place::Owed).read_dir() {
            Ok(mut entries) => entries.next().is_none(),
            // One that cannot be read may hold an answer.
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Returns the names of the answers that are owed to a request. Blocks.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(crate) fn owed(&self, request: &str, now: UnixTime) -> io::Result<Vec<FileName>> {
        self.prune(Place::Owed, &self.texts(Place::Owed), now);
        let texts = self.listed(Place::Owed)?.into_iter();
        let names = texts.filter_map(|text| FileName::read(&text));
        Ok(names.filter(|name| name.request == request).collect())
    }

    /// Reads a whole answer that is owed. `None` if there is none any more: another call has had it, or
    /// it was damaged and is removed here. Blocks.
    ///
    /// # Errors
    /// If it cannot be read for now. It stays, for it may be had later, and was paid for.
    pub(crate) fn take(
        &self,
        name: &FileName,
        receipt: [u8; 32],
    ) -> io::Result<Option<KeptAnswer>> {
        match self.read(name, receipt) {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                tracing::warn!(payment = %name.payment_hash, %error, "a kept answer cannot be read");
                self.remove(Place::Owed, name);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the newest answer that one payment bought. Blocks.
    pub(super) fn newest(&self, hash: &PaymentHash) -> Option<(Place, FileName)> {
        let at = |place| {
            let names = self.names(place).into_iter();
            names.map(move |name| (place, name))
        };
        at(Place::Had)
            .chain(at(Place::Owed))
            .filter(|(_, name)| name.payment_hash == *hash)
            .max_by_key(|(_, name)| name.kept)
    }

    /// Begins to keep an answer that is being delivered. `None` if such are not kept. Blocks.
    pub(crate) fn begin(
        &self,
        id: &AnswerId,
        head: &AnswerHead,
        now: UnixTime,
    ) -> io::Result<Option<Keeping>> {
        let Some(limits) = self.limits else {
            return Ok(None);
        };
        let keeping = self.draft(Place::Had, id, head, (limits.answer_max_bytes, now));
        keeping.map(Some)
    }

    /// Returns true if a body of this length is kept.
    pub(crate) fn takes(&self, length: u64) -> bool {
        self.limits
            .is_some_and(|limits| length <= limits.answer_max_bytes)
    }

    /// Keeps an answer that could not be delivered, durable when this returns. Blocks.
    pub(crate) fn owe(&self, id: &AnswerId, answer: &KeptAnswer, now: UnixTime) -> io::Result<()> {
        let most = ANSWER_MAX as u64;
        let mut keeping = self.draft(Place::Owed, id, &answer.head, (most, now))?;
        keeping.add(&answer.body)?;
        keeping.finish()
    }

    fn draft(
        &self,
        place: Place,
        id: &AnswerId,
        head: &AnswerHead,
        (left, now): (u64, UnixTime),
    ) -> io::Result<Keeping> {
        let folder = self.at(place);
        private::create_folder(&folder).map_err(io::Error::other)?;
        private::create_hex_key(&self.key_file()).map_err(io::Error::other)?;
        // Of a version before, in plain: each was good for a day.
        let _ = fs::remove_dir_all(self.folder.join("answers"));
        let key = self.key()?;
        let random = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
        let path = folder.join(draft(random));
        let lock = FileLock::create(&lock_of(&path)).map_err(io::Error::other)?;
        let file = private::open(&path).map_err(io::Error::other)?;
        let mut keeping = Keeping {
            vault: self.clone(),
            place,
            name: FileName {
                payment_hash: id.payment_hash,
                request: id.request.clone(),
                kept: now,
                size: 0,
            },
            draft: path,
            _lock: lock,
            sealer: None,
            left,
        };
        let mut sealer = Sealer::new(BufWriter::new(file), &key, id.associated_data())?;
        let head = head.to_json().to_string();
        let length = u32::try_from(head.len()).map_err(io::Error::other)?;
        sealer.add(&length.to_be_bytes())?;
        sealer.add(head.as_bytes())?;
        keeping.sealer = Some(sealer);
        Ok(keeping)
    }

    /// Moves a whole file to its place. Earlier answers to the same request, and the oldest of all,
    /// make way.
    pub(super) fn place(&self, place: Place, draft: &Path, name: &FileName) -> io::Result<()> {
        let mut texts = self.texts(place);
        // Of one second, both have one name. Some file systems write a file out that is renamed over
        // another, which takes longer than the whole answer; and an archive may lack it for a moment.
        if place == Place::Had && texts.contains(&name.text()) {
            self.remove(place, name);
        }
        fs::rename(draft, self.path(place, name))?;
        let earlier = texts.iter().filter_map(|text| FileName::read(text));
        for old in earlier.filter(|old| old.is_same_answer(name) && old != name) {
            self.remove(place, &old);
        }
        let draft = draft.file_name();
        texts.retain(|text| Some(text.as_ref()) != draft && !is_earlier(text, name));
        texts.push(name.text());
        self.prune(place, &texts, name.kept);
        Ok(())
    }

    /// Reads a whole answer that is owed. Blocks.
    fn read(&self, name: &FileName, receipt: [u8; 32]) -> io::Result<KeptAnswer> {
        let mut opener = self.open(Place::Owed, name, receipt)?;
        let (head, mut body) = read_head(&mut opener)?;
        while let Some(piece) = opener.next()? {
            if body.len() + piece.len() > ANSWER_MAX {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            body.extend_from_slice(&piece);
        }
        Ok(KeptAnswer { head, body })
    }

    /// Opens a file for reading.
    pub(super) fn open(
        &self,
        place: Place,
        name: &FileName,
        receipt: [u8; 32],
    ) -> io::Result<Opener<BufReader<File>>> {
        let path = self.path(place, name);
        // Not opened if it is missing, for that would make it.
        path.symlink_metadata()?;
        let file = private::open(&path).map_err(io::Error::other)?;
        let id = AnswerId {
            payment_hash: name.payment_hash,
            request: name.request.clone(),
            receipt,
        };
        Opener::new(BufReader::new(file), &self.key()?, id.associated_data())
    }

    /// An answer that was owed was delivered now.
    pub(crate) fn delivered(&self, name: &FileName) {
        let (from, to) = (self.path(Place::Owed, name), self.path(Place::Had, name));
        let is_kept = self.limits.is_some()
            && private::create_folder(&self.at(Place::Had)).is_ok()
            && fs::rename(from, to).is_ok();
        if !is_kept {
            self.remove(Place::Owed, name);
        }
    }

    pub(crate) fn remove(&self, place: Place, name: &FileName) {
        // One that stays is in the way of nobody, and ends with its time.
        let _ = fs::remove_file(self.path(place, name));
    }

    /// Takes away what is too old, is dated far ahead, or is beyond the bounds, the oldest first, and
    /// drafts that a crash has left. `texts` are the names of all files.
    fn prune(&self, place: Place, texts: &[String], now: UnixTime) {
        let limits = self.limits.unwrap_or_default();
        let (keep, most) = match place {
            Place::Had => (limits.keep, limits.total_max_bytes),
            Place::Owed => (OWED, OWED_MAX),
        };
        let mut names: Vec<_> = texts.iter().filter_map(|it| FileName::read(it)).collect();
        names.sort_unstable_by_key(|name| std::cmp::Reverse(name.kept));
        let mut sum: u64 = 0;
        for (at, name) in names.iter().enumerate() {
            sum = sum.saturating_add(name.size);
            if !is_within(name.kept, keep, now) || sum > most || at >= FILES_MAX {
                self.remove(place, name);
            }
        }
        for text in texts.iter().filter(|text| is_draft(text)) {
            let draft = self.at(place).join(text);
            if FileLock::is_abandoned(&lock_of(&draft)) {
                let _ = fs::remove_file(draft);
            }
        }
    }

    fn names(&self, place: Place) -> Vec<FileName> {
        let texts = self.texts(place).into_iter();
        texts.filter_map(|text| FileName::read(&text)).collect()
    }

    fn texts(&self, place: Place) -> Vec<String> {
        self.listed(place).unwrap_or_default()
    }

    /// Returns what is in a folder, nothing if there is none.
    fn listed(&self, place: Place) -> io::Result<Vec<String>> {
        let entries = match self.at(place).read_dir() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?.collect::<io::Result<Vec<_>>>()?,
        };
        let texts = entries.into_iter();
        let texts = texts.filter_map(|entry| entry.file_name().into_string().ok());
        Ok(texts.collect())
    }

    fn at(&self, place: Place) -> PathBuf {
        self.folder.join("vault").join(place.folder())
    }

    pub(super) fn path(&self, place: Place, name: &FileName) -> PathBuf {
        self.at(place).join(name.text())
    }

    pub(super) fn key_file(&self) -> PathBuf {
        self.folder.join("vault.key")
    }

    fn key(&self) -> io::Result<Key> {
        let text = private::read(&self.key_file()).map_err(io::Error::other)?;
        let mut key = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim_ascii(), key.as_mut_slice())
            .map_err(|_| io::Error::other("the key of the vault is not one"))?;
        Ok(key)
    }
}

/// Returns true for the name of another answer to the same request that the same payment paid for.
fn is_earlier(text: &str, name: &FileName) -> bool {
    FileName::read(text).is_some_and(|it| it.is_same_answer(name))
}

/// Returns true if something of this time is kept still. One that is dated ahead, but for a day, is
/// not: the clock was set back, and its date says nothing.
fn is_within(time: UnixTime, keep: Duration, now: UnixTime) -> bool {
    time.saturating_add(keep) > now && time <= now.saturating_add(OWED)
}

#[cfg(test)]
mod tests;

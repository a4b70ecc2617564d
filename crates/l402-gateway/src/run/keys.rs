//! The master keys: read from their files, or made at the first start.

use std::path::Path;

use l402::{KeyNumber, MasterKey, UnixTime};
use l402_host::private;
use zeroize::Zeroizing;

use super::Home;
use crate::config::KeyEntry;
use crate::{GatewayError, GatewayErrorKind};

/// The keys that the configuration names, and those whose files lie in the home folder, each in the
/// order of their numbers.
#[derive(Debug)]
pub(super) struct Keys {
    named: Vec<NamedKey>,
    found: Vec<NamedKey>,
    /// True if the last one was made just now, and stands in no file yet.
    is_fresh: bool,
}

#[derive(Debug)]
struct NamedKey {
    number: KeyNumber,
    key: MasterKey,
    until: Option<UnixTime>,
}

impl Keys {
    /// Reads every key that is named. The key of the home folder is made in memory if it is missing
    /// and would sell; any other missing file is an error, for a misspelt name would start the
    /// gateway with a new key, and turn all paid tokens away.
    pub(super) fn read(home: &Home, entries: &[KeyEntry]) -> Result<Self, GatewayError> {
        let mut keys = Self {
            named: Vec::new(),
            found: Vec::new(),
            is_fresh: false,
        };
        for (index, entry) in entries.iter().enumerate() {
            let sells = index + 1 == entries.len();
            let own = home.master_key();
            let key = match &entry.file {
                Some(file) => read(file)?,
                // Only the number that sells: a new key is of no use for the tokens of
                // an earlier one.
                None if sells && own.symlink_metadata().is_err() => {
                    keys.is_fresh = true;
                    make(&own)?
                }
                None => read(&own)?,
            };
            let KeyEntry { number, until, .. } = *entry;
            keys.named.push(NamedKey { number, key, until });
        }
        for number in home.key_numbers() {
            // The configuration wins.
            if !keys.numbers().any(|named| named == number) {
                let (key, until) = (read(&home.key(number))?, None);
                keys.found.push(NamedKey { number, key, until });
            }
        }
        keys.found.sort_by_key(|key| key.number);
        Ok(keys)
    }

    /// Reads the file of a number in the home folder, if it is there by now. Returns true if it holds the
    /// key with this fingerprint.
    pub(super) fn find(&mut self, home: &Home, number: KeyNumber, wanted: &[u8; 16]) -> bool {
        // A file that is missing, or copied only in part, is looked for again later.
        let Ok(key) = read(&home.key(number)) else {
            return false;
        };
        if key.fingerprint() != *wanted {
            return false;
        }
        let until = None;
        self.found.push(NamedKey { number, key, until });
        self.found.sort_by_key(|key| key.number);
        true
    }

    /// Returns the key with a fingerprint, if it is here.
    pub(super) fn holding(&self, fingerprint: &[u8; 16]) -> Option<&MasterKey> {
        let here = self.named.iter().chain(&self.found);
        let mut here = here.map(|named| &named.key);
        here.find(|key| key.fingerprint() == *fingerprint)
    }

    /// Returns true if one of these keys is here.
    pub(super) fn holds_one_of<'a>(&self, mut known: impl Iterator<Item = &'a [u8; 16]>) -> bool {
        known.any(|fingerprint| self.holding(fingerprint).is_some())
    }

    /// Returns the end that the configuration names for a number with this key.
    pub(super) fn until(&self, number: KeyNumber, fingerprint: &[u8; 16]) -> Option<UnixTime> {
        let named = self.named.iter().rfind(|named| named.number <= number);
        let same = named.filter(|named| named.key.fingerprint() == *fingerprint);
        same.and_then(|named| named.until)
    }

    /// Returns the number of the entry that names the key of a number.
    pub(super) fn named_for(&self, number: KeyNumber) -> KeyNumber {
        let named = self.named.iter().rfind(|named| named.number <= number);
        named.map_or(number, |named| named.number)
    }

    /// Returns the fingerprint of the key that the configuration names for exactly this number.
    pub(super) fn named(&self, number: KeyNumber) -> Option<[u8; 16]> {
        let mut named = self.named.iter();
        let named = named.find(|named| named.number == number);
        named.map(|named| named.key.fingerprint())
    }

    /// The highest number of a key that is here, named or not.
    pub(super) fn highest_here(&self) -> KeyNumber {
        let found = self.found.last().map(|found| found.number);
        found.map_or(self.highest(), |found| found.max(self.highest()))
    }

    /// Returns true if the key that would sell was made just now.
    pub(super) const fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Writes the key that was made just now, if one was.
    pub(super) fn store(&self, home: &Home) -> Result<(), GatewayError> {
        match self.named.last().filter(|_| self.is_fresh) {
            Some(last) => write(&home.master_key(), &last.key),
            None => Ok(()),
        }
    }

    /// The highest number that is named.
    pub(super) fn highest(&self) -> KeyNumber {
        self.named.last().map_or(KeyNumber(1), |last| last.number)
    }

    /// Returns the fingerprint of the key of a number: its own, or the nearest lower number's.
    pub(super) fn fingerprint(&self, number: KeyNumber) -> Option<[u8; 16]> {
        self.nearest(number).map(|named| named.key.fingerprint())
    }

    /// Returns each number that is named.
    pub(super) fn numbers(&self) -> impl Iterator<Item = KeyNumber> {
        self.named.iter().map(|named| named.number)
    }

    fn nearest(&self, number: KeyNumber) -> Option<&NamedKey> {
        let here = self.named.iter().chain(&self.found);
        let below = here.filter(|named| named.number <= number);
        below.max_by_key(|named| named.number)
    }
}

/// Makes a key. Its file, which is not there yet, is named in errors.
pub(super) fn make(path: &Path) -> Result<MasterKey, GatewayError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| wrong(path, &error))?;
    MasterKey::from_bytes(bytes.as_slice()).map_err(|error| wrong(path, &error))
}

/// Writes a key into a new file, for the owner alone.
pub(super) fn write(path: &Path, key: &MasterKey) -> Result<(), GatewayError> {
    let mut text = key.to_hex();
    text.push('\n');
    match private::create(path, text.as_bytes()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(wrong(path, &"there is such a file already")),
        Err(error) => Err(unreadable(path, error)),
    }
}

/// Returns a fingerprint as 32 hexadecimal digits.
pub(super) fn hex(fingerprint: &[u8; 16]) -> String {
    fingerprint
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Reads one key.
pub(super) fn read(path: &Path) -> Result<MasterKey, GatewayError> {
    let text = private::read_key(path).map_err(|error| unreadable(path, error))?;
    let text = std::str::from_utf8(&text).map_err(|error| wrong(path, &error))?;
    MasterKey::from_hex(text).map_err(|error| wrong(path, &error))
}

fn wrong(path: &Path, what: &dyn std::fmt::Display) -> GatewayError {
    let text = format!("cannot use the master key {}: {what}", path.display());
    GatewayError::new(GatewayErrorKind::MasterKey, text)
}

fn unreadable(path: &Path, error: l402_host::FileError) -> GatewayError {
    let kind = match error.fault() {
        fault if fault.is_unsafe() => GatewayErrorKind::UnsafeFile,
        _ => GatewayErrorKind::MasterKey,
    };
    let text = format!(
        "cannot use the master key {}: {}",
        path.display(),
        error.fault()
    );
    GatewayError::new(kind, text).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::at(folder.path().join("a/b")).expect("a home");
        (folder, home)
    }

    fn read_default(home: &Home) -> Result<Keys, GatewayError> {
        Keys::read(home, &[KeyEntry::DEFAULT])
    }

    #[test]
    fn a_key_is_made_once_and_found_again() {
        let (_folder, home) = home();
        let keys = read_default(&home).unwrap();
        assert!(keys.is_fresh() && !home.master_key().exists());
        keys.store(&home).unwrap();
        let found = read_default(&home).unwrap();
        assert!(!found.is_fresh());
        let number = KeyNumber(1);
        assert_eq!(found.fingerprint(number), keys.fingerprint(number));
        assert!(keys.store(&home).is_err(), "an existing key stays");
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn key_and_folder_are_for_the_owner_alone() {
        use std::fs;
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, home) = home();
        read_default(&home).unwrap().store(&home).unwrap();
        let key = home.master_key();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(home.path()), mode(&key)), (0o700, 0o600));

        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let error = read_default(&home).unwrap_err();
        assert_eq!(error.kind(), GatewayErrorKind::UnsafeFile);
        let error = error.to_string();
        assert!(
            error.contains("chmod 600") && error.contains("master.key"),
            "{error}"
        );
    }

    #[test]
    fn a_weak_key_is_refused_by_name() {
        let (_folder, home) = home();
        let path = home.path().join("mine.key");
        private::create(&path, "00".repeat(32).as_bytes()).unwrap();
        let entry = KeyEntry {
            file: Some(path),
            ..KeyEntry::DEFAULT
        };
        let error = Keys::read(&home, &[entry]).unwrap_err().to_string();
        assert!(
            error.contains("mine.key") && error.contains("guessed"),
            "{error}"
        );
    }
}

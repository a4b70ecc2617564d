//! The seal of an entry, which shows what was changed by hand.

use sha2::{Digest as _, Sha256};

use super::Entry;
use super::entry::Field;

/// A SHA-256 over the seal before it and the content of an entry. 32 zero bytes before the first.
pub type Seal = [u8; 32];

/// An entry as it stands in the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The number of the writer.
    pub writer: i64,
    /// The number of the entry with its writer, from 1 without a gap.
    pub number: i64,
    /// The content.
    pub entry: Entry,
    /// The seal.
    pub seal: Seal,
}

/// The first and the last entry of a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the writer.
    pub writer: i64,
    /// The number and the seal of the last entry that was pruned; 0 and zero bytes if none was.
    pub base: (i64, Seal),
    /// The number and the seal of the newest entry.
    pub newest: (i64, Seal),
}

/// Returns the seal of an entry. Fields are told apart by their kind and length.
pub(super) fn seal_of(before: &Seal, writer: i64, number: i64, entry: &Entry) -> Seal {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(writer.to_le_bytes());
    hash.update(number.to_le_bytes());
    for field in entry.fields() {
        match &field {
            Field::Null => hash.update([0]),
            Field::Integer(integer) => {
                hash.update([1]);
                hash.update(integer.to_le_bytes());
            }
            Field::Bytes(bytes) => part(&mut hash, 2, bytes),
            Field::Text(text) => part(&mut hash, 3, text.as_bytes()),
        }
    }
    hash.finalize().into()
}

fn part(hash: &mut Sha256, kind: u8, bytes: &[u8]) {
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

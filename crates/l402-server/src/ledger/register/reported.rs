//! The keys of a report as a column: 18 bytes a key, the number and the fingerprint.

use l402::KeyNumber;

const NUMBER: usize = 2;
const LENGTH: usize = NUMBER + 16;

/// Writes the column.
pub(super) fn write(keys: &[(KeyNumber, [u8; 16])]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(keys.len().saturating_mul(LENGTH));
    for (number, fingerprint) in keys {
        bytes.extend(number.0.to_be_bytes());
        bytes.extend(fingerprint);
    }
    bytes
}

/// Reads the column. What is cut off counts as not reported.
pub(super) fn read(bytes: &[u8]) -> Vec<(KeyNumber, [u8; 16])> {
    let keys = bytes.chunks_exact(LENGTH).filter_map(|key| {
        let (number, fingerprint) = key.split_at_checked(NUMBER)?;
        let number = u16::from_be_bytes(number.try_into().ok()?);
        Some((KeyNumber(number), fingerprint.try_into().ok()?))
    });
    keys.collect()
}

//! The names of kept answers, which say what they are without being opened.

use std::path::{Path, PathBuf};

use l402::{PaymentHash, UnixTime};

/// The folder of a kept answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Delivered.
    Had,
    /// Had, and not delivered.
    Owed,
}

impl Place {
    pub(super) const fn folder(self) -> &'static str {
        match self {
            Self::Had => "had",
            Self::Owed => "owed",
        }
    }
}

/// The facts that a file is bound to: under any other ones it cannot be opened.
#[derive(Clone, Debug)]
pub(crate) struct AnswerId {
    pub(crate) payment_hash: PaymentHash,
    /// The name of the request, 64 hexadecimal digits; see `Hop::name`.
    pub(crate) request: String,
    /// The digest of the receipt, as the journal has it.
    pub(crate) receipt: [u8; 32],
}

impl AnswerId {
    pub(super) fn associated_data(&self) -> Vec<u8> {
        let Self {
            payment_hash,
            request,
            receipt,
        } = self;
        [
            b"l402 vault 1\n",
            &payment_hash.as_bytes()[..],
            request.as_bytes(),
            receipt,
        ]
        .concat()
    }
}

/// The name of a file: payment hash, request, time and length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileName {
    pub(crate) payment_hash: PaymentHash,
    pub(crate) request: String,
    pub(crate) kept: UnixTime,
    pub(super) size: u64,
}

impl FileName {
    pub(super) fn text(&self) -> String {
        let (kept, size) = (self.kept.secs(), self.size);
        format!("{}.{}.{kept}.{size}", self.payment_hash, self.request)
    }

    /// Reads a name. `None` for a file that is not ours.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let name = Self {
            payment_hash: parts.next()?.parse().ok()?,
            request: parts.next()?.to_owned(),
            kept: UnixTime::from_secs(parts.next()?.parse().ok()?),
            size: parts.next()?.parse().ok()?,
        };
        // One spelling, so that a name that was read finds its file.
        (name.text() == text).then_some(name)
    }

    /// Returns true if both are answers to one request that one payment paid for.
    pub(super) fn is_same_answer(&self, other: &Self) -> bool {
        self.payment_hash == other.payment_hash && self.request == other.request
    }
}

/// Returns the name of a file that is being written.
pub(super) fn draft(random: u64) -> String {
    format!("draft-{random:016x}")
}

/// Returns true for a file that is being written, or was when its process ended.
pub(super) fn is_draft(text: &str) -> bool {
    text.starts_with("draft-") && !text.contains('.')
}

/// Returns the lock that says that a draft is being written.
pub(super) fn lock_of(draft: &Path) -> PathBuf {
    draft.with_extension("lock")
}

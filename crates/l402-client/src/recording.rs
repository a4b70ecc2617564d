//! A paid answer that is written down while it is read, for its receipt.

use std::sync::{Arc, Mutex, PoisonError};

use l402::UnixTime;

use crate::journal::Journal;
use crate::receipt::{AnswerDigest, Exchange, Receipt, ReceiptDocument};
use crate::{Error, ReceiptFault};

/// A digest that the reader of a body adds to, and a mark that is set at the end of the body.
pub(crate) type SharedDigest = Arc<Mutex<(AnswerDigest, bool)>>;

/// Adds a piece, or the end of the body.
pub(crate) fn add(digest: &SharedDigest, piece: Option<&[u8]>) {
    let mut body = digest.lock().unwrap_or_else(PoisonError::into_inner);
    match piece {
        Some(piece) => body.0.add(piece),
        None => body.1 = true,
    }
}

/// A paid exchange whose answer is being read. The receipt can be had once that is over; see
/// [`Response::record`](crate::Response::record).
pub struct Recording {
    pub(crate) receipt: Receipt,
    pub(crate) exchange: Exchange,
    pub(crate) digest: SharedDigest,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording")
            .field("receipt", &self.receipt)
            .finish_non_exhaustive()
    }
}

impl Recording {
    /// Returns the receipt, with the proof that the journal holds. If the body was not read to its end,
    /// the receipt has no digest of it: the payment is proven all the same.
    ///
    /// # Errors
    /// [`Error::Store`] if the journal cannot be read, or has no proof that holds.
    pub fn document(&self, journal: &Journal, now: UnixTime) -> Result<ReceiptDocument, Error> {
        let hash = self.receipt.payment_hash;
        let proof = journal.proof(&hash)?;
        let proof = proof.ok_or_else(|| Error::store("the journal has no proof of the payment"))?;
        let answer = {
            let body = self.digest.lock().unwrap_or_else(PoisonError::into_inner);
            body.1.then(|| body.0.clone())
        };
        let exchange = Exchange {
            answer,
            answered_at: now,
            ..self.exchange.clone()
        };
        let document = ReceiptDocument::new(&self.receipt, &proof, &exchange);
        document.map_err(|fault: ReceiptFault| {
            Error::store(format!("no receipt can be made of {hash}: {fault}"))
        })
    }
}

//! Receipts of purchases: for people and accounting, and in a file that proves the payment.

mod bought;
mod document;
mod fault;

pub use bought::{Receipt, UseOutcome, UseReport};
pub use document::{AnswerDigest, Exchange, PaymentProof, ReceiptDocument};
pub use fault::ReceiptFault;

//! BOLT 11 invoices, read through `lightning-invoice`.

mod bolt11;

#[cfg(test)]
mod tests;

pub use bolt11::{Invoice, InvoiceError, InvoiceTerms};

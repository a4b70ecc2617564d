//! The register in the file of a [`SqliteLedger`](crate::ledger::SqliteLedger).

mod changes;
mod identify;
mod keys;
mod register;
mod revocations;

pub use register::SqliteRegister;

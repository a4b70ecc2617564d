//! The register in the database of a [`PostgresLedger`](crate::ledger::PostgresLedger).

mod changes;
mod identify;
mod keys;
mod register;
mod revocations;

pub use register::PostgresRegister;

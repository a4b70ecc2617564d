//! A running gateway: its threads, and what lives as long as they do.
//!
//! `gateway` opens keys, ledger and node, binds every address and starts the workers. Each worker is
//! a thread with a runtime of its own; the node works on one control runtime that all workers reach
//! by channels. `home` is the folder with the master key and the ledger. `invoice_stock` keeps
//! invoices ready for bursts of challenges. `settlements` reads what the node was paid.

mod control;
mod gateway;
mod home;
mod invoice_stock;
mod settlements;
mod worker;

pub use gateway::Gateway;
pub use home::Home;

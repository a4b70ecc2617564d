//! A running gateway: its threads, and the state that lives as long as they do.
//!
//! `gateway` opens keys and ledger, binds every address and starts the workers. Each worker is a
//! thread with a runtime of its own; the node works on one control runtime that all workers reach by
//! channels. `reload` puts another configuration in the place of the one that is served. `home` is
//! the folder with the master key and the ledger. `begin` reads the keys and makes sure that the
//! ledger goes with them: `keys` are the files, `ledger_id` is what stands beside them, and `judge`
//! compares. `check` reads the files of a start without one. `ledger` opens the store that counts.
//! `invoice_stock` keeps invoices ready for bursts of challenges, and `descriptors` says how many
//! connections may be open.

mod begin;
mod check;
mod control;
mod descriptors;
mod gateway;
mod home;
mod invoice_stock;
mod judge;
mod keys;
mod ledger;
mod ledger_id;
mod reload;
mod settlements;
mod worker;

pub use gateway::Gateway;
pub use home::Home;
pub use reload::Reloaded;

//! A running gateway: its threads, and the state that lives as long as they do.
//!
//! `gateway` binds every address and starts the workers; `parts` opens keys, ledger and all else that a
//! start needs. Each worker is a thread with a runtime of its own; the node works on one control runtime that all workers reach by
//! channels. `reload` puts another configuration in the place of the one that is served. `home` is
//! the folder with the master key and the ledger. `begin` reads the keys and makes sure that the
//! ledger goes with them: `keys` are the files, `ledger_id` is what stands beside them, and `judge`
//! compares. `check` reads the files of a start without one, and `deep_check` asks upstreams and node. `ledger` opens the store that counts,
//! and `books` that of what was sold, into which `settlements` writes each payment.
//! `invoice_stock` keeps invoices ready for bursts of challenges, and `descriptors` says how many
//! connections may be open. `copy` moves a ledger into a database. `stores` opens the same ledger for commands. `spread` is
//! the thread that takes over what others change in the ledger's register: `revocations`, and by
//! `follow_keys` the keys, which `ring` puts together and `served_keys` hands to requests. `seller_keys`
//! lists and rotates them for commands. `upstream_checks` runs the checks of upstreams, and `upgrade`
//! hands the sockets to the next process. `sale_notices`, `key_ends` and `liquidity` tell the operator of
//! sales and payments, of keys that end soon, and of a node that can receive little. `issue` has an authority renew
//! the certificate. `traced` puts what
//! leaves spans before node and ledger.

mod begin;
mod books;
mod check;
mod control;
#[cfg(feature = "postgres")]
mod copy;
mod deep_check;
mod descriptors;
mod follow_keys;
mod gateway;
mod home;
mod invoice_stock;
mod issue;
mod judge;
mod key_ends;
mod keys;
mod late_books;
mod ledger;
mod ledger_id;
mod liquidity;
mod measured;
mod node_watch;
mod parts;
mod reading;
mod reload;
mod revocations;
mod revoke;
mod ring;
mod sale_notices;
mod seller_keys;
mod served_keys;
mod settlements;
mod spread;
mod stores;
mod traced;
mod upgrade;
mod upstream_checks;
mod worker;

pub use begin::begin_restored;
#[cfg(feature = "postgres")]
pub use copy::copy_ledger;
pub use deep_check::{Finding, FindingLevel};
pub use gateway::Gateway;
pub use home::Home;
pub(crate) use measured::MetricsSnapshot;
pub use reload::Reloaded;
pub use revoke::{ToRevoke, TokensEnded, all_revocations, payment_hash_of, revoke, token_id_of};
pub use seller_keys::{KeyLine, SellerKeys};
pub use stores::Stores;
pub use upgrade::Upgrade;

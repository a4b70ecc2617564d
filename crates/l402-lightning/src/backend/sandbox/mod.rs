//! Lightning with no network and no daemon: one SQLite file and one node key. **It is no money.**
//!
//! All processes that open the same home folder use the same sandbox. The seller makes invoices
//! with [`Receive`](crate::Receive), and the buyer pays them from a `SandboxWallet` (feature
//! `pay`). Invoices are real BOLT 11 on regtest (`lnbcrt…`), signed by the node key. The preimage
//! is derived from the key and the invoice's payment secret, so an unpaid invoice is stored
//! nowhere, and a payment is one transaction in the file.
//!
//! [`Fault`] makes payments fail, hang or lie. Money never appears or disappears:
//! [`Sandbox::totals`] gives both sums for a comparison.

#[cfg(feature = "sandbox-api")]
mod api;
mod fault;
mod file;
mod home;
mod key;
#[cfg(feature = "sandbox-nwc")]
mod nwc;
mod open;
#[cfg(feature = "pay")]
mod pay;
mod receive;
mod sign;

#[cfg(feature = "sandbox-api")]
pub use api::serve_api;
pub use fault::Fault;
pub use home::{Sandbox, Totals};
use home::{SandboxShared, local};
#[cfg(feature = "sandbox-nwc")]
pub use nwc::SandboxNwc;
pub(crate) use open::receiver;
#[cfg(feature = "pay")]
pub use pay::SandboxWallet;
#[cfg(feature = "pay")]
pub(crate) use pay::wallet;
pub(crate) use sign::signer;

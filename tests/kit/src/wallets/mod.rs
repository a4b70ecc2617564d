//! Doubles of wallets with a plain HTTP interface: phoenixd, and LNbits with two wallets. A sandbox
//! stands in for channels and payments.

mod ledger;
mod lnbits;
mod phoenixd;
mod server;

pub use ledger::{Fault, Ledger};
pub use lnbits::{ADMIN_KEY, INVOICE_KEY};
pub use phoenixd::{FULL_PASSWORD, LIMITED_PASSWORD};
pub use server::FakeServer;

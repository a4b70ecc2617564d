//! The selling side of the program: a gateway, the node that it is paid by, and its file.
//!
//! `serving` starts and stops gateway and node, and `failure` says with which exit status a start
//! fails. `own_price`, `terms` and `report` are of the command line and what it prints, and `check` looks at what a
//! start would need. While the gateway serves, `reload` takes over what its file says anew: asked by SIGHUP,
//! or because `watch` saw the file or a certificate change. `stores` opens the gateway's stores for other
//! commands, and `verify` compares its books with ledger and node. `admin_note` says in the home where it listens
//! for operators.
//!
//! ```text
//!   SIGHUP ──────────────────────────────▶ read the file ──▶ sound ──▶ Gateway::reload
//!   every 300 ms: mtime, size ─▶ watch ──▶       │
//!                                (500 ms quiet)   └──▶ mistakes ──▶ log; the old one goes on
//! ```

mod admin_note;
mod check;
mod failure;
mod own_price;
mod program;
mod reload;
mod report;
mod serving;
mod stores;
mod terms;
mod verify;
mod watch;

pub(crate) use admin_note::noted_places;
pub(crate) use check::{Depth, check};
pub(crate) use failure::{of_configuration, of_gateway};
pub(crate) use own_price::OwnPrice;
pub(crate) use reload::ConfigFile;
pub(crate) use report::{describe, report_mistakes, table};
pub(crate) use serving::{Serving, start};
pub(crate) use stores::StoreArgs;
pub(crate) use terms::Domains;
pub(crate) use verify::verify;
